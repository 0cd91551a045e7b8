// "On this page" marks the last section that begins above the reading line, where a jump puts it.
(() => {
  "use strict";
  const links = [...document.querySelectorAll("nav.page-toc a[href^='#']")];
  const targets = links.map((a) => document.getElementById(decodeURIComponent(a.hash.slice(1))));
  const top = document.getElementById("pst-back-to-top");
  const root = document.documentElement;
  const line = parseFloat(getComputedStyle(root).scrollPaddingTop) + 16;
  let before = 0;
  let waiting = false;
  const mark = () => {
    waiting = false;
    // At the page's end several sections may be on view that can never come up to the line.
    const ended = scrollY + innerHeight >= root.scrollHeight - 2;
    const place = ended && location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const seen = place && place.getBoundingClientRect().top;
    const from = !ended ? line : place && seen > 0 && seen < innerHeight ? Math.max(seen + 1, line) : innerHeight / 2;
    // No further than needed: to be measured, a section has to be laid out.
    const next = targets.findIndex((target) => target.getBoundingClientRect().top > from);
    const at = (next < 0 ? targets.length : next) - 1;
    links.forEach((link, k) => {
      link.classList.toggle("active", k === at);
      if (k === at) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
    document.querySelectorAll("nav.page-toc .toc-entry").forEach((entry) => {
      entry.classList.toggle("active", at >= 0 && entry.contains(links[at]));
    });
    if (top) top.style.display = scrollY < before && scrollY > innerHeight ? "block" : "none";
    before = scrollY;
  };
  const later = () => {
    if (!waiting) requestAnimationFrame(mark);
    waiting = true;
  };
  ["scroll", "resize", "load", "hashchange"].forEach((name) => addEventListener(name, later));
  top?.addEventListener("click", () => scrollTo(0, 0));
})();
