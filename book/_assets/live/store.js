// What this browser keeps of a page: the reader's code, and which exercises are answered.
// A cell is known by the text that was published, so that a new edition's cells start afresh.
const PREFIX = "npgbook:1:";
const name = location.pathname.split("/").pop().replace(/\.html$/, "") || "index";

const KEY = PREFIX + name;

export const here = () => {
  try { return { cells: {}, solved: {}, ...JSON.parse(localStorage.getItem(KEY)) }; }
  catch { return { cells: {}, solved: {} }; }
};
const change = (alter) => {
  const kept = here(); // another tab may have written
  alter(kept);
  try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* kept nowhere */ }
};
export const keepCode = (key, code) => change((kept) => { kept.cells[key] = code; });
export const dropCode = (key) => change((kept) => { delete kept.cells[key]; });
export const keepSolved = (label) => change((kept) => { kept.solved[label] = true; });
