// The page of search: ranks the sections of sections.js by MiniSearch, and shows each with an
// excerpt. Words of the same meaning, in both languages, are searched together.
(() => {
  const MOST = 30; // results shown
  const AROUND = 90; // letters of an excerpt before the first word that was found

  // A chapter is found before its sections, and these before what only explains or asks.
  const WEIGHTS = { term: 0.5, ex: 0.8, where: 0.7 }; // "Where you are now": a summary

  // Letters and digits make words; a plural is its singular; -ize is -ise; Chinese goes in pairs.
  const CHINESE = /[\u3400-\u9fff]/;
  function words(text) {
    const found = text.toLowerCase().replace(/['’]s?\b/g, "").match(/[\p{L}\p{N}]+/gu) || [];
    return found.flatMap((word) => (CHINESE.test(word) ? pairs(word) : [word]));
  }
  function pairs(word) {
    const letters = [...word];
    if (letters.length === 1) return letters;
    return letters.slice(1).map((letter, place) => letters[place] + letter);
  }
  function stem(word) {
    if (word.length < 4) return word;
    return word
      .replace(/ies$/, "y")
      .replace(/([^s])s$/, "$1")
      .replace(/iz(e|ed|er|ing|ation)$/, "is$1");
  }

  function engine(data) {
    const entries = data.entries.map(([page, anchor, title, text, bold, words], id) => {
      const [name, chapter] = data.pages[page];
      const address = name + ".html" + (anchor ? "#" + anchor : "");
      const weight = WEIGHTS[anchor.match(/^(term|ex|where)-/)?.[1]] || (anchor ? 1 : 1.4);
      return { id, address, weight, title, chapter: anchor ? chapter : "", text, bold, words };
    });
    const index = new MiniSearch({
      fields: ["title", "chapter", "bold", "text", "words"],
      tokenize: words,
      processTerm: stem,
      searchOptions: {
        boost: { title: 5, bold: 4, chapter: 1.5, words: 0.7 },
        boostDocument: (id) => entries[id].weight,
        prefix: (term) => term.length > 2 || CHINESE.test(term),
        weights: { prefix: 0.3, fuzzy: 0.2 },
      },
    });
    index.addAll(entries);
    const same = data.same.map((names) => names.map((name) => words(name).map(stem).join(" ")));
    return (query) => found(index, entries, same, query);
  }

  // All words of the query, or of a name that means the same; where that is little, some of them.
  function found(index, entries, same, query) {
    const asked = words(query).map(stem).join(" ");
    if (!asked) return [];
    const queries = [asked, ...others(asked, same)];
    const all = index.search({
      combineWith: "OR",
      queries: queries.map((one) => ({ combineWith: "AND", queries: one.split(" ") })),
    });
    const known = new Set(all.map((one) => one.id));
    const some = { combineWith: "OR", fuzzy: 0.2 };
    const rest = all.length < 3 ? index.search(asked, some).slice(0, 10) : [];
    return [...all, ...rest.filter((one) => !known.has(one.id))].map((one) => ({
      ...entries[one.id],
      found: Object.keys(one.match),
    }));
  }

  // The query with a name in it replaced by another of its names. Only the beginning of a name
  // counts as the name where the query is nothing else ("rotary").
  function others(asked, same) {
    const padded = ` ${asked} `;
    return same.flatMap((names) => {
      const name = names.find((one) => padded.includes(` ${one} `));
      if (name) {
        return names
          .filter((one) => one !== name)
          .map((one) => padded.replace(` ${name} `, ` ${one} `).trim());
      }
      const begun = names.find((one) => one.startsWith(asked + " "));
      return begun ? names.filter((one) => one !== begun) : [];
    });
  }

  // Showing

  function excerpt(entry) {
    const isFound = (word) => entry.found.includes(stem(word.toLowerCase()));
    const pieces = entry.text.split(/([\p{L}\p{N}]+)/u);
    let first = pieces.findIndex((piece, place) => place % 2 && isFound(piece));
    let before = 0;
    while (first > 0 && before < AROUND) before += pieces[--first].length;
    const shown = document.createElement("p");
    if (first > 0) shown.append("… ");
    let length = 0;
    for (let place = Math.max(first, 0); place < pieces.length; place++) {
      length += pieces[place].length;
      if (length > 3 * AROUND) {
        shown.append(" …");
        break;
      }
      if (place % 2 && isFound(pieces[place])) {
        const mark = document.createElement("mark");
        mark.textContent = pieces[place];
        shown.append(mark);
      } else shown.append(pieces[place]);
    }
    return shown;
  }

  function item(entry) {
    const link = document.createElement("a");
    link.href = document.documentElement.dataset.content_root + entry.address;
    link.textContent = entry.title;
    const heading = document.createElement("p");
    heading.className = "search-title";
    heading.append(link);
    if (entry.chapter) {
      const where = document.createElement("span");
      where.textContent = entry.chapter;
      heading.append(" ", where);
    }
    const made = document.createElement("li");
    made.append(heading, excerpt(entry));
    return made;
  }

  function show(place, results, query) {
    const told = document.createElement("p");
    told.setAttribute("role", "status");
    const many = results.length === 1 ? "One place" : `${results.length} places`;
    told.textContent = results.length
      ? `${many}${results.length > MOST ? `, the best ${MOST} shown` : ""}.`
      : query.trim() ? "Nothing found. Try fewer words, or another word." : "";
    const list = document.createElement("ol");
    list.className = "search-list";
    list.append(...results.slice(0, MOST).map(item));
    place.replaceChildren(told, list);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.getElementById("search-results");
    if (!place || !window.courseSections) return;
    const find = engine(window.courseSections);
    const field = document.querySelector(".bd-search-container form.bd-search input");
    const ask = () => show(place, find(field.value), field.value);
    field.value = new URLSearchParams(location.search).get("q") || "";
    field.addEventListener("input", ask);
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      ask();
    });
    ask();
  });
})();
