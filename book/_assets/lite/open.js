// Open one notebook in JupyterLab: alone, and with `&published` as it was published.
(async () => {
  "use strict";
  const asked = new URLSearchParams(location.search);
  const path = asked.get("path") ?? "";
  const home = new URL("./", location.href);
  const storage = `JupyterLite Storage - ${home.pathname}`;
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const change = async (base, store, what) => {
    if (!base.objectStoreNames.contains(store)) return;
    await done(what(base.transaction(store, "readwrite").objectStore(store)));
  };
  if ((await indexedDB.databases()).some(({ name }) => name === storage)) {
    const base = await done(indexedDB.open(storage));
    // The tabs of an earlier visit: each would start a Python of its own.
    await change(base, "workspaces", (store) => store.clear());
    if (asked.has("published")) {
      await change(base, "files", (store) => store.delete(path));
      await change(base, "checkpoints", (store) => store.delete(path));
    }
    base.close();
  }
  location.replace(new URL(`lab/index.html?path=${encodeURIComponent(path)}`, home));
})();
