// A downloaded notebook names the address that it came from: for npgkit, and for its links.
(() => {
  "use strict";
  const UNKNOWN = "https://address-of-the-book.invalid/";
  document.addEventListener("click", async (event) => {
    const link = event.target.closest('a[download][href$=".ipynb"]');
    if (!link) return;
    event.preventDefault();
    const home = new URL(document.documentElement.dataset.content_root, location.href).href;
    const text = await (await fetch(link.href)).text();
    const file = new Blob([text.replaceAll(UNKNOWN, home)], { type: "application/x-ipynb+json" });
    const save = document.createElement("a");
    save.href = URL.createObjectURL(file);
    save.download = link.href.split("/").pop();
    save.click();
    setTimeout(() => URL.revokeObjectURL(save.href), 60_000);
  });
})();
