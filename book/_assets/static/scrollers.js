// What is wider than its column scrolls. It gets a tab stop, so that it can be scrolled with the
// arrow keys; what fits gets none, since a tab stop on every formula would be tiresome.
(() => {
  "use strict";
  const KINDS = {
    ".npg-formula, .npg-long, .npg-cheat dd .math": "Formula",
    ".pst-scrollable-table-container": "Table",
    "div.highlight pre": "Code",
  };
  const mark = (element) => {
    const kind = KINDS[Object.keys(KINDS).find((selector) => element.matches(selector))];
    const marks = { tabindex: "0", role: "group", "aria-label": `${kind}, wider than the page` };
    const wide = element.scrollWidth > element.clientWidth + 1;
    for (const [name, value] of Object.entries(marks)) {
      if (wide) element.setAttribute(name, value);
      else element.removeAttribute(name);
    }
  };
  // Each is looked at when it has been laid out, when its solution is opened, and when its width changes.
  const seen = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));
  for (const selector of Object.keys(KINDS)) {
    document.querySelectorAll(`article :is(${selector})`).forEach((element) => seen.observe(element));
  }
})();
