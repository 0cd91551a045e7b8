// The exercises of the page that a check can answer, and which of them are solved.
import { cells } from "./cells.js";
import * as store from "./store.js";

// A solution stands in a fold of its own; cells between an exercise and its solution are its own.
const exerciseOf = (box) => {
  for (let e = box.previousElementSibling; e; e = e.previousElementSibling) {
    if (e.matches(".exercise")) return e;
    if (e.matches(".npg-solution, h2, h3")) return null;
  }
  return null;
};

class Exercise {
  constructor(box) {
    this.box = box;
    this.label = box.id;
    this.name = box.querySelector(".caption-number")?.textContent.trim() ?? "The exercise";
    this.cells = cells.filter((cell) => exerciseOf(cell.box) === box);
    this.solution = cells.filter((cell) => {
      const fold = cell.box.closest(".npg-solution");
      return fold && exerciseOf(fold) === box;
    });
    // Unanswered, as it was published, a check says so.
    this.checks = this.cells.filter((cell) => /^\[open\] /m.test(cell.shown?.textContent ?? ""));
  }

  get solved() { return Object.hasOwn(store.read(store.here).solved, this.label); }

  // What the checks of the last run say together, in a sentence; a solved exercise is kept.
  judge() {
    const said = this.checks.map((cell) => cell.verdicts());
    const all = said.flat();
    if (said.every((verdicts) => verdicts.length && verdicts.every(({ mark }) => mark === "right"))) {
      store.keepSolved(this.label);
      return `${this.name}: solved.`;
    }
    const { line } = all.find(({ mark }) => mark !== "right") ?? { line: "[not yet]" };
    return `${this.name}: ${line.replace(/^\[open\] /, "").replace(/^\[not yet\] ?/, "not yet. ")}`.trim();
  }
}

export const exercises = Array.from(document.querySelectorAll("article .exercise"), (box) => new Exercise(box))
  .filter((exercise) => exercise.checks.length);
export const exerciseWith = (cell) => exercises.find((exercise) => exercise.cells.includes(cell));

// Show what is kept: a word in each exercise's title, and how many they are.
export const showSolved = () => {
  for (const exercise of exercises) {
    let mark = exercise.box.querySelector(".npg-solved");
    if (!mark) {
      mark = document.createElement("span");
      mark.className = "npg-solved";
      exercise.box.querySelector(".admonition-title").append(mark);
    }
    mark.textContent = exercise.solved ? "✓ solved" : "";
  }
  const line = document.querySelector(".npg-progress-told");
  const done = exercises.filter((exercise) => exercise.solved).length;
  if (line) line.textContent = `${done} of ${exercises.length} checked exercises solved`;
};
