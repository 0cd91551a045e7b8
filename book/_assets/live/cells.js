// The code cells of the page: their text, published and changed, and what they show when run.
import * as store from "./store.js";

const element = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};
const hash = (text) => {
  let h = 5381;
  for (let i = 0; i < text.length; i += 1) h = (h * 33 + text.charCodeAt(i)) >>> 0;
  return h.toString(36);
};
// What a check says begins so, at the beginning of a line.
const MARKS = /^\[(right|not yet|open)\] .*$/gm;

const keys = new Map(); // two cells of the same text are told apart by their order

export class Cell {
  constructor(box, number) {
    this.box = box;
    this.number = number;
    this.id = String(number);
    this.input = box.querySelector(".cell_input");
    this.pre = this.input.querySelector("pre");
    this.published = this.pre.textContent.replace(/\n$/, "");
    this.highlighted = Array.from(this.pre.childNodes);
    const key = `${hash(this.published)}-${this.published.length}`;
    keys.set(key, (keys.get(key) ?? 0) + 1);
    this.key = keys.get(key) === 1 ? key : `${key}-${keys.get(key)}`;
    this.text = this.published;
    this.shown = box.querySelector(".cell_output");
    this.ran = null; // the text that was run last, in the Python of now
    this.editor = null;
    this.tools = Object.fromEntries(["run", "here", "stop", "edit", "reset", "note"]
      .map((name) => [name, box.querySelector(`.npg-${name}`)]));
  }

  get changed() { return this.text !== this.published; }

  // Show which buttons there is a use for.
  update() {
    const { edit, reset, note } = this.tools;
    edit.hidden = Boolean(this.editor);
    reset.hidden = !this.changed && !this.output;
    note.textContent = this.changed ? "changed" : "";
  }

  // Stop stands where Run stood, and has the focus that Run had.
  setBusy(busy) {
    const { run, here, stop } = this.tools;
    const focused = [run, here, stop].includes(document.activeElement);
    run.hidden = here.hidden = busy;
    stop.hidden = !busy;
    if (focused) (busy ? stop : run).focus({ preventScroll: true });
    this.update();
  }

  // Where this run's output goes; what was published steps aside until Reset.
  clear() {
    if (!this.output) {
      this.output = element("div", { className: "npg-output cell_output" });
      this.tools.run.parentElement.after(this.output);
      this.figure = this.shown?.querySelector("figure") ?? null;
      if (this.shown) this.shown.hidden = true;
    }
    this.output.style.minHeight = `${this.output.offsetHeight}px`; // nothing jumps while it runs
    this.output.replaceChildren();
  }

  settle() { if (this.output) this.output.style.minHeight = ""; }

  #place(made) {
    this.output.append(made);
    return made;
  }

  print(text, kind) {
    const last = this.output.lastElementChild;
    if (last?.dataset.kind === kind && kind === "stream") last.querySelector("pre").append(text);
    else {
      const pre = element("pre", {}, text);
      const box = this.#place(element("div", { className: "output stream" }, element("div", { className: "highlight" }, pre)));
      box.dataset.kind = kind;
    }
  }

  // What the checks of this cell said, in its last run.
  verdicts() {
    const texts = Array.from(this.output?.querySelectorAll("[data-kind] pre") ?? [], (pre) => pre.textContent);
    return Array.from(texts.join("\n").matchAll(MARKS), ([line, mark]) => ({ line, mark }));
  }

  // Let a verdict stand out, by more than the colour: its mark stays in words.
  showVerdicts() {
    for (const pre of this.output.querySelectorAll("[data-kind] pre")) {
      const lines = pre.textContent.split(/(?<=\n)/);
      const marks = lines.map((line) => line.match(/^\[(right|not yet|open)\] /)?.[1]);
      if (!marks.some(Boolean)) continue;
      pre.replaceChildren(...lines.map((line, k) => element("span", {
        className: marks[k] ? `npg-verdict npg-${marks[k].replace(" ", "-")}` : "",
      }, line)));
    }
  }

  // A picture stands in its figure, over the caption that was published.
  picture(content) {
    const caption = this.figure?.querySelector("figcaption")?.cloneNode(true);
    const made = element("figure", {}, content);
    if (caption) {
      caption.querySelectorAll("[id]").forEach((inner) => inner.removeAttribute("id"));
      made.append(caption);
    }
    return this.#place(made);
  }

  // Show the code that the reader has, where the published one stood.
  #showText() {
    if (this.changed) this.pre.replaceChildren(this.text);
    else this.pre.replaceChildren(...this.highlighted);
    this.box.classList.toggle("npg-changed", this.changed);
  }

  // The code as it is kept, when another tab, or a file, has brought another.
  take(text) {
    if (text === this.text) return;
    this.text = text;
    this.editor?.dispatch({ changes: { from: 0, to: this.editor.state.doc.length, insert: text } });
    this.#showText();
    this.update();
  }

  reset() {
    this.text = this.published;
    this.ran = null;
    store.dropCode(this.key);
    this.close();
    this.#showText();
    this.output?.remove();
    this.output = null;
    if (this.shown) this.shown.hidden = false;
    this.update();
    this.tools.run.focus();
  }

  close() {
    this.editor?.destroy();
    this.editor = null;
    this.input.querySelector(".npg-editor")?.remove();
    this.input.querySelector(".highlight").hidden = false;
  }

  // Open the editor, or go there. `run` is what Shift+Enter does.
  async edit(run) {
    const { edit } = await import("./editor.js");
    this.box.querySelector("details:has(> .cell_input)")?.setAttribute("open", "");
    if (this.editor) return this.editor.focus();
    const place = element("div", { className: "npg-editor highlight" });
    this.input.querySelector(".highlight").hidden = true;
    this.input.append(place);
    // What is typed here is no shortcut of the page.
    place.addEventListener("keydown", (event) => event.stopPropagation());
    this.editor = edit(place, {
      text: this.text, run,
      label: `Code of cell ${this.number}. Shift+Enter runs it, Escape leaves the editor.`,
      leave: () => this.tools.run.focus(),
      changed: (text) => {
        if (text === this.text) return;
        this.text = text;
        if (this.changed) store.keepCode(this.key, text); else store.dropCode(this.key);
        this.#showText();
        this.update();
      },
    });
    this.editor.focus();
    return this.update();
  }
}

export const cells = Array.from(document.querySelectorAll("article .cell"))
  .filter((box) => box.querySelector(".cell_input pre"))
  .map((box, k) => new Cell(box, k + 1));
