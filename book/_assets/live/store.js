// What this browser keeps of the book: by page, the reader's code and the exercises that are solved.
// A cell is known by the text that was published, so that a new edition's cells start afresh.
const PREFIX = "npgbook:1:";
const MOST = 1_000_000; // characters of a file that is imported
export const here = location.pathname.split("/").pop().replace(/\.html$/, "") || "index";

// What is kept where the browser refuses to: it lasts as long as the page.
const memory = new Map();
let refused = null;

const isTable = (value, name, each) => value !== null && typeof value === "object" && !Array.isArray(value)
  && Object.keys(value).every((key) => key.length < 100 && name.test(key))
  && Object.values(value).every(each);
const isPage = (value) => isTable(value, /^(cells|solved)$/, () => true)
  && isTable(value.cells, /^[0-9a-z]+-[0-9]+(-[0-9]+)?$/, (code) => typeof code === "string")
  && isTable(value.solved, /^ex-[\w-]+$/, (solved) => solved === true);
const NAME = /^[0-9a-z][\w-]*$/;

const parsed = (text) => { try { return JSON.parse(text); } catch { return null; } };
export const read = (page) => {
  let text = memory.get(page);
  try { text ??= localStorage.getItem(PREFIX + page); } catch { /* nothing is kept */ }
  const found = parsed(text ?? null);
  return isPage(found) ? found : { cells: {}, solved: {} };
};
const write = (page, kept) => {
  const text = JSON.stringify(kept);
  const empty = !Object.keys({ ...kept.cells, ...kept.solved }).length;
  try {
    if (empty) localStorage.removeItem(PREFIX + page);
    else localStorage.setItem(PREFIX + page, text);
    memory.delete(page);
  } catch {
    memory.set(page, text);
    refused?.();
  }
};
// Who is told that the browser keeps nothing.
export const onRefusal = (tell) => { refused = tell; };

const change = (alter) => {
  const kept = read(here); // another tab may have written
  alter(kept);
  write(here, kept);
};
export const keepCode = (key, code) => change((kept) => { kept.cells[key] = code; });
export const dropCode = (key) => change((kept) => { delete kept.cells[key]; });
export const keepSolved = (label) => change((kept) => { kept.solved[label] = true; });

// Another tab has written, or emptied, what is kept of this page.
export const onChange = (tell) => addEventListener("storage", ({ key }) => {
  if (key === PREFIX + here || key === null) tell();
});

const stored = () => { try { return Object.keys(localStorage); } catch { return []; } };
const pages = () => [...new Set([
  ...stored().filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length)),
  ...memory.keys(),
])].sort();

export const clear = () => {
  for (const page of pages()) {
    memory.delete(page);
    try { localStorage.removeItem(PREFIX + page); } catch { /* nothing was kept */ }
  }
};
export const exported = () => {
  const all = Object.fromEntries(pages().map((page) => [page, read(page)]));
  return `${JSON.stringify({ format: PREFIX, pages: all }, null, 1)}\n`;
};

// Add what was exported to what is kept. A file of another form is refused whole, with the reason;
// code that the reader has changed in this browser stays. Returns what to tell.
export const imported = async (file) => {
  if (file.size > MOST) throw new Error(`The file is larger than ${MOST / 1e6} MB: nothing was taken from it.`);
  const given = parsed(await file.text());
  if (given === null || typeof given !== "object") throw new Error("The file is not JSON: nothing was taken from it.");
  if (typeof given.format === "string" && given.format.startsWith("npgbook:") && given.format !== PREFIX) {
    throw new Error("The file is of another edition of this book: nothing was taken from it.");
  }
  if (given.format !== PREFIX) throw new Error("The file was not saved by this book: nothing was taken from it.");
  if (Object.keys(given).length !== 2 || !isTable(given.pages, NAME, isPage)) {
    throw new Error("The file has entries that this book does not know: nothing was taken from it.");
  }
  let cells = 0, solved = 0, other = 0;
  for (const [page, { cells: codes, solved: labels }] of Object.entries(given.pages)) {
    const kept = read(page);
    for (const [key, code] of Object.entries(codes)) {
      if (!Object.hasOwn(kept.cells, key)) { kept.cells[key] = code; cells += 1; }
      else if (kept.cells[key] !== code) other += 1;
    }
    for (const label of Object.keys(labels)) {
      if (!Object.hasOwn(kept.solved, label)) { kept.solved[label] = true; solved += 1; }
    }
    write(page, kept);
  }
  const stay = other ? ` Cells that you had changed here stay as they are: ${other}.` : "";
  return `Taken from the file: ${solved} solved, ${cells} changed cells.${stay}`;
};
