// Run, edit, reset and stop the code of this page. Loaded when a reader first asks for it.
import { cells } from "./cells.js";
import { sliders } from "./live_sliders.js";
import { Session } from "./session.js";
import * as store from "./store.js";
import { trainer } from "./train.js";

const session = new Session();
const bar = document.querySelector("#npg-live");
const status = bar.querySelector("[role=status]");
const meter = bar.querySelector("progress");
const figures = new Map();
const queue = [];
let running = null;
let training = null;

const state = (name, text) => {
  bar.dataset.state = name;
  status.textContent = text;
  meter.hidden = name !== "loading";
};
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

const shows = {
  loading: ({ what, come, total }) => {
    Object.assign(meter, { max: total, value: come });
    state("loading", come < total
      ? `Fetching ${what}: ${megabytes(come)} of ${megabytes(total)} MB` : `Starting ${what}`);
  },
  stream: ({ text }, cell) => cell.print(text, "stream"),
  result: ({ text }, cell) => cell.print(text, "result"),
  error: ({ text }, cell) => cell.print(text, "error"),
  picture: ({ html }, cell) => {
    const box = document.createElement("div");
    box.className = "npg-frame";
    box.innerHTML = html;
    cell.picture(box);
  },
  sliders: (message, cell) => {
    const box = sliders(message, (asked) => session.ask(asked));
    figures.set(message.figure, box);
    cell.picture(box);
  },
  frame: (message) => figures.get(message.figure)?.draw(message),
  verdict: ({ ok }, cell) => {
    const label = cell.exercise?.id;
    if (ok && label) store.keepSolved(label);
  },
  iteration: () => {}, // train.js listens for itself
  track: () => {},
  broken: ({ text }) => state("error", `Python has stopped: ${text}. Run starts it again.`),
};
session.addEventListener("message", ({ detail }) => {
  if (detail.kind === "error" && !running) return; // of a frame: the one that is shown stays
  shows[detail.kind](detail, cells[Number(detail.cell) - 1]);
  const going = running ? "Running" : "Training";
  if (detail.kind !== "loading" && bar.dataset.state === "loading") state("running", going);
});

// Run one cell after what stands above it and has not been run as it now reads.
export const runTo = async (last, only = [last]) => {
  if (running) return;
  const above = cells.slice(0, last.number - 1).filter((cell) => cell.ran !== cell.text);
  queue.splice(0, queue.length, ...above, ...only.filter((cell) => !above.includes(cell)));
  const many = queue.length;
  training?.wait();
  try {
    running = queue[0];
    state("loading", "Starting Python");
    await session.start();
    for (let k = 1; queue.length; k += 1) {
      running = queue.shift();
      const first = above.includes(running) ? " (what stands above runs first)" : "";
      state("running", many > 1 ? `Running cell ${k} of ${many}${first}` : "Running");
      const text = running.text;
      running.clear();
      const ok = await session.run(running.id, text);
      running.settle();
      running.ran = ok ? text : null;
      if (!ok) {
        const stopped = running;
        running = null;
        state("error", `Cell ${stopped.number} ended with an error${queue.length ? "; what follows was not run" : ""}.`);
        if (queue.length) stopped.box.scrollIntoView({ block: "nearest" });
        return;
      }
    }
    running = null;
    state("ready", many > 1 ? `Done: ${many} cells were run.` : "Done.");
  } catch (error) {
    running?.settle();
    running = null;
    queue.length = 0;
    cells.forEach((cell) => { cell.ran = null; });
    if (bar.dataset.state !== "error") state("idle", "Stopped. The next Run starts Python again, and what stands above first.");
  } finally {
    training?.resume();
  }
};
export const run = (cell) => runTo(cell);
export const runAll = () => runTo(cells.at(-1), cells);
export const stop = () => {
  training?.lost("Stopped.");
  session.stop();
  if (!running) state("idle", "Stopped.");
};
export const train = (place) => {
  training ??= trainer(place, session, state, () => Boolean(running));
  return training;
};
export const find = (box) => cells.find((cell) => cell.box === box);
export { cells, session, store };
