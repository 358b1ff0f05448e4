// What is said of an answer: lessons_lib/exercises/engine/values.py in the browser's language.
// A test puts every option, every trap and odd input to both, and compares verdict and words.
"use strict";

(() => {
  // The data that engine/browser.py veiled.
  lessons.unveil = text =>
    JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), one => one.charCodeAt(0))));

  // Whether a text is the right answer, and what is said of it.
  lessons.judge = (exercise, answer) => {
    const [passed, message] = JUDGES[exercise.type](exercise, answer);
    return {passed, message, refresher: passed ? "" : exercise.refresher};
  };

  const wants = (exercise, answer) =>
    [false, `The answer should be ${exercise.form}; yours is ${lessons.quoted(answer)}.`];

  const number = (exercise, answer) => {
    const given = lessons.numberOf(answer);
    if (given === null) return wants(exercise, answer);
    const {right, because, said} = exercise;
    const told = exercise.reveal
      ? ` It comes out at ${lessons.general(right, 3)}. ${because}`.trimEnd() : "";
    if (isWithin(given, right, exercise.factor)) return [true, lessons.shown(given) + said];
    const near = exercise.traps.filter(([value]) => isWithin(given, value, 1.01));
    const distance = ([value]) => Math.abs(value - given);
    if (near.length) {
      const trap = near.reduce((one, other) => (distance(other) < distance(one) ? other : one));
      return [false, `${trap[1]}${told}`];
    }
    return [false, `${lessons.shown(given)} is too ${given < right ? "low" : "high"}.${told}`];
  };

  const isWithin = (value, truth, factor) => {
    if (truth === 0 || value === 0 || factor === 1) return value === truth;
    return value * truth > 0 && 1 / factor <= value / truth && value / truth <= factor;
  };

  const choice = (exercise, answer) => {
    const {right, reasons, type} = exercise;
    const chosen = [...new Set(lessons.lettersOf(answer))].sort();
    if (!chosen.length || !chosen.every(letter => letter in reasons)) return wants(exercise, answer);
    if (type === "choice" && chosen.length > 1) {
      return [false, "Only one of them is right: give one letter."];
    }
    if (chosen.join("") === right) return [true, exercise.said];
    const wrong = chosen.find(letter => !right.includes(letter));
    if (wrong) return [false, `"${wrong}" does not hold. ${reasons[wrong]}`];
    return [false, "What you chose holds, but it is not all: look again at the others."];
  };

  const order = (exercise, answer) => {
    const {right, rule, said, form} = exercise;
    if (/<|(?<![-=])>/.test(answer)) { // "c > b", but not the arrow of "c -> b"
      return [false, "Signs such as > leave open which end comes first: give the letters alone, " +
        `the first of the order first, ${form.split(", ").at(-1)}.`];
    }
    const letters = lessons.lettersOf(answer);
    const sorted = text => [...text].sort().join("");
    if (sorted(letters) !== sorted(right)) return wants(exercise, answer);
    if (letters === right) return [true, said];
    const first = [...letters].findIndex((letter, place) => letter !== right[place]);
    return [false, `Place ${first + 1} is not "${letters[first]}". ${rule}`];
  };

  const shape = (exercise, answer) => {
    const {right, traps, said} = exercise;
    const sizes = lessons.sizesOf(answer);
    if (sizes === null) return wants(exercise, answer);
    const isSame = (one, other) => String(one) === String(other);
    if (isSame(sizes, right)) return [true, said];
    const trap = traps.find(([wrong]) => isSame(sizes, wrong));
    if (trap) return [false, trap[1]];
    if (sizes.length !== right.length) {
      return [false, `Yours has ${sizes.length} axes; the tensor has ${right.length}.`];
    }
    const sorted = numbers => [...numbers].sort((one, other) => one - other);
    if (isSame(sorted(sizes), sorted(right))) {
      return [false, "The right numbers, in another order: which axis comes last?"];
    }
    const wrong = sizes.findIndex((size, axis) => size !== right[axis]);
    return [false, `Axis ${wrong} (counted from 0) is not ${sizes[wrong]} long.`];
  };

  const JUDGES = {choice, several: choice, number, order, shape};
})();
