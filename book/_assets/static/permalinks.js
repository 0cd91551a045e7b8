// A click on "#" copies the address of what it stands behind; "Copy" copies the text above it.
(() => {
  "use strict";
  const copy = async (text) => {
    await navigator.clipboard.writeText(text);
    let status = document.querySelector(".npg-copied");
    if (!status) {
      status = document.createElement("div");
      status.className = "npg-copied";
      status.setAttribute("role", "status");
      document.body.append(status);
    }
    status.textContent = "";
    setTimeout(() => { status.textContent = "Copied"; }, 50);
    clearTimeout(copy.timer);
    copy.timer = setTimeout(() => { status.textContent = ""; }, 2500);
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".headerlink");
    const button = event.target.closest(".npg-copy");
    // Where nothing can be copied, "#" is the link that it is.
    if (!navigator.clipboard || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link) {
      event.preventDefault();
      history.replaceState(history.state, "", link.href);
      copy(link.href);
    } else if (button) {
      copy(button.previousElementSibling.textContent);
    }
  });
})();
