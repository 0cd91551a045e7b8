// Run, edit, reset and stop the code of this page. Loaded when a reader first asks for it.
import { cells } from "./cells.js";
import { exercises, exerciseWith, showSolved } from "./exercises.js";
import { sliders } from "./live_sliders.js";
import { progress as openProgress } from "./progress.js";
import { Session } from "./session.js";
import * as store from "./store.js";
import { trainer } from "./train.js";

const session = new Session();
const bar = document.querySelector("#npg-live");
const status = bar.querySelector("[role=status]");
const detail = bar.querySelector(".npg-detail");
const meter = bar.querySelector("progress");
const figures = new Map();
const jobs = []; // what the reader has asked for, in its order
let running = null;
let training = null;

// `text` is read out where it changes; `more` is only seen.
const state = (name, text, more = "") => {
  bar.dataset.state = name;
  if (status.textContent !== text) status.textContent = text;
  detail.textContent = more;
  meter.hidden = name !== "loading";
};
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
const cellsOf = (number) => (number === 1 ? "1 cell" : `${number} cells`);

const shows = {
  loading: ({ what, come, total }) => {
    const more = `${megabytes(come)} of ${megabytes(total)} MB`;
    Object.assign(meter, { max: total, value: come });
    // What is fetched in the middle of a cell is small, and not read out.
    if (session.started && come < total) state("loading", status.textContent, `fetching ${what}, ${megabytes(total)} MB`);
    else if (session.started) state("running", status.textContent);
    else if (come < total) state("loading", `Fetching ${what}, ${megabytes(total)} MB`, more);
    else state("loading", `Starting ${what}`);
  },
  stream: ({ text }, cell) => cell.print(text, "stream"),
  result: ({ text }, cell) => cell.print(text, "result"),
  error: ({ text, name, line }, cell) => {
    cell.print(text, "error");
    cell.stopped = line ? `${name}, line ${line}` : name;
  },
  picture: ({ html }, cell) => {
    const box = document.createElement("div");
    box.className = "npg-frame";
    box.innerHTML = html;
    cell.picture(box);
  },
  sliders: (message, cell) => {
    const box = sliders(message, ask);
    figures.set(message.figure, box);
    cell.picture(box);
  },
  frame: (message) => {
    drawn();
    figures.get(message.figure)?.draw(message);
  },
  iteration: () => {}, // train.js listens for itself
  track: () => {},
  broken: ({ text, starting }) => state("error", starting
    ? `Python could not be fetched or started (${text}). Is there a connection? Run tries again.`
    : `Python has stopped: ${text}. Run starts it again, and what stands above first.`),
};
const SILENT = "0"; // in the place of a cell's id: what it says is not shown
session.addEventListener("message", ({ detail: message }) => {
  if (message.cell === SILENT) return;
  shows[message.kind](message, cells[Number(message.cell) - 1]);
});

// A drawing that takes long can be stopped.
let slow = null;
const ask = (message) => {
  slow ??= setTimeout(() => { if (!jobs.length) state("running", "Drawing"); }, 1500);
  session.ask(message);
};
const drawn = () => {
  clearTimeout(slow);
  slow = null;
  if (!jobs.length && status.textContent === "Drawing") state("ready", "");
};

// The cells of a job, when it begins. An exercise is checked with its answer as it now reads, so all
// its cells run again. From a fresh start nothing is left out.
const toRun = ({ target, fresh }) => {
  if (fresh) return cells.slice(0, target.number);
  const own = exerciseWith(target)?.cells ?? [target];
  return cells.filter((cell) => own.includes(cell) || (cell.number < target.number && cell.ran !== cell.text));
};

// An answer that fails stops its own exercise, and no later one.
const goesOn = (cell, target) => {
  const exercise = exerciseWith(cell);
  return exercise && exercise !== exerciseWith(target);
};

// An answer that does not say what was asked for is none, whatever had the name before: the solution,
// or the answer of the last run. So the empty place that was published comes first.
const asksAgain = async (cell) => {
  if (exerciseWith(cell) && cell.changed && cell.published.includes("...")) {
    await session.run(SILENT, cell.published);
  }
};

