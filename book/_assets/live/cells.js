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

export class Cell {
  constructor(box, number) {
    this.box = box;
    this.number = number;
    this.id = String(number);
    this.input = box.querySelector(".cell_input");
    this.pre = this.input.querySelector("pre");
    this.published = this.pre.textContent.replace(/\n$/, "");
    this.key = `${hash(this.published)}-${this.published.length}`;
    this.text = store.here().cells[this.key] ?? this.published;
    this.shown = box.querySelector(".cell_output");
    this.ran = null; // the text that was run last, in the Python of now
    this.editor = null;
  }

  get exercise() { return this.box.closest(".exercise"); }

  get changed() { return this.text !== this.published; }

  // Where this run's output goes; what was published steps aside until Reset.
  clear() {
    if (!this.output) {
      this.output = element("div", { className: "npg-output cell_output" });
      this.input.closest("details")?.after(this.output) ?? this.input.after(this.output);
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
      const code = element("div", { className: "highlight" }, element("pre", {}, text));
      const box = this.#place(element("div", { className: "output stream" }, code));
      box.dataset.kind = kind;
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

  reset() {
    this.text = this.published;
    this.ran = null;
    store.dropCode(this.key);
    this.editor?.destroy();
    this.editor = null;
    this.input.querySelector(".npg-editor")?.remove();
    this.input.querySelector(".highlight").hidden = false;
    this.output?.remove();
    this.output = null;
    if (this.shown) this.shown.hidden = false;
  }

  async edit(run, changed) {
    if (this.editor) return this.editor.focus();
    const { edit } = await import("./editor.js");
    const place = element("div", { className: "npg-editor highlight" });
    this.input.querySelector(".highlight").hidden = true;
    this.input.append(place);
    // What is typed here is no shortcut of the page.
    place.addEventListener("keydown", (event) => event.stopPropagation());
    this.editor = edit(place, {
      text: this.text, label: `Code of cell ${this.number}`, run,
      changed: (text) => {
        this.text = text;
        if (this.changed) store.keepCode(this.key, text); else store.dropCode(this.key);
        changed();
      },
    });
    return this.editor.focus();
  }
}

export const cells = Array.from(document.querySelectorAll("article .cell"))
  .filter((box) => box.querySelector(".cell_input pre"))
  .map((box, k) => new Cell(box, k + 1));
