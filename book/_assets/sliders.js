// A slider picks one of the frames that came with the page. They are parsed when it is first moved.
// This stands in the page's head: sliders work while the rest of the page still arrives.
(() => {
  "use strict";
  const figures = new WeakMap();
  const figure = (box) => {
    if (!figures.has(box)) {
      const data = JSON.parse(box.querySelector("script").textContent);
      const dials = Array.from(box.querySelectorAll("input, select"));
      figures.set(box, { ...data, dials, frame: box.querySelector(".npg-frame") });
    }
    return figures.get(box);
  };
  const show = (box) => {
    const { readouts, frames, dials, frame } = figure(box);
    let at = 0;
    dials.forEach((dial, k) => {
      const readout = readouts[k][dial.value];
      at = at * readouts[k].length + Number(dial.value);
      if (dial.type !== "range") return;
      dial.setAttribute("aria-valuetext", readout);
      dial.nextElementSibling.value = readout;
    });
    frame.innerHTML = frames[at];
  };
  const whenWhole = (box, act) => {
    if (document.readyState !== "loading" || box.nextElementSibling) act(box);
    else addEventListener("DOMContentLoaded", () => act(box), { once: true });
  };
  const restore = (box) => {
    figure(box).dials.forEach((dial) => {
      dial.value = dial.defaultValue ?? dial.querySelector("[selected]").value;
    });
    show(box);
  };
  document.addEventListener("input", ({ target }) => {
    const box = target.closest(".npg-explore");
    if (box) whenWhole(box, show);
  });
  document.addEventListener("click", ({ target }) => {
    const box = target.closest(".npg-restore")?.closest(".npg-explore");
    if (box) whenWhole(box, restore);
  });
})();
