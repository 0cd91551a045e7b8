// A chapter has ten thousand elements. On a first visit what is out of view is laid out after the page
// is there, some blocks at a time while nothing else is to do; at once, where a link leads to a place.
(() => {
  "use strict";
  const root = document.documentElement;
  if (!root.classList.contains("npg-arriving")) return;
  const ELEMENTS = 120; // laid out between two frames, in less than 50 ms on a slow machine
  const waiting = [...document.querySelectorAll("article section > section > :not(section)")];
  const whenIdle = window.requestIdleCallback ?? ((act) => setTimeout(act, 50));
  const finish = () => root.classList.remove("npg-arriving");
  const next = () => {
    for (let room = ELEMENTS; room > 0 && waiting.length;) {
      const block = waiting.shift();
      block.classList.add("npg-arrived");
      room -= 1 + block.getElementsByTagName("*").length;
    }
    if (waiting.length) whenIdle(next);
    else finish();
  };
  addEventListener("load", () => whenIdle(next));
  document.addEventListener("click", ({ target }) => {
    if (target.closest("a[href^='#']")) finish();
  }, { capture: true });
})();
