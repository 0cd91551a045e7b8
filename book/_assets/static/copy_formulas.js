// A copied formula is its TeX, as it was written, and a formula that is half selected is copied whole.
document.addEventListener("copy", (event) => {
  const range = getSelection().rangeCount && getSelection().getRangeAt(0).cloneRange();
  if (!range || range.collapsed) return;
  const around = (node) => (node.closest ? node : node.parentElement).closest("math");
  const [first, last] = [around(range.startContainer), around(range.endContainer)];
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copied = document.createElement("div");
  copied.append(range.cloneContents());
  const formulas = copied.querySelectorAll("math");
  if (!formulas.length) return;
  event.clipboardData.setData("text/html", copied.innerHTML);
  for (const formula of formulas) {
    const mark = formula.getAttribute("display") === "block" ? "$$" : "$";
    formula.replaceWith(mark + formula.querySelector("annotation").textContent.trim() + mark);
  }
  document.body.append(copied); // without a place it has no lines
  event.clipboardData.setData("text/plain", copied.innerText);
  copied.remove();
  event.preventDefault();
});
