// What a word of the glossary means, shown beside the word on hover and on focus; Escape hides it.
// Without this script the browser shows the link's title.
document.addEventListener("DOMContentLoaded", () => {
  const links = document.querySelectorAll("a.term[title]");
  if (!links.length) return;
  const box = document.createElement("div");
  box.id = "definition";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.body.append(box);
  let shown = null;
  let leaving = 0;

  function show(link) {
    clearTimeout(leaving);
    if (shown && shown !== link) shown.removeAttribute("aria-describedby");
    shown = link;
    box.textContent = link.dataset.meaning;
    link.setAttribute("aria-describedby", "definition");
    box.hidden = false;
    const word = link.getClientRects()[0];
    const room = document.documentElement.clientWidth - box.offsetWidth - 8;
    box.style.left = `${scrollX + Math.max(8, Math.min(word.left, room))}px`;
    const above = word.top - box.offsetHeight - 6;
    box.style.top = `${scrollY + (above > 0 ? above : word.bottom + 6)}px`;
  }
  function hide() {
    clearTimeout(leaving);
    box.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  }
  const leave = () => (leaving = setTimeout(hide, 150)); // time to move the pointer onto the box

  for (const link of links) {
    link.dataset.meaning = link.title;
    link.removeAttribute("title");
    link.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(link));
    link.addEventListener("pointerleave", leave);
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", hide);
  }
  box.addEventListener("pointerenter", () => clearTimeout(leaving));
  box.addEventListener("pointerleave", leave);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
});
