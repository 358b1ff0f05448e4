// The attention explorer: real heads at work on five sentences. The scores come from scores.js; what
// is done to them here is what the encoder does: scale, mask, softmax. Without this script the page
// shows a drawing of one head in the same place.
"use strict";

(() => {
  const {sentences, layers, heads, step, model, first_head} = window.attentionScores;
  const LAYER_NAMES = ["first layer", "last layer"];
  const NAMED = 3; // tokens that the sentence below the picture names

  // A sentence's scores, unpacked when it is first shown.
  const scoresOf = sentence => {
    if (typeof sentence.scores === "string") {
      const bytes = Uint8Array.from(atob(sentence.scores), letter => letter.charCodeAt(0));
      const view = new DataView(bytes.buffer);
      const count = bytes.length / 2;
      sentence.scores = Float32Array.from({length: count}, (_, i) => step * view.getInt16(2 * i, true));
    }
    return sentence.scores;
  };

  // One row of attention: the weights with which a token of a head looks at all tokens.
  const weightsOf = (sentence, layer, head, row, factor, isCausal) => {
    const length = sentence.tokens.length;
    const start = ((layer * heads + head) * length + row) * length;
    const scores = scoresOf(sentence).subarray(start, start + length);
    const scaled = Array.from(scores, (score, i) => (isCausal && i > row ? -Infinity : factor * score));
    const largest = Math.max(...scaled);
    const powers = scaled.map(score => Math.exp(score - largest));
    const sum = powers.reduce((one, other) => one + other);
    return powers.map(power => power / sum);
  };

  const short = weight => (weight >= 0.995 ? "1.0" : weight.toFixed(2).slice(1));

  const make = (name, attributes = {}, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };

  // Buttons of which one is chosen: one tab stop, arrow keys inside, as of radio buttons.
  const chooser = (label, items, choose) => {
    const group = make("div", {role: "radiogroup", "aria-label": label, class: "choices"}, ...items);
    const select = (chosen, takesFocus) => {
      items.forEach((item, i) => {
        item.setAttribute("aria-checked", i === chosen);
        item.tabIndex = i === chosen ? 0 : -1;
      });
      if (takesFocus) items[chosen].focus();
      choose(chosen);
    };
    items.forEach((item, i) => {
      item.setAttribute("role", "radio");
      item.type = "button";
      item.addEventListener("click", () => select(i, true));
    });
    group.addEventListener("keydown", event => {
      const from = items.indexOf(document.activeElement);
      const moves = {ArrowRight: from + 1, ArrowDown: from + 1, ArrowLeft: from - 1,
        ArrowUp: from - 1, Home: 0, End: items.length - 1};
      if (from < 0 || !(event.key in moves)) return;
      event.preventDefault();
      select((moves[event.key] + items.length) % items.length, true);
    });
    return {group, select, items};
  };

  const explore = place => {
    const state = {sentence: sentences[0], layer: layers.length - 1, head: first_head,
      row: sentences[0].start, factor: 1, isCausal: false};
    const weights = (head, row) =>
      weightsOf(state.sentence, state.layer, head, row, state.factor, state.isCausal);
    const number = `explorer-${document.querySelectorAll(".explorer").length}`;

    const sentence = make("select", {id: `${number}-sentence`},
      ...sentences.map((one, i) => make("option", {value: i}, one.text)));
    const slider = make("input", {type: "range", id: `${number}-factor`, min: 0, max: 4, step: 0.1, value: 1});
    const told = make("output", {for: slider.id});
    const mask = make("input", {type: "checkbox", role: "switch", id: `${number}-mask`});
    const row = make("div", {class: "explorer-tokens"});
    const said = make("p", {class: "explorer-said", "aria-live": "polite"});
    let tokens;

    const maps = Array.from({length: heads}, (_, head) =>
      make("button", {}, make("canvas", {"aria-hidden": "true"}), `head ${head}`));
    const headChooser = chooser("Head", maps, head => {
      state.head = head;
      draw();
    });
    const layerChooser = chooser("Layer", layers.map((_, i) => make("button", {}, LAYER_NAMES[i])),
      layer => {
        state.layer = layer;
        draw();
      });

    // The whole map of each head: a row looks, a column is looked at.
    const drawMaps = () => {
      const length = state.sentence.tokens.length;
      const ink = getComputedStyle(row).getPropertyValue("--looked-at").trim();
      maps.forEach((button, head) => {
        const canvas = button.firstChild;
        canvas.width = canvas.height = length;
        const pen = canvas.getContext("2d");
        pen.fillStyle = ink;
        for (let looks = 0; looks < length; looks++) {
          weights(head, looks).forEach((weight, seen) => {
            pen.globalAlpha = Math.sqrt(weight);
            pen.fillRect(seen, looks, 1, 1);
          });
        }
      });
    };

    const drawRow = () => {
      const found = weights(state.head, state.row);
      tokens.items.forEach((token, i) => {
        const isHidden = state.isCausal && i > state.row;
        token.classList.toggle("hidden-by-mask", isHidden);
        token.style.setProperty("--weight", Math.sqrt(found[i]).toFixed(3));
        token.lastChild.textContent = isHidden ? "×" : short(found[i]);
      });
      const names = state.sentence.tokens;
      headChooser.group.style.setProperty("--row", (state.row + 0.5) / names.length);
      const seen = found.map((weight, i) => [weight, names[i]])
        .sort((one, other) => other[0] - one[0]).slice(0, NAMED)
        .filter(([weight]) => weight >= 0.005)
        .map(([weight, name]) => `“${name}” ${short(weight)}`);
      said.textContent = `“${names[state.row]}” looks most at ${seen.join(", ")}.`;
    };

    const draw = () => {
      told.textContent = state.factor === 1 ? "1, as trained" : state.factor.toFixed(1);
      slider.setAttribute("aria-valuetext", told.textContent);
      if (!tokens) return;
      drawRow();
      drawMaps();
    };

    const open = () => {
      const items = state.sentence.tokens.map(name =>
        make("button", {}, make("span", {}, name), make("span", {class: "weight"})));
      tokens = chooser("The token that looks", items, chosen => {
        state.row = chosen;
        drawRow();
      });
      items.forEach((item, i) => item.addEventListener("pointerenter", event => {
        if (event.pointerType === "mouse") tokens.select(i, false);
      }));
      row.replaceChildren(tokens.group);
      tokens.select(state.sentence.start, false);
      drawMaps();
    };

    sentence.addEventListener("change", () => {
      state.sentence = sentences[sentence.value];
      open();
    });
    slider.addEventListener("input", () => {
      state.factor = Number(slider.value);
      draw();
    });
    mask.addEventListener("change", () => {
      state.isCausal = mask.checked;
      draw();
    });
    new MutationObserver(() => draw())
      .observe(document.documentElement, {attributeFilter: ["data-theme"]});

    place.replaceChildren(
      make("div", {class: "explorer-pick"},
        make("label", {for: sentence.id}, "Sentence"), sentence, layerChooser.group),
      make("div", {class: "explorer-view"},
        make("div", {class: "explorer-main"}, row, said,
          make("div", {class: "explorer-turn"},
            make("label", {for: slider.id}, "scores ×"), slider, told),
          make("label", {class: "explorer-turn", for: mask.id}, mask, "causal mask: hide what comes later")),
        make("div", {class: "explorer-heads"}, headChooser.group)),
      make("p", {class: "explorer-source"},
        `All ${heads} heads of the first and the last layer of ${model}, scores as its weights give `
        + "them. Scaling and mask change this one step; what reached the layer stays as it was."),
    );
    place.classList.add("explorer");
    layerChooser.select(state.layer, false);
    headChooser.select(state.head, false);
    open();
  };

  window.explorer = {weightsOf, sentences};
  document.querySelectorAll(".attention-explorer").forEach(explore);
})();
