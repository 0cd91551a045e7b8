// What this browser keeps of a page: the reader's code, and which exercises are answered.
// A cell is known by the text that was published, so that a new edition's cells start afresh.
const PREFIX = "npgbook:1:";
const MOST = 1_000_000; // characters of a file that is imported
const name = location.pathname.split("/").pop().replace(/\.html$/, "") || "index";

const read = (page) => {
  try { return { cells: {}, solved: {}, ...JSON.parse(localStorage.getItem(PREFIX + page)) }; }
  catch { return { cells: {}, solved: {} }; }
};
const change = (alter) => {
  const kept = read(name); // another tab may have written
  alter(kept);
  try { localStorage.setItem(PREFIX + name, JSON.stringify(kept)); } catch { /* kept nowhere */ }
};

export const here = () => read(name);
export const keepCode = (key, code) => change((kept) => { kept.cells[key] = code; });
export const dropCode = (key) => change((kept) => { delete kept.cells[key]; });
export const keepSolved = (label) => change((kept) => { kept.solved[label] = true; });

const pages = () => Object.keys(localStorage).filter((key) => key.startsWith(PREFIX))
  .map((key) => key.slice(PREFIX.length)).sort();

export const all = () => Object.fromEntries(pages().map((page) => [page, read(page)]));
export const clear = () => pages().forEach((page) => localStorage.removeItem(PREFIX + page));
export const exported = () => JSON.stringify({ format: PREFIX, pages: all() }, null, 1);

const isText = (value) => typeof value === "string";
const isTable = (value, each) => value !== null && typeof value === "object" && !Array.isArray(value)
  && Object.keys(value).every((key) => key.length < 200) && Object.values(value).every(each);

// Take what was exported; what is not of that form is refused whole, with the reason.
export const imported = (text) => {
  if (text.length > MOST) throw new Error(`The file is larger than ${MOST / 1e6} MB.`);
  let given;
  try { given = JSON.parse(text); } catch { throw new Error("The file is not JSON."); }
  if (given?.format !== PREFIX) throw new Error("The file is no progress that this book has exported.");
  const fits = isTable(given.pages, (page) => isTable(page, () => true)
    && isTable(page.cells, isText) && isTable(page.solved, (value) => value === true)
    && Object.keys(page).length === 2);
  if (!fits || !Object.keys(given.pages).every((page) => /^[\w-]+$/.test(page))) {
    throw new Error("The file has entries that this book does not know.");
  }
  for (const [page, { cells, solved }] of Object.entries(given.pages)) {
    const kept = read(page);
    const merged = { cells: { ...kept.cells, ...cells }, solved: { ...kept.solved, ...solved } };
    localStorage.setItem(PREFIX + page, JSON.stringify(merged));
  }
  return Object.keys(given.pages).length;
};
