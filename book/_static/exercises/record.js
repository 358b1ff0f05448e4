// What the reader has done, kept in this browser: lessons_lib/exercises/engine/record.py in the
// browser's language. A file saved here can be read by `import_progress` there, and one that
// `export_progress` wrote can be read here.
"use strict";

(() => {
  const PLACE = "transformer-transfer.progress";
  const SCHEMA = 1;
  const DAMAGED = "The progress file is damaged.";
  const RENAMED = { // exercises that were called otherwise in a file of before; as in record.py
    "transformer.shift": "training_and_generation.shift",
    "transformer.wordpiece": "tokens.wordpiece",
  };
  const unkept = {}; // for where the browser keeps nothing: it lasts as long as the page

  lessons.kept = place => {
    try {
      return localStorage.getItem(place) ?? unkept[place];
    } catch {
      return unkept[place];
    }
  };

  lessons.keep = (place, text) => {
    unkept[place] = text;
    try {
      localStorage.setItem(place, text);
    } catch {} // full, or forbidden
  };

  // The reader's record; what cannot be read is kept under another name, and a new one begins.
  lessons.load = () => {
    const text = lessons.kept(PLACE);
    if (text === undefined) return {};
    try {
      return lessons.read(text);
    } catch {
      lessons.keep(`${PLACE}.${Date.now()}.aside`, text);
      lessons.keep(PLACE, lessons.written({}));
      return {};
    }
  };

  // The record that a progress file holds.
  lessons.read = text => {
    let content;
    try {
      content = JSON.parse(text.replace(/^\uFEFF/, ""));
    } catch {
      throw new Error(DAMAGED);
    }
    const schema = content?.schema;
    if (schema === undefined) throw new Error(DAMAGED);
    if (schema !== SCHEMA) {
      throw new Error(`The progress file has schema ${schema}; this is ${SCHEMA}.`);
    }
    const {exercises} = content;
    if (!isObject(exercises) || !Object.values(exercises).every(isEntry)) throw new Error(DAMAGED);
    return renamed(exercises);
  };

  // Each entry under its exercise's present name, joined where both names are there.
  const renamed = record => {
    const all = Object.entries(record);
    return lessons.merge(
      Object.fromEntries(all.filter(([name]) => !(name in RENAMED))),
      Object.fromEntries(
        all.filter(([name]) => name in RENAMED).map(([name, entry]) => [RENAMED[name], entry]),
      ),
    );
  };

  lessons.written = record => {
    const sorted = object => Object.fromEntries(Object.entries(object).sort());
    const entries = Object.entries(sorted(record)).map(([name, entry]) => [name, sorted(entry)]);
    return JSON.stringify({exercises: Object.fromEntries(entries), schema: SCHEMA}, null, 1);
  };

  // Add one try; the first guess stays.
  lessons.save = (name, passed, guess) => {
    const record = lessons.load();
    const entry = (record[name] ??= {passed: false, tries: 0});
    entry.tries += 1;
    if (passed && !entry.passed) {
      entry.passed = true;
      entry.passed_at = `${new Date().toISOString().slice(0, 19)}+00:00`;
    }
    if (guess !== null) entry.first_guess ??= guess;
    lessons.keep(PLACE, lessons.written(record));
  };

  // Join another record into the reader's own; nothing is lost, whichever comes first.
  lessons.join = record =>
    lessons.keep(PLACE, lessons.written(lessons.merge(lessons.load(), record)));

  lessons.merge = (one, other) => {
    const joined = {...one};
    for (const [name, entry] of Object.entries(other)) {
      joined[name] = name in one ? mergeEntries(one[name], entry) : entry;
    }
    return joined;
  };

  const mergeEntries = (one, other) => {
    const joined = {...other, ...one};
    for (const key in other) {
      if (key in one && asPython(other[key]) < asPython(one[key])) joined[key] = other[key];
    }
    const passed = one.passed || other.passed;
    return {...joined, passed, tries: Math.max(one.tries, other.tries)};
  };

  const asPython = value => (typeof value === "string" ? lessons.quoted(value) : String(value));
  const isObject = value => typeof value === "object" && value !== null && !Array.isArray(value);
  const isEntry = entry =>
    isObject(entry) && typeof entry.passed === "boolean" && Number.isInteger(entry.tries)
    && Object.values(entry).every(part => typeof part !== "object" || part === null);
})();
