// A chapter has ten thousand elements. On a first visit what is out of view is laid out after the page
// is there, block after block while nothing else is to do; at once, where a link leads to a place.
(() => {
  "use strict";
  const root = document.documentElement;
  if (!root.classList.contains("npg-arriving")) return;
  const MOST_MS = 10; // of laying out between two frames, on a fast machine or a slow one
  const waiting = [...document.querySelectorAll("article section > section > :not(section)")];
  const whenIdle = window.requestIdleCallback ?? ((act) => setTimeout(act, 50));
  const finish = () => root.classList.remove("npg-arriving");
  const next = () => {
    const end = performance.now() + MOST_MS;
    while (waiting.length && performance.now() < end) {
      const block = waiting.shift();
      block.classList.add("npg-arrived");
      block.getBoundingClientRect(); // lays it out
    }
    if (waiting.length) whenIdle(next);
    else finish();
  };
  addEventListener("load", () => whenIdle(next));
  document.addEventListener("click", ({ target }) => {
    if (target.closest("a[href^='#']")) finish();
  }, { capture: true });
})();
