/* Small courtesies: a drawer that closes behind the reader, notebooks that download, and the book's
   title as a landmark that a screen reader finds. */
document.addEventListener("DOMContentLoaded", () => {
  const home = document.querySelector(".sidebar-primary-item:has(.navbar-brand)");
  home?.setAttribute("role", "navigation");
  home?.setAttribute("aria-label", "First page");
  for (const link of document.querySelectorAll(".bd-sidebar-secondary a, .bd-sidebar-primary a")) {
    link.addEventListener("click", () => {
      for (const drawer of document.querySelectorAll("dialog[open]")) drawer.close();
    });
  }
  for (const link of document.querySelectorAll('a[href$=".ipynb"]')) {
    if (!/^https?:/.test(link.getAttribute("href"))) link.setAttribute("download", "");
  }
});
