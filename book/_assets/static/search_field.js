// The search fields: the search itself is fetched when one of them is first used.
(() => {
  "use strict";
  const root = document.documentElement.dataset.content_root;
  const code = () => import(new URL(`${root}_static/search.js`, location.href).href);
  document.querySelectorAll("form.bd-search").forEach((form) => {
    const input = form.querySelector("input");
    const page = form.closest(".bd-search-container") !== null;
    const list = document.createElement("ol");
    list.className = "npg-results";
    const status = document.createElement("p");
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    form.after(status, list);
    let turn = 0;
    const look = async () => {
      const mine = ++turn;
      try {
        const { show } = await code();
        if (mine !== turn) return;
        const count = await show(input.value, list, page ? 30 : 8);
        status.textContent = input.value ? `${count} results` : "";
      } catch {
        const failed = document.createElement("li");
        failed.textContent = "The search could not be fetched. Opened as files, without a server, the book has none.";
        list.replaceChildren(failed);
        status.textContent = failed.textContent;
      }
    };
    input.addEventListener("input", look);
    if (page) {
      input.value = new URLSearchParams(location.search).get("q") ?? "";
      if (input.value) look();
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        history.replaceState(null, "", `?q=${encodeURIComponent(input.value)}`);
        look();
      });
    }
  });
  // A link to a place on this page closes the dialog.
  document.addEventListener("click", ({ target }) => {
    if (target.closest(".npg-results a")) target.closest("dialog")?.close();
  });
})();
