// Reading a value as its writer meant it, and writing one as Python would:
// lessons_lib/exercises/engine/reading.py in the browser's language. A test compares the two.
"use strict";

window.lessons = {};

(() => {
  const DECIMAL =
    String.raw`[+-]?(?:\d{1,3}(?:,\d{3})+|\d[\d_]*|(?=\.\d))(?:\.\d*)?(?:e[+-]?\d{1,3})?`;
  const NUMBER = new RegExp(`^\\s*(${DECIMAL})\\s*(?:/\\s*(${DECIMAL})\\s*)?$`, "i");
  const LIST = String.raw`\s*(?:\d+(?:\s*,\s*\d+|\s+\d+)*\s*,?)?\s*`;
  const SIZES = new RegExp(`^\\s*(?:\\(${LIST}\\)|\\[${LIST}\\]|${LIST})\\s*$`);
  const LINKS = ["and", "then"]; // between letters: "a and c"

  // The finite number that a text stands for; null where it stands for none.
  lessons.numberOf = text => {
    const match = NUMBER.exec(text);
    if (match === null || /_(?!\d)/.test(text)) return null;
    const [above, below] = [match[1], match[2] ?? "1"].map(part => Number(part.replace(/[,_]/g, "")));
    return Number.isFinite(above / below) ? above / below : null;
  };

  // "(2, 3, 4)", "[2, 3, 4]" and "2 3 4" as a list of sizes; null where it is none.
  lessons.sizesOf = text =>
    text.trim() && SIZES.test(text) ? (text.match(/\d+/g) ?? []).map(Number) : null;

  // The letters alone, in the order given: "D, c", "d and c" and "dc" are all "dc".
  lessons.lettersOf = text => {
    const words = text.toLowerCase().match(/[\p{L}\p{Nl}\p{No}]+/gu) ?? [];
    return words.filter(word => words.length === 1 || !LINKS.includes(word)).join("");
  };

  // A number as a person would write it in a sentence: 2304, 3,152,384 or 0.7318.
  lessons.shown = number => {
    if (!Number.isInteger(number) || Math.abs(number) >= 1e15) return lessons.general(number, 4);
    return Math.abs(number) >= 10_000 ? number.toLocaleString("en-US") : String(number + 0);
  };

  // Python's format(number, ".<digits>g"): a half goes to the even digit.
  lessons.general = (number, digits) => {
    if (isHalf(number, digits)) number *= 1 - 2 ** -45;
    const [mantissa, exponent] = number.toExponential(digits - 1).split("e");
    const power = Number(exponent);
    const bare = text => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    if (power >= -4 && power < digits) return bare(number.toFixed(digits - 1 - power));
    const sign = power < 0 ? "-" : "+";
    return `${bare(mantissa)}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  };

  // Does a number lie halfway between two of so many digits, the lower of which is even?
  const isHalf = (number, digits) => {
    const [mantissa] = Math.abs(number).toExponential(100).split("e");
    const all = mantissa.replace(".", "");
    return /^[02468]50*$/.test(all.slice(digits - 1));
  };

  // A text in quotes, as Python's repr writes it.
  lessons.quoted = text => {
    const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
    const named = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"};
    const escaped = text.replace(/[\\\x00-\x1f\x7f-\xa0\xad]/g, one =>
      named[one] ?? `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`);
    return quote + (quote === "'" ? escaped.replace(/'/g, "\\'") : escaped) + quote;
  };
})();
