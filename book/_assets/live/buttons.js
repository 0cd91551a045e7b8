// A Run button on each code cell, where the site has brought its Python along. What it needs is
// fetched when it is first pressed.
(() => {
  "use strict";
  if (!document.querySelector('meta[name="npg-live"]')) return;
  const boxes = Array.from(document.querySelectorAll("article .cell"))
    .filter((box) => box.querySelector(".cell_input pre"));
  if (!boxes.length) return;
  const root = document.documentElement.dataset.content_root;
  // Browsers load no modules and no Python into a page that was opened as a file.
  const page = () => {
    if (location.protocol !== "file:") return import(new URL(`${root}_static/live/page.js`, location.href).href);
    bar.dataset.state = "error";
    status.textContent = "A page opened as a file cannot run code: use the start file that README.txt names.";
    return new Promise(() => {});
  };
  const button = (name, text, title) => {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", className: name, textContent: text, title });
    return made;
  };

  const bar = document.createElement("div");
  bar.id = "npg-live";
  bar.dataset.state = "idle";
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  const meter = document.createElement("progress");
  meter.hidden = true;
  meter.setAttribute("aria-label", "Fetched");
  const all = button("npg-run-all", "Run all", "Run every cell of this page, in its order");
  const halt = button("npg-stop", "Stop", "End Python and what it is doing");
  bar.append(status, meter, all, halt);
  document.querySelector("article").after(bar);
  all.addEventListener("click", async () => (await page()).runAll());
  halt.addEventListener("click", async () => (await page()).stop());

  // The place for training has a button that fetches what it needs.
  document.querySelectorAll(".npg-train").forEach((place) => {
    const begin = button("npg-train-start", "Train TRPO here", "Fetches Python, 17 MB at most, once");
    begin.addEventListener("click", async () => (await page()).train(place).begin());
    place.replaceChildren(begin);
  });

  boxes.forEach((box) => {
    const tools = document.createElement("div");
    tools.className = "npg-cell-tools";
    const run = button("npg-run", "Run", "Run this cell, after what stands above it (Shift+Enter)");
    const edit = button("npg-edit", "Edit", "Change the code");
    const reset = button("npg-reset", "Reset", "Back to the code and the output as published");
    reset.hidden = true;
    tools.append(run, edit, reset);
    (box.querySelector("details") ?? box.querySelector(".cell_input")).append(tools);
    const act = (what) => async () => {
      const live = await page();
      const cell = live.find(box);
      await what(live, cell);
      reset.hidden = !cell.changed && !cell.output;
    };
    const start = act((live, cell) => live.run(cell));
    run.addEventListener("click", start);
    edit.addEventListener("click", act((live, cell) => cell.edit(start, () => { reset.hidden = false; })));
    reset.addEventListener("click", act((live, cell) => cell.reset()));
  });
})();
