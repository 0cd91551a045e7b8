// On paper, from the browser or as a PDF: the light theme whatever the screen shows, a strip of
// frames for each slider, nothing folded, no feedback on what is left open, and the solutions
// after the text.
(() => {
  "use strict";
  const SHORT = 12; // lines of code that stay on one page
  const undo = [];
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const add = (parent, child, where = "append") => {
    parent[where](child);
    undo.push(() => child.remove());
    return child;
  };
  const set = (element, name, value) => {
    const before = element.getAttribute(name);
    element.setAttribute(name, value);
    undo.push(() => before === null
      ? element.removeAttribute(name) : element.setAttribute(name, before));
  };

  // Frames side by side as far as what is written in them stays readable: four in two columns,
  // three in one or three, the one that the page begins with among them. Of two sliders each is
  // moved to its further end, then both. A strip stands before the frame on the screen: that may
  // be one of its own, and of two clip paths with one name the first counts.
  const strip = (box) => {
    const { readouts, frames } = JSON.parse(box.querySelector("script").textContent);
    const dials = Array.from(box.querySelectorAll("input, select"));
    const width = box.querySelector("svg").viewBox.baseVal.width;
    const columns = Math.min(3, Math.max(1, Math.floor(960 / width)));
    const ends = readouts.map((some) => some.length - 1);
    const start = dials.map((dial) =>
      Number(dial.defaultValue ?? dial.querySelector("[selected]").value));
    const part = (k) => ends.map((end) => Math.round(end * k));
    const further = start.map((at, k) => (at > ends[k] / 2 ? 0 : ends[k]));
    const inside = start.every((at, k) => at > 0 && at < ends[k]) ? start : part(1 / 2);
    let chosen = [part(0), inside, part(1)];
    if (columns === 2 && dials.length === 2) {
      chosen = [start, [further[0], start[1]], [start[0], further[1]], further];
    } else if (columns === 2) {
      const thirds = inside === start && start[0] > ends[0] / 2 ? [part(1 / 3), start] : [inside, part(2 / 3)];
      chosen = [part(0), ...thirds, part(1)];
    }
    const paper = make("div", { className: "npg-strip" });
    paper.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    for (const key of new Set(chosen.map(String))) {
      const at = key.split(",").map(Number);
      const item = make("div", { innerHTML: frames[at.reduce((n, v, k) => n * (ends[k] + 1) + v, 0)] });
      item.append(at.map((v, k) => `${dials[k].labels[0].textContent} = ${readouts[k][v]}`).join(", "));
      paper.append(item);
    }
    return paper;
  };

  // At the end of the page or, where there is a place for all solutions of the book, in there.
  const gatherSolutions = (article) => {
    const solutions = article.querySelectorAll("details.npg-solution > .solution");
    if (!solutions.length) return;
    const place = document.getElementById("all-solutions");
    const title = place ? article.querySelector("h1").textContent.replace(/#$/, "") : "Solutions";
    const section = add(place ?? article, make("section", { className: "npg-solutions" }));
    section.append(make("h2", { id: `${article.id}-solutions`, textContent: title }));
    for (const solution of solutions) {
      const { parentElement: fold, nextSibling: next } = solution;
      const exercise = document.getElementById(
        decodeURIComponent(solution.querySelector(".admonition-title a").hash.slice(1)));
      const link = make("a", { textContent: "Solution", href: `#${encodeURI(solution.id)}` });
      add(exercise, make("p", { className: "npg-to-solution" })).append(link);
      section.append(solution);
      undo.push(() => fold.insertBefore(solution, next));
    }
  };

  document.querySelector(".npg-print")?.addEventListener("click", () => print());

  addEventListener("beforeprint", () => {
    const title = JSON.stringify(document.title);
    add(document.head, make("style", { textContent: `@page { @top-left { content: ${title} } }` }));
    set(document.documentElement, "data-theme", "light");
    document.querySelectorAll(".npg-explore").forEach((box) => add(box, strip(box), "prepend"));
    document.querySelectorAll("article.bd-article").forEach(gatherSolutions);
    document.querySelectorAll("article .cell_output").forEach((output) => {
      if (/^(\s*\[open\] .* not answered yet\.)+\s*$/.test(output.textContent)) set(output, "hidden", "");
    });
    document.querySelectorAll("article pre").forEach((code) => {
      if (code.textContent.trim().split("\n").length <= SHORT) {
        const block = code.closest(".cell_input, .cell_output, .doctest") ?? code;
        set(block, "class", `${block.className} npg-whole`.trim());
      }
    });
    document.querySelectorAll("article details").forEach((fold) => set(fold, "open", ""));
  });
  addEventListener("afterprint", () => {
    while (undo.length) undo.pop()();
  });
})();
