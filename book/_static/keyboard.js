// Fewer stops for the Tab key. All copy buttons together are one: that of the first cell on the
// screen; the arrow keys go on to the buttons of the cells before and after. A permalink beside a
// heading is none, since the list of contents leads to the same place.
//
// The theme makes a tab stop of each box that scrolls, some time after the page has changed or been
// resized. Letters that arrive late change widths as well, so it is asked to look once more.
window.addEventListener("load", () => {
  document.fonts.ready.then(() => window.dispatchEvent(new Event("resize")));
});
document.addEventListener("DOMContentLoaded", () => {
  for (const link of document.querySelectorAll("a.headerlink")) link.tabIndex = -1;
  const buttons = [...document.querySelectorAll("button.copybtn")];
  if (!buttons.length) return;
  const onScreen = new Set();
  const stopAt = (stop) => buttons.forEach((one) => (one.tabIndex = one === stop ? 0 : -1));
  stopAt(buttons[0]);

  const watch = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting) onScreen.add(target);
      else onScreen.delete(target);
    }
    if (document.activeElement.matches("button.copybtn")) return;
    const first = buttons.find((one) => onScreen.has(one));
    if (first) stopAt(first); // else the last stop stays one
  });
  for (const button of buttons) {
    watch.observe(button);
    button.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const shown = buttons.filter((one) => one.checkVisibility());
      const next = shown[shown.indexOf(button) + step];
      if (!next) return;
      stopAt(next);
      next.focus();
    });
  }
});
