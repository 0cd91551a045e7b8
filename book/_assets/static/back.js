// After a link to a place on the same page, "Back" leads to where one was, as the browser's Back does:
// both are one step in the browser's history, which restores the position; here the focus follows.
(() => {
  "use strict";
  const followed = []; // the links, by how many of them led to the place
  let depth = history.state?.npgDepth ?? 0;
  let going;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "npg-back";
  button.textContent = "Back";
  button.title = "Back to where the link was (Alt+Left)";
  button.addEventListener("click", () => history.back());
  const show = () => {
    if (depth) document.querySelector(".header-article-items__start").append(button);
    else button.remove();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("article a[href^='#']");
    const away = event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey;
    if (link && !away && link.hash !== location.hash) going = link;
  });
  addEventListener("popstate", ({ state }) => {
    if (going) return; // a link was followed: "hashchange" comes next
    const before = depth;
    depth = state?.npgDepth ?? 0;
    if (depth < before) followed[depth]?.focus({ preventScroll: true });
    show();
  });
  addEventListener("hashchange", () => {
    if (!going) return;
    followed[depth] = going;
    going = undefined;
    depth += 1;
    history.replaceState({ ...history.state, npgDepth: depth }, "");
    show();
  });
  show();
})();
