// What an answer is put into: options, a field, or a list whose items move up and down.
"use strict";

(() => {
  // An element with attributes and children; strings become text.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  lessons.make = make;

  // A form for a card: its element, how to read the answer as text, and how to put one in.
  lessons.form = card => {
    const {type} = card.dataset;
    const made = type === "order" ? order(card)
      : type === "choice" || type === "several" ? choice(card, type === "several") : field(card);
    made.status = make("div", {role: "status"});
    made.first = make("p", {class: "first-guess"});
    made.element = make("form", {class: "answer"}, made.part,
      make("button", {type: "submit", class: "exercise-button"}, "Check"), made.status, made.first);
    return made;
  };

  // The options as the page has them, formulas and all: each a letter and its nodes.
  const taken = card => {
    const list = [...card.querySelectorAll(":scope > ul")].find(one => !one.closest("details"));
    const options = [...list.children].map(item => {
      const holder = item.querySelector("p") ?? item;
      return {letter: holder.querySelector("strong").textContent, nodes: [...holder.childNodes]};
    });
    list.remove();
    return options;
  };

  const choice = (card, isSeveral) => {
    const inputs = [];
    const part = make("fieldset", {}, make("legend", {},
      isSeveral ? "Choose all that hold" : "Choose one"));
    for (const {letter, nodes} of taken(card)) {
      const id = `${card.id}-${letter}`;
      const type = isSeveral ? "checkbox" : "radio";
      const input = make("input", {type, id, value: letter, name: card.id});
      inputs.push(input);
      part.append(make("div", {class: "option"}, input, make("label", {for: id}, ...nodes)));
    }
    return {
      part,
      answer: () => inputs.filter(one => one.checked).map(one => one.value).join(""),
      fill: text => inputs.forEach(one => { one.checked = text.includes(one.value); }),
    };
  };

  const field = card => {
    const id = `${card.id}-field`;
    const input = make("input", {id, type: "text", autocomplete: "off", spellcheck: "false"});
    const form = card.dataset.type === "shape" ? "a shape, such as (2, 3)" : card.dataset.form;
    return {
      part: make("div", {class: "field"}, make("label", {for: id}, `Your answer: ${form}`), input),
      answer: () => input.value,
      fill: text => { input.value = text; },
    };
  };

  const order = card => {
    const list = make("ol", {class: "order"});
    const said = make("span", {class: "visually-hidden", role: "status"});
    for (const {letter, nodes} of taken(card)) {
      const buttons = ["up", "down"].map(way => {
        const arrow = way === "up" ? "↑" : "↓";
        const label = `Move ${letter} ${way}`;
        const button = make("button", {type: "button", "aria-label": label, title: label}, arrow);
        button.addEventListener("click", () => move(list, item, way, said));
        return button;
      });
      const item = make("li", {"data-letter": letter},
        make("div", {class: "item"}, make("span", {}, ...nodes),
          make("span", {class: "moves"}, ...buttons)));
      list.append(item);
    }
    const items = () => [...list.children];
    const legend = make("legend", {}, "Move them into order, the first on top");
    return {
      part: make("fieldset", {}, legend, list, said),
      answer: () => items().map(item => item.dataset.letter).join(""),
      fill: text => {
        const known = Object.fromEntries(items().map(item => [item.dataset.letter, item]));
        if ([...text].every(letter => letter in known)) {
          list.append(...[...text].map(letter => known[letter]));
        }
      },
    };
  };

  const move = (list, item, way, said) => {
    const other = way === "up" ? item.previousElementSibling : item.nextElementSibling;
    if (other) other[way === "up" ? "before" : "after"](item);
    item.querySelector(`.moves :nth-child(${way === "up" ? 1 : 2})`).focus();
    const all = [...list.children];
    said.textContent = `${item.dataset.letter} is number ${all.indexOf(item) + 1} of ${all.length}`;
  };
})();
