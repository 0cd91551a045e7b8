// A slider picks one of the frames that came with the page. They are parsed when it is first moved.
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
  document.addEventListener("input", ({ target }) => {
    const box = target.closest(".npg-explore");
    if (box) show(box);
  });
  document.addEventListener("click", ({ target }) => {
    const box = target.closest(".npg-restore")?.closest(".npg-explore");
    if (!box) return;
    figure(box).dials.forEach((dial) => { 
      dial.value = dial.defaultValue ?? dial.querySelector("[selected]").value;
    });
    show(box);
  });

  // On paper a slider is a strip of four of its frames, each under its values.
  const strip = (box) => {
    const { readouts, frames, dials } = figure(box);
    const last = frames.length - 1;
    const chosen = [...new Set([0, last / 3, (2 * last) / 3, last].map(Math.round))];
    const inner = readouts.at(-1).length;
    const values = (at) => (dials.length === 1 ? [at] : [Math.floor(at / inner), at % inner]);
    return chosen.map((at) => {
      const item = document.createElement("div");
      item.innerHTML = frames[at];
      item.append(values(at).map((v, k) => `${dials[k].labels[0].textContent} ${readouts[k][v]}`)
        .join(", "));
      return item;
    });
  };
  addEventListener("beforeprint", () => {
    document.querySelectorAll(".npg-explore").forEach((box) => {
      const paper = document.createElement("div");
      paper.className = "npg-strip";
      paper.append(...strip(box));
      box.append(paper);
    });
  });
  addEventListener("afterprint", () => {
    document.querySelectorAll(".npg-strip").forEach((paper) => paper.remove());
  });
})();
