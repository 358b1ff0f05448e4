// The reader's own progress on the cards of chapters.
"use strict";

document.querySelectorAll(".chapter-solved").forEach(told => {
  const names = told.dataset.exercises.split(" ").filter(Boolean);
  const record = lessons.load();
  const solved = names.filter(name => record[name]?.passed).length;
  if (!names.some(name => name in record)) return;
  told.textContent = `${solved} of ${names.length} solved`;
  const bar = document.createElement("span");
  bar.className = "chapter-bar";
  bar.style.setProperty("--solved", solved / names.length);
  told.closest(".chapter").append(bar);
});
