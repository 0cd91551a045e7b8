// Before JupyterLite starts: its notebooks learn the book's address, its Python the page's policy.
(() => {
  "use strict";
  const UNKNOWN = "https://address-of-the-book.invalid/";
  const book = new URL("../", document.currentScript.src).href;
  const fetchPlain = window.fetch.bind(window);
  window.fetch = async (...asked) => {
    const answer = await fetchPlain(...asked);
    if (!answer.ok || !/\/files\/[^?]*\.ipynb(\?|$)/.test(answer.url)) return answer;
    const { status, headers } = answer;
    return new Response((await answer.text()).replaceAll(UNKNOWN, book), { status, headers });
  };
  // A worker that is made from a file has that file's policy, which a static host does not send;
  // one that is made from a line of this page has this page's.
  const Plain = window.Worker;
  window.Worker = class extends Plain {
    constructor(address, options) {
      const line = `import ${JSON.stringify(new URL(address, location.href).href)};`;
      const file = new Blob([line], { type: "text/javascript" });
      super(options?.type === "module" ? URL.createObjectURL(file) : address, options);
    }
  };
})();
