// What the reader has done, kept in this browser: lessons_lib/exercises/engine/record.py in the
// browser's language. A file saved here can be read by `import_progress` there, and one that
// `export_progress` wrote can be read here.
"use strict";

(() => {
  const PLACE = "transformer-transfer.progress";
  const SCHEMA = 1;
  let unkept = {}; // where the browser keeps nothing, as in a private window

  lessons.load = () => {
    try {
      const text = localStorage.getItem(PLACE);
      return text === null ? unkept : lessons.read(text);
    } catch (error) {
      setAside();
      return unkept;
    }
  };

  // The record that a progress file holds.
  lessons.read = text => {
    let content;
    try {
      content = JSON.parse(text.replace(/^\uFEFF/, ""));
    } catch (error) {
      throw new Error("The progress file is damaged.");
    }
    if (content === null || content.schema === undefined) {
      throw new Error("The progress file is damaged.");
    }
    if (content.schema !== SCHEMA) {
      throw new Error(`The progress file has schema ${content.schema}; this is ${SCHEMA}.`);
    }
    const entries = isObject(content.exercises) ? Object.values(content.exercises) : [null];
    if (!entries.every(isEntry)) throw new Error("The progress file is damaged.");
    return content.exercises;
  };

  lessons.written = record => {
    const sorted = object => Object.fromEntries(Object.entries(object).sort());
    const exercises = sorted(record);
    for (const name in exercises) exercises[name] = sorted(exercises[name]);
    return JSON.stringify({exercises, schema: SCHEMA}, null, 1);
  };

  // Add one try; the first guess stays.
  lessons.save = (name, passed, guess) => {
    const record = lessons.load();
    const entry = (record[name] ??= {passed: false, tries: 0});
    entry.tries += 1;
    if (passed && !entry.passed) {
      entry.passed = true;
      entry.passed_at = new Date().toISOString().slice(0, 19) + "+00:00";
    }
    if (guess !== null) entry.first_guess ??= guess;
    keep(record);
  };

  // Join another record into the reader's own; nothing is lost, whichever comes first.
  lessons.join = record => keep(lessons.merge(lessons.load(), record));

  lessons.merge = (one, other) => {
    const joined = {...one};
    for (const [name, entry] of Object.entries(other)) {
      joined[name] = name in one ? mergeEntries(one[name], entry) : entry;
    }
    return joined;
  };

  const mergeEntries = (one, other) => {
    const joined = {...one};
    for (const key in other) {
      joined[key] = key in one && written(one[key]) <= written(other[key]) ? one[key] : other[key];
    }
    joined.passed = one.passed || other.passed;
    joined.tries = Math.max(one.tries, other.tries);
    return joined;
  };

  const written = value => (typeof value === "string" ? lessons.quoted(value) : String(value));

  const keep = record => {
    unkept = record;
    try {
      localStorage.setItem(PLACE, lessons.written(record));
    } catch (error) {
      // Full, or forbidden: it lasts as long as the page.
    }
  };

  // What cannot be read is kept under another name, never written over.
  const setAside = () => {
    try {
      localStorage.setItem(`${PLACE}.${Date.now()}.aside`, localStorage.getItem(PLACE));
      localStorage.removeItem(PLACE);
    } catch (error) {
      // Nothing can be read here at all.
    }
  };

  const isObject = value => typeof value === "object" && value !== null && !Array.isArray(value);
  const isEntry = entry =>
    isObject(entry) && typeof entry.passed === "boolean" && Number.isInteger(entry.tries)
    && Object.values(entry).every(part => typeof part !== "object" || part === null);
})();
