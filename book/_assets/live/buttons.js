// A Run button on each code cell, where the site has brought its Python along. What it needs is
// fetched when it is first pressed.
(() => {
  "use strict";
  if (!document.querySelector('meta[name="npg-live"]')) return;
  const boxes = Array.from(document.querySelectorAll("article .cell"))
    .filter((box) => box.querySelector(".cell_input pre"));
  if (!boxes.length) return;
  const root = document.documentElement.dataset.content_root;
  const button = (name, text, label, title) => {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", className: name, textContent: text, title: title ?? label });
    made.setAttribute("aria-label", label);
    return made;
  };

  const bar = document.createElement("div");
  bar.id = "npg-live";
  bar.dataset.state = "idle";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Code of this page");
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  const detail = document.createElement("span");
  detail.className = "npg-detail"; // what changes too often to be read out
  const meter = document.createElement("progress");
  meter.hidden = true;
  meter.setAttribute("aria-label", "Fetched");
  const all = button("npg-run-all", "Run all", "Run all cells of this page, from a fresh start");
  const halt = button("npg-stop", "Stop", "Stop Python and what it is doing");
  bar.append(status, detail, meter, all, halt);
  document.querySelector("article").after(bar);

  // The page's scripts; what did not come may come at the next press.
  const page = async () => {
    try {
      return await import(new URL(`${root}_static/live/page.js`, location.href).href);
    } catch (error) {
      bar.dataset.state = "error";
      // Browsers load no modules and no Python into a page that was opened as a file.
      status.textContent = location.protocol === "file:"
        ? "A page opened as a file cannot run code: use the start file that README.txt names."
        : "What runs the code could not be fetched: is there a connection? Run tries again.";
      throw error;
    }
  };
  const act = (what) => async () => what(await page());
  all.addEventListener("click", act((live) => live.runAll()));
  halt.addEventListener("click", act((live) => live.stop()));

  // The place for training has a button that fetches what it needs.
  document.querySelectorAll(".npg-train").forEach((place) => {
    const begin = button("npg-train-start", "Train TRPO here", "Train TRPO here. Fetches Python, 20 MB at most, once");
    begin.addEventListener("click", act((live) => live.train(place).begin()));
    place.replaceChildren(begin);
  });

  boxes.forEach((box, k) => {
    const cell = `cell ${k + 1}`;
    const tools = document.createElement("div");
    tools.className = "npg-cell-tools";
    const note = document.createElement("span");
    note.className = "npg-note";
    const run = button("npg-run", "Run", `Run ${cell}`,
      "Run this cell, after what stands above it and has not been run (Shift+Enter)");
    const here = button("npg-here", "Run to here", `Run to here, ${cell}`,
      "Forget everything, then run each cell from the top of the page to this one");
    const stop = button("npg-stop", "Stop", `Stop ${cell}`, "Stop Python and what it is doing");
    const edit = button("npg-edit", "Edit", `Edit ${cell}`, "Change the code");
    const reset = button("npg-reset", "Reset", `Reset ${cell}`, "Back to the code and the output as published");
    stop.hidden = reset.hidden = true;
    tools.append(note, run, stop, here, edit, reset);
    (box.querySelector("details:has(> .cell_input)") ?? box.querySelector(".cell_input")).after(tools);
    run.addEventListener("click", act((live) => live.run(live.cells[k])));
    here.addEventListener("click", act((live) => live.runToHere(live.cells[k])));
    stop.addEventListener("click", act((live) => live.stop()));
    edit.addEventListener("click", act((live) => live.edit(live.cells[k])));
    reset.addEventListener("click", act((live) => live.reset(live.cells[k])));
  });

  // An exercise whose check, as published, waits for an answer.
  const waits = (box) => /^\[open\] /m.test(box.querySelector(".cell_output")?.textContent ?? "");
  let checked = 0;
  document.querySelectorAll("article .exercise").forEach((exercise) => {
    const own = [];
    for (let e = exercise.nextElementSibling; e && !e.matches(".exercise, .npg-solution, h2, h3"); e = e.nextElementSibling) {
      if (boxes.includes(e)) own.push(e);
    }
    if (!own.some(waits)) return;
    checked += 1;
    const name = exercise.querySelector(".caption-number")?.textContent.trim() ?? "the exercise";
    for (const run of own.map((box) => box.querySelector(".npg-run"))) {
      run.textContent = "Check";
      run.title = "Run this exercise's cells and its check, after what stands above (Shift+Enter)";
      run.setAttribute("aria-label", `Check ${name[0].toLowerCase()}${name.slice(1)}`);
    }
  });
  if (checked) {
    const line = document.createElement("div");
    line.className = "npg-progress";
    const told = document.createElement("span");
    told.className = "npg-progress-told";
    told.textContent = `0 of ${checked} checked exercises solved`;
    const open = button("npg-progress-open", "Progress", "Progress in all chapters: save, load, clear");
    open.addEventListener("click", act((live) => live.progress()));
    line.append(told, open);
    document.querySelector("article #exercises > h2").after(line);
  }

  // What was changed or solved here before is shown; else nothing is fetched yet.
  const name = location.pathname.split("/").pop().replace(/\.html$/, "") || "index";
  try {
    if (localStorage.getItem(`npgbook:1:${name}`)) page();
  } catch { /* this browser keeps nothing */ }
})();
