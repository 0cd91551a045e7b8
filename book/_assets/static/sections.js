// A chapter has ten thousand elements. On a first visit what is out of view is laid out after the page
// is there, section by section while nothing else is to do; at once, where a link leads to a place.
(() => {
  "use strict";
  const root = document.documentElement;
  if (!root.classList.contains("npg-arriving")) return;
  const waiting = [...document.querySelectorAll("article > section > section")];
  const whenIdle = window.requestIdleCallback ?? ((act) => setTimeout(act, 50));
  const finish = () => root.classList.remove("npg-arriving");
  const next = () => {
    const section = waiting.shift();
    if (!section) return finish();
    section.classList.add("npg-arrived");
    return whenIdle(next);
  };
  addEventListener("load", () => whenIdle(next));
  document.addEventListener("click", ({ target }) => {
    if (target.closest("a[href^='#']")) finish();
  }, { capture: true });
})();