// What the status says of a cell that failed.
const ended = (cell, target, isLast) => {
  const exercise = exerciseWith(cell);
  if (exercise) return `${exercise.name}: ${cell.changed ? "your code" : "the check"} stops with ${cell.stopped}.`;
  const rest = isLast ? "" : "; what follows was not run";
  return `${cell === target ? "The cell" : `Cell ${cell.number}`} ended with an error${rest}.`;
};

const perform = async (job) => {
  const { target, fresh } = job;
  if (!session.started) state("loading", "Starting Python");
  await session.start();
  if (fresh) {
    session.ask({ ask: "fresh" });
    cells.forEach((cell) => { cell.ran = null; });
  }
  const list = toRun(job);
  const exercise = fresh ? null : exerciseWith(target);
  const above = list.filter((cell) => cell !== target && !exercise?.cells.includes(cell)).length;
  const going = fresh ? `Running ${cellsOf(list.length)} from the top`
    : above ? `Running ${cellsOf(above)} that stand above first` : "Running";
  exercise?.cells.forEach((cell) => cell.clear()); // no old verdict stands beside a new answer
  for (const [k, cell] of list.entries()) {
    running = cell;
    state("running", going, list.length > 1 ? `${k + 1} of ${list.length}` : "");
    const text = cell.text;
    cell.clear();
    await asksAgain(cell);
    const ok = await session.run(cell.id, text);
    settle(cell);
    cell.ran = ok ? text : null;
    if (!ok && !goesOn(cell, target)) {
      if (cell !== target) cell.output.scrollIntoView({ block: "center" });
      state("error", ended(cell, target, k + 1 === list.length));
      return false;
    }
  }
  exercises.filter(({ checks }) => checks.some((cell) => list.includes(cell))).forEach((each) => {
    const said = each.judge();
    if (each === exercise) {
      each.solution.forEach((cell) => { cell.ran = null; }); // it has other names to give
      job.said = said;
    }
  });
  showSolved();
  const after = fresh ? `Done: ${cellsOf(list.length)} ${list.length === 1 ? "was" : "were"} run.`
    : above ? `Done, after ${cellsOf(above)} above.` : "Done.";
  state("ready", job.said ?? after);
  return true;
};

const settle = (cell) => {
  cell.settle();
  cell.showVerdicts();
  cell.update();
};
const release = () => {
  cells.forEach((cell) => cell.settle());
  running = null;
  jobs.splice(0).forEach(({ target }) => target.setBusy(false));
};

const request = async (target, fresh = false) => {
  if (jobs.some((job) => job.target === target)) return;
  const job = { target, fresh };
  jobs.push(job);
  target.setBusy(true);
  if (jobs.length > 1) return;
  training?.wait();
  try {
    while (jobs.length && await perform(jobs[0])) jobs.shift().target.setBusy(false);
  } catch {
    if (running) settle(running);
    if (bar.dataset.state !== "error") {
      state("idle", "Stopped. The next Run starts Python again, and what stands above first.");
    }
  }
  release();
  training?.resume();
};
// What Python knew is gone, and with it what sliders ask for.
session.addEventListener("end", () => {
  drawn();
  cells.forEach((cell) => { cell.ran = null; });
  figures.forEach((box) => box.end());
  figures.clear();
});

export const run = (cell) => request(cell);
export const runToHere = (cell) => request(cell, true);
export const runAll = () => request(cells.at(-1), true);
export const edit = (cell) => cell.edit(() => run(cell));
export const reset = (cell) => cell.reset();
export const stop = () => {
  training?.lost("Stopped.");
  session.stop();
  if (!jobs.length) state("idle", "Stopped. The next Run starts Python again.");
};
export const train = (place) => {
  training ??= trainer(place, session, state, () => jobs.length > 0);
  return training;
};

// Show what is kept: the code of before, of another tab, of a file.
const refresh = () => {
  const kept = store.read(store.here);
  cells.forEach((cell) => cell.take(kept.cells[cell.key] ?? cell.published));
  showSolved();
};
store.onChange(refresh);
store.onRefusal(() => {
  const note = document.createElement("p");
  note.className = "npg-refused";
  note.textContent = "This browser keeps nothing (it is private, or full): changes last until the page is closed.";
  if (!document.querySelector(".npg-refused")) bar.prepend(note);
});
refresh();
export const progress = () => openProgress(refresh);
export { cells, session, store };
