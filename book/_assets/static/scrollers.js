// What is wider than its column scrolls. It gets a tab stop, so that it can be scrolled with the
// arrow keys; what fits gets none, since a tab stop on every formula would be tiresome.
(() => {
  "use strict";
  const PLACES = {
    "article .npg-formula, article .npg-cheat dd .math": "Formula, wider than the page",
    "article .pst-scrollable-table-container": "Table, wider than the page",
  };
  const mark = (element, label) => {
    if (element.scrollWidth > element.clientWidth + 1) {
      element.tabIndex = 0;
      element.setAttribute("role", "group");
      element.setAttribute("aria-label", label);
    } else {
      ["tabindex", "role", "aria-label"].forEach((name) => element.removeAttribute(name));
    }
  };
  const markAll = () => {
    for (const [places, label] of Object.entries(PLACES)) {
      document.querySelectorAll(places).forEach((element) => mark(element, label));
    }
  };
  window.addEventListener("load", async () => {
    await document.fonts.ready;
    markAll();
    // A change of width, and the opening of a folded solution.
    const article = document.querySelector("article");
    if (article) new ResizeObserver(markAll).observe(article);
  });
})();
