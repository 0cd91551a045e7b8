// The page's Python. The first message starts it; then each message runs one cell, draws one frame
// of a slider figure, or trains. What it shows it posts (npgkit/live/cells.py has the kinds).
import { loadPyodide } from "./python/pyodide.mjs";

// Started from a file it would not be held to the page's security policy (session.js).
if (self.location.protocol !== "blob:") throw new Error("This worker is started by a page's line");

const here = (name) => new URL(name, import.meta.url).href;
const BEGINNING = ["pyodide.asm.wasm", "python_stdlib.zip"];

// The bytes that have come of those that are waited for.
const waiting = { sizes: {}, what: "", come: 0, total: 0 };
const tell = () => {
  const { what, come, total } = waiting;
  postMessage({ kind: "loading", what, come, total });
};
const expect = (names, what) => {
  const total = names.reduce((sum, name) => sum + (waiting.sizes[name] ?? 0), 0);
  Object.assign(waiting, { what, come: 0, total });
  tell();
};
const nameOf = (address) => new URL(address, import.meta.url).pathname.split("/").pop();
const plainFetch = self.fetch.bind(self);
const count = async (body) => {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    waiting.come += value.byteLength;
    tell();
  }
};
// The answer is handed on as it came and a copy is counted: the browser keeps what it has compiled
// of a .wasm, and starts from it next time, for its own answers alone.
self.fetch = async (address, options) => {
  const answer = await plainFetch(address, options);
  if (answer.ok && answer.body && nameOf(address.url ?? address) in waiting.sizes) {
    count(answer.clone().body).catch(() => {}); // who reads the answer is told
  }
  return answer;
};
const bytes = async (name, options) => {
  const answer = await fetch(here(name), options);
  if (!answer.ok) throw new Error(`network: ${name} has status ${answer.status}`);
  return answer.arrayBuffer();
};

// A package that an import in the middle of a cell waits for.
const fetchNow = (name) => {
  expect([name], name.split("-")[0]);
  const request = new XMLHttpRequest();
  request.open("GET", here(`python/${name}`), false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`status ${request.status}`);
  waiting.come += request.response.byteLength;
  tell();
  return new Uint8Array(request.response);
};

let page;
const start = async (version) => {
  const files = await (await plainFetch(here(`files.json?v=${version}`))).json();
  waiting.sizes = files.sizes;
  expect([...BEGINNING, files.numpy, files.npgkit], "Python");
  const [python, lock, ...wheels] = await Promise.all([
    loadPyodide({ indexURL: here("python/") }),
    plainFetch(here("python/pyodide-lock.json")).then((answer) => answer.text()),
    bytes(`python/${files.numpy}`, { integrity: files.integrity }),
    bytes(`${files.npgkit}?v=${version}`),
  ]);
  wheels.forEach((wheel) => python.unpackArchive(wheel, "wheel"));
  const post = (message) => {
    postMessage(message.toJs({ dict_converter: Object.fromEntries }));
    message.destroy();
  };
  page = python.pyimport("npgkit.live.page").Page(post, fetchNow, lock);
};

const answers = {
  start: async ({ version }) => { await start(version); postMessage({ kind: "ready" }); },
  run: ({ cell, source }) => { postMessage({ kind: "done", cell, ok: page.run(cell, source) }); },
  fresh: () => { page.fresh(); },
  draw: ({ figure, request, position }) => { page.draw(figure, request, position); },
};

// Training goes on between messages, so that its radius can be moved and the rest can be had.
let training = null;
let turn = 0;
const go = async ({ run }) => {
  const mine = (turn += 1);
  for (let k = 0; turn === mine; k += 1) {
    postMessage({ kind: "iteration", run, ...training.step().toJs({ dict_converter: Object.fromEntries }) });
    if (k % 4 === 0) postMessage({ kind: "track", run, track: training.track().toJs() });
    await new Promise((next) => { setTimeout(next); });
  }
};
Object.assign(answers, {
  train: ({ run, seed, epsilon, lineSearch }) => {
    training = page.train(seed, epsilon, lineSearch);
    return go({ run });
  },
  go,
  use: ({ epsilon, lineSearch }) => training?.use(epsilon, lineSearch),
  rest: () => { turn += 1; },
});

const PLAIN = [
  [/memory|OOM|allocat/i, "it has run out of memory"],
  [/call stack/i, "its functions have called one another too deeply"],
  [/fetch|network/i, "its files did not come"],
];
onmessage = async ({ data }) => {
  try {
    await answers[data.ask](data);
  } catch (error) {
    // Python itself has stopped, for instance for want of memory: there is no going on.
    const told = String(error.message ?? error).trim().split("\n").pop();
    const [, plain] = PLAIN.find(([pattern]) => pattern.test(told)) ?? [null, told];
    postMessage({ kind: "broken", text: plain });
  }
};
