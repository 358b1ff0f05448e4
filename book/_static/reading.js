/* Small courtesies: a drawer that closes behind the reader, notebooks that download. */
document.addEventListener("DOMContentLoaded", () => {
  for (const link of document.querySelectorAll(".bd-sidebar-secondary a, .bd-sidebar-primary a")) {
    link.addEventListener("click", () => {
      for (const drawer of document.querySelectorAll("dialog[open]")) drawer.close();
    });
  }
  for (const link of document.querySelectorAll('a[href$=".ipynb"]')) {
    if (!/^https?:/.test(link.getAttribute("href"))) link.setAttribute("download", "");
  }
});
