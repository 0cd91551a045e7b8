// The dialog on progress: what is solved in which chapter, kept in a file, taken from one, cleared.
import * as store from "./store.js";

const element = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};
const root = new URL(document.documentElement.dataset.content_root, location.href);

// The chapters with exercises, by the site's own list, and what it calls them.
const chapters = async () => {
  const counts = await (await fetch(new URL("_static/live/exercises.json", root))).json();
  const titles = new Map(Array.from(document.querySelectorAll("nav.bd-links a[href]"), (link) => [
    link.href.split("#")[0].split("/").pop().replace(/\.html$/, "") || store.here, link.textContent.trim()]));
  return Object.entries(counts).map(([page, { folder, labels }]) => (
    { page, labels, href: new URL(`${folder}${page}.html#exercises`, root).href, title: titles.get(page) ?? page }));
};

let dialog = null;
const make = (changed) => {
  const list = element("tbody");
  const total = element("p");
  const told = element("p", { className: "npg-told" });
  told.setAttribute("role", "status");
  const show = async () => {
    let all;
    try { all = await chapters(); } catch { told.textContent = "The list of chapters could not be fetched."; return; }
    let solved = 0, count = 0;
    list.replaceChildren(...all.map(({ page, labels, href, title }) => {
      const kept = store.read(page);
      const done = labels.filter((label) => Object.hasOwn(kept.solved, label)).length;
      const own = Object.keys(kept.cells).length;
      solved += done;
      count += labels.length;
      return element("tr", {},
        element("th", { scope: "row" }, element("a", { href, textContent: title })),
        element("td", {}, `${done} of ${labels.length}`),
        element("td", {}, own ? String(own) : ""));
    }));
    total.textContent = `${solved} of ${count} exercises are solved.`;
  };
  const button = (text, act) => {
    const made = element("button", { type: "button", textContent: text });
    made.addEventListener("click", act);
    return made;
  };
  const save = button("Save to a file", () => {
    const href = URL.createObjectURL(new Blob([store.exported()], { type: "application/json" }));
    element("a", { href, download: "npgbook-progress.json" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
    told.textContent = "Saved as npgbook-progress.json.";
  });
  const file = element("input", { type: "file", accept: ".json,application/json", hidden: true });
  file.setAttribute("aria-label", "File with progress");
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    try { told.textContent = await store.imported(chosen); } catch (error) { told.textContent = error.message; }
    changed();
    show();
  });
  const load = button("Load from a file", () => file.click());
  const clear = button("Clear", () => {
    if (!confirm("Forget every solved exercise and all changed code, in all chapters?")) return;
    store.clear();
    told.textContent = "Nothing is kept any more.";
    changed();
    show();
  });
  const close = button("Close", () => dialog.close());
  const head = element("tr", {}, ...["Chapter", "Solved", "Changed cells"].map((text) => element("th", { scope: "col" }, text)));
  const title = element("h2", { id: "npg-progress-title" }, "Progress");
  dialog = element("dialog", { className: "npg-dialog" }, title, total,
    element("table", {}, element("thead", {}, head), list),
    element("p", {}, "Kept in this browser alone; nothing of it is sent anywhere."),
    told, element("p", { className: "npg-dialog-buttons" }, save, load, file, clear, close));
  dialog.setAttribute("aria-labelledby", title.id);
  document.body.append(dialog);
  return show;
};

let show = null;
export const progress = async (changed) => {
  show ??= make(changed);
  dialog.querySelector(".npg-told").textContent = "";
  dialog.showModal();
  await show();
};
