// What ipywidgets lacks on a page without a kernel: names for its sliders, the readout as the value
// that a screen reader speaks, and MathJax 2's queue, which it calls and MathJax 3 does not have.
// Loaded before the widget manager.
(() => {
  "use strict";

  // ipywidgets 8 hands every label to MathJax 2's Hub.Queue. The property is hidden from MathJax's
  // own reading of its settings, and survives MathJax putting its object in the place of ours.
  const typeset = (job) => {
    const element = Array.isArray(job) ? job[2] : null;
    if (element && /\$|\\\(/.test(element.textContent) && window.MathJax.typesetPromise) {
      window.MathJax.typesetPromise([element]);
    }
  };
  const withQueue = (mathjax) => {
    if (mathjax && !mathjax.Hub) {
      Object.defineProperty(mathjax, "Hub", { value: { Queue: typeset }, enumerable: false });
    }
    return mathjax;
  };
  let mathjax = withQueue(window.MathJax);
  Object.defineProperty(window, "MathJax", {
    configurable: true,
    enumerable: true,
    get: () => mathjax,
    set: (value) => { mathjax = withQueue(value); },
  });

  const setIfOther = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };

  // The slider's own value is the index of a frame; what it means is in the readout beside it.
  const describe = (slider) => {
    const handle = slider.querySelector("[role=slider]");
    const label = slider.querySelector(".widget-label");
    const readout = slider.querySelector(".widget-readout");
    if (!handle || !readout) return;
    if (label) setIfOther(handle, "aria-label", label.textContent);
    setIfOther(handle, "aria-valuetext", readout.textContent);
    // It looks editable to a screen reader, and typing into it does nothing.
    setIfOther(readout, "contenteditable", "false");
  };

  const known = new WeakSet();
  const adopt = (slider) => {
    describe(slider);
    if (known.has(slider)) return;
    known.add(slider);
    new MutationObserver(() => describe(slider)).observe(slider, {
      attributes: true,
      attributeFilter: ["aria-valuetext", "contenteditable"],
      characterData: true,
      childList: true,
      subtree: true,
    });
  };
  const adoptAll = (root) => {
    if (root.matches(".widget-slider")) adopt(root);
    root.querySelectorAll(".widget-slider").forEach(adopt);
  };
  new MutationObserver((records) => {
    for (const record of records) {
      for (const node of record.addedNodes) {
        if (node.nodeType === Node.ELEMENT_NODE) adoptAll(node);
      }
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
  adoptAll(document.documentElement);
})();
