// Python for this page: a worker that is started when it is first needed and thrown away by Stop.
const mark = document.querySelector('meta[name="npg-live"]');
const root = new URL(`${document.documentElement.dataset.content_root}_static/live/`, location.href);

// The worker starts from a line made here, so that it is held to this page's security policy.
const newWorker = () => {
  const code = `import ${JSON.stringify(new URL("worker.js", root).href)};`;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(address, { type: "module" });
  URL.revokeObjectURL(address);
  return worker;
};

export class Session extends EventTarget {
  #worker = null;
  #ready = null;
  #ended = null;
  #settle = null;
  started = false;

  #say(message) { this.dispatchEvent(new CustomEvent("message", { detail: message })); }

  // Start Python if it is not there; the promise is kept when it is ready.
  start() {
    this.#ready ??= new Promise((ready, failed) => {
      this.#ended = failed;
      this.#worker = newWorker();
      this.#worker.onerror = (event) => this.#break(event.message || "its files did not come");
      this.#worker.onmessage = ({ data }) => {
        if (data.kind === "ready") {
          this.started = true;
          ready();
        } else if (data.kind === "broken") this.#break(data.text);
        else if (data.kind === "done") this.#settle?.(data.ok);
        else this.#say(data);
      };
      this.#worker.postMessage({ ask: "start", version: mark.content });
    });
    return this.#ready;
  }

  // Run one cell; the promise says whether it ended without an error.
  async run(cell, source) {
    await this.start();
    return new Promise((settled, ended) => {
      this.#settle = settled;
      this.#ended = ended;
      this.#worker.postMessage({ ask: "run", cell, source });
    });
  }

  ask(message) { this.#worker?.postMessage(message); }

  #break(text) {
    const starting = !this.started;
    this.#say({ kind: "broken", text, starting });
    this.stop(new Error(text));
  }

  // End Python, whatever it is doing; what waits for it is told the reason.
  stop(reason = new Error("stopped")) {
    this.#worker?.terminate();
    this.#worker = this.#ready = this.#settle = null;
    this.started = false;
    this.#ended?.(reason);
    this.#ended = null;
    this.dispatchEvent(new Event("end"));
  }
}
