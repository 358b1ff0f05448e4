// The cards of a page: a form and its verdict where the answer is a value, buttons where it is
// code, and the reader's progress. Without this script a card shows the notebook's own cell.
"use strict";

(() => {
  const {make} = lessons;
  const ANSWER = "transformer-transfer.answer."; // what was put in last, to stand there again
  const cards = [...document.querySelectorAll(".exercise")];
  const refreshed = []; // called after each change of the record

  const refresh = () => {
    const record = lessons.load();
    refreshed.forEach(one => one(record));
  };

  const button = (label, act) => {
    const made = make("button", {type: "button", class: "exercise-button"}, label);
    made.addEventListener("click", act);
    return made;
  };

  // The two marks that messages use, `code` and *emphasis*, as HTML.
  const marked = text => {
    const escaped = make("p", {}, text).innerHTML;
    return escaped.replace(/`([^`]+)`/g, "<code>$1</code>")
      .replace(/(?<!\w)\*([^*\s][^*]*)\*(?!\w)/g, "<em>$1</em>").replace(/\n/g, "<br>");
  };

  const show = (status, verdict) => {
    const message = make("div");
    message.innerHTML = marked(verdict.message);
    status.className = verdict.passed ? "verdict right" : "verdict not-yet";
    status.replaceChildren(make("strong", {}, verdict.passed ? "Right" : "Not yet"), message);
    if (verdict.refresher) status.append(readAgain(verdict.refresher));
  };

  const readAgain = title => {
    const headings = [...document.querySelectorAll("article :is(h2, h3)")];
    const found = headings.find(one => one.firstChild.textContent.trim() === title);
    const link = make("a", {href: `#${found?.closest("section").id ?? ""}`}, title);
    return make("div", {}, "To read again: ", link, ", on this page.");
  };

  const makeAnswerable = card => {
    const {name, judge, type, kind} = card.dataset;
    const exercise = lessons.unveil(judge);
    const form = lessons.form(card);
    card.querySelector(":scope > .cell").before(form.element);
    card.classList.add("answerable");
    const before = lessons.kept(ANSWER + name);
    if (before) {
      form.fill(before);
      show(form.status, lessons.judge(exercise, before));
    }
    form.element.addEventListener("submit", event => {
      event.preventDefault();
      const answer = form.answer();
      const verdict = lessons.judge(exercise, answer);
      show(form.status, verdict);
      if (!answer.trim()) return; // a slip of the hand is no try
      const guess = type === "number" ? lessons.numberOf(answer) ?? answer : answer;
      lessons.save(name, verdict.passed, type === "shape" ? null : guess);
      lessons.keep(ANSWER + name, answer);
      refresh();
    });
    if (kind.startsWith("Predict")) {
      refreshed.push(record => {
        const guess = record[name]?.first_guess;
        form.first.textContent = guess === undefined ? "" : `Your first guess was ${guess}.`;
      });
    }
  };

  const addCodeButtons = card => {
    const cells = [...card.querySelectorAll(":scope > .cell")];
    const said = make("span", {role: "status"});
    const copy = button("Copy the code", async () => {
      const code = cells.map(cell => cell.querySelector("pre").textContent.trim()).join("\n\n");
      try {
        await navigator.clipboard.writeText(code);
        said.textContent = "Copied.";
      } catch {
        said.textContent = "The browser does not allow it; mark the code and copy it by hand.";
      }
    });
    const bar = make("p", {class: "exercise-buttons"}, copy);
    const {notebook} = card.dataset;
    if (notebook) {
      bar.append(make("a", {class: "exercise-button", href: notebook}, "Open this cell in Colab"));
    }
    bar.append(said);
    cells.at(-1).after(bar);
  };

  const isSolved = (record, card) => record[card.dataset.name]?.passed ?? false;

  const addState = card => {
    const state = make("span", {class: "exercise-state"});
    card.querySelector(".exercise-head").append(state);
    refreshed.push(record => {
      state.textContent = isSolved(record, card) ? "✓ solved" : "";
    });
  };

  const addProgress = cell => {
    const count = make("span");
    // Made once and never taken out: the theme follows every link of a page as it is scrolled.
    const links = cards.map(card => make("a", {href: `#${card.id}`}, card.dataset.number));
    const said = make("span", {role: "status"});
    const file = make("input", {type: "file", accept: ".json", hidden: ""});
    file.addEventListener("change", async () => {
      said.textContent = await takenIn(file.files[0]);
      file.value = "";
    });
    const buttons = make("p", {class: "exercise-buttons"},
      button("Save progress to a file", () => saveFile(lessons.written(lessons.load()))),
      button("Read a progress file", () => file.click()), file, said);
    const note = "It is kept in this browser alone. The file is the one that the notebooks write "
      + "and read, so it also carries your progress from there to here, and back.";
    cell.after(make("div", {class: "exercise-progress"},
      make("p", {class: "exercise-buttons"}, count, ...links), buttons, make("p", {}, note)));
    cell.classList.add("replaced");
    refreshed.push(record => {
      links.forEach((link, place) => { link.hidden = isSolved(record, cards[place]); });
      const solved = links.filter(link => link.hidden).length;
      const still = solved < cards.length ? " Still open:" : "";
      count.textContent = `On this page, ${solved} of ${cards.length} done.${still}`;
    });
  };

  const takenIn = async chosen => {
    try {
      lessons.join(lessons.read(await chosen.text()));
    } catch (error) {
      return `${error.message} Nothing was changed.`;
    }
    refresh();
    return "Read; nothing that you had is lost.";
  };

  const saveFile = text => {
    const href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
    make("a", {href, download: "progress.json"}).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  };

  for (const card of cards) {
    addState(card);
    if (card.dataset.judge) makeAnswerable(card);
    else addCodeButtons(card);
  }
  document.querySelectorAll(".cell.tag_own-progress").forEach(addProgress);
  window.addEventListener("storage", refresh);
  refresh();
})();
