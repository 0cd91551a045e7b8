// Results while one types, in the dialog and on the search page. Bundled with MiniSearch and fetched
// with its index when a search field is first used.
import MiniSearch from "minisearch";

const FILLER = new Set(
  "a an and are at be by can do does for from how i in is it my of on or the this to what when where which why with"
    .split(" "));

// What readers call what the book calls otherwise: whole phrases first, then words.
const PHRASES = [
  [/step ?size|learning rate/g, "natural step ellipse"],
  [/\bgae\b/g, "generalised advantage estimation"],
  [/fisher information/g, "fisher matrix"],
  [/hessian.vector|\bhvp\b/g, "fisher-vector"],
  [/backtracking/g, "line search"],
  [/install(ation)?/g, "clone run notebooks"],
];
const SAME = {
  epsilon: ["radius"], lambda: ["λ"], npg: ["natural"], cg: ["conjugate"], kl: ["divergence"],
  variance: ["noise"], zero: ["vanishes"], ppo: ["clip"],
  parametrisation: ["coordinates"], reparameterization: ["coordinates"], residual: ["conjugate"],
  critic: ["value"], normalisation: ["moments"],
};

// A page to look things up in, an exercise, a chapter's end, and a little also a numbered box, which
// is short, stand behind what explains.
const weight = ({ url, chapter, title }) =>
  (/\/(api|notation|evidence|references|ledger|glossary|lists|equations|cheat_sheet|editions)\.html|index\.html$/.test(url) ? 0.4 : 1) *
  (chapter.endsWith(", exercise") ? 0.3 : /, \w+$/.test(chapter) ? 0.85 : 1) * (/^(Summary|References|Exercises)$/.test(title) ? 0.3 : 1);

const FIELDS = { fields: ["title", "chapter", "text"], storeFields: ["title", "chapter", "url", "text"] };
const root = document.documentElement.dataset.content_root;

const build = async () => {
  const rows = await (await fetch(`${root}_static/search-index.json`)).json();
  const index = new MiniSearch({
    ...FIELDS,
    processTerm: (term) => (FILLER.has(term.toLowerCase()) ? null : term.toLowerCase()),
  });
  index.addAll(rows.map((row, id) => ({ id, ...row })));
  return index;
};
let index;

const wordsOf = (text) => text.split(/[^\p{L}\p{N}]+/u).filter((w) => w && !FILLER.has(w));

const options = (near) => ({
  boost: { title: 5, chapter: 2.5 },
  prefix: (term) => term.length > 2,
  fuzzy: near ? (term) => (term.length > 5 ? 2 : 1) : false,
  weights: { prefix: 0.75, fuzzy: 0.4 },
  combineWith: "OR",
});

export const search = async (query) => {
  // What could not be fetched is asked for again the next time.
  index ??= build().catch((error) => {
    index = undefined;
    throw error;
  });
  const found = await index;
  let asked = query.toLowerCase();
  for (const [said, meant] of PHRASES) asked = asked.replace(said, meant);
  const words = wordsOf(asked);
  if (words.length === 0) return [];
  // Each word counts once, by itself or by what the book calls it; what lacks a word stands behind.
  const each = (near) => {
    const total = new Map();
    for (const word of words) {
      const best = new Map();
      const forms = [[word, 1], ...(SAME[word] ?? []).map((other) => [other, 0.6])];
      for (const [form, share] of forms) {
        for (const hit of found.search(form, options(near))) {
          best.set(hit.id, Math.max(best.get(hit.id) ?? 0, share * weight(hit) * hit.score));
        }
      }
      for (const [id, score] of best) {
        const sofar = total.get(id) ?? { score: 0, words: 0 };
        total.set(id, { score: sofar.score + score, words: sofar.words + 1 });
      }
    }
    return [...total].map(([id, t]) => ({ id, score: t.score * (t.words / words.length) ** 2 }));
  };
  let hits = each(false);
  if (hits.length === 0) hits = each(true);
  return hits.sort((a, b) => b.score - a.score).map(({ id }) => found.getStoredFields(id));
};

const marked = (text, words) => {
  const pattern = new RegExp(`(${words.map((w) => w.replace(/[^\p{L}\p{N}]/gu, "")).join("|")})`, "iu");
  return text.split(pattern).map((part, k) => {
    if (k % 2 === 0) return part;
    const mark = document.createElement("mark");
    mark.textContent = part;
    return mark;
  });
};

const excerpt = (text, words) => {
  const first = Math.min(...words.map((w) => text.toLowerCase().indexOf(w)).filter((k) => k >= 0), text.length);
  const from = first === text.length ? 0 : Math.max(0, text.lastIndexOf(" ", Math.max(0, first - 60)));
  const piece = text.slice(from, from + 180).trim();
  return `${from > 0 ? "… " : ""}${piece}${from + 180 < text.length ? " …" : ""}`;
};

export const show = async (query, list, most) => {
  const rows = (await search(query)).slice(0, most);
  const words = wordsOf(query.toLowerCase());
  list.replaceChildren(...rows.map((row) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = root + row.url;
    link.append(...marked(row.title, words));
    const place = document.createElement("span");
    place.textContent = row.chapter;
    const text = document.createElement("p");
    text.append(...marked(excerpt(row.text, words), words));
    item.append(link, place, text);
    return item;
  }));
  if (words.length && rows.length === 0) {
    const nothing = document.createElement("li");
    nothing.textContent = "Nothing found. Try another word, or the contents at the left.";
    list.append(nothing);
  }
  return rows.length;
};
