// What a reference refers to, shown beside it while it is pointed at or has the keyboard's focus.
// It is copied from this page, or from another page of the book, which is fetched when first needed.
(() => {
  "use strict";
  const REFERENCES = "article a.internal[href*='#']:not(.headerlink, .viewcode-link)";
  const LEFT_OUT = "script, .headerlink, .viewcode-link, .npg-tests, .npg-dials, .npg-strip, button";
  const SOON = 250;
  const pages = new Map();
  const here = (address) => address.split("#")[0];
  let shown; // the link whose preview is open
  let timer;
  const box = document.createElement("div");
  box.className = "npg-preview";
  box.id = "npg-preview";
  box.popover = "manual";
  box.setAttribute("role", "tooltip");

  const page = (address) => {
    if (address === here(location.href)) return document;
    if (!pages.has(address)) {
      const read = async () => {
        const answer = await fetch(address);
        return new DOMParser().parseFromString(await answer.text(), "text/html");
      };
      pages.set(address, read());
    }
    return pages.get(address);
  };

  // The elements that belong to a place: a term with what it means, a heading with how it begins.
  const parts = (place) => {
    const target = place.matches("span:empty") ? place.closest("section, dt") ?? place : place;
    if (target.matches("dt")) {
      const meaning = target.nextElementSibling;
      const after = [...(meaning?.children ?? [])];
      const end = after.findIndex((child) => child.matches("dl.py, dl.field-list"));
      return [target, ...after.slice(0, end < 0 ? 4 : Math.min(end, 4))];
    }
    if (target.matches("section")) {
      const heading = target.querySelector("h1, h2, h3, h4");
      return [heading, ...target.querySelectorAll(":scope > p")].slice(0, 2);
    }
    if (target.matches("tr")) return [target.closest("table")].filter(Boolean);
    return target.matches(".admonition, .math, .citation, figure, table") ? [target] : [];
  };

  const copies = (target) => parts(target).map((part) => {
    const copy = document.importNode(part, true);
    copy.querySelectorAll(LEFT_OUT).forEach((element) => element.remove());
    copy.querySelectorAll("a").forEach((link) => link.replaceWith(...link.childNodes));
    if (target.matches("tr")) {
      copy.querySelectorAll("tbody tr").forEach((row) => { if (row.id !== target.id) row.remove(); });
    }
    [copy, ...copy.querySelectorAll("[id]")].forEach((element) => {
      if (!element.closest("svg") || document.getElementById(element.id)) element.removeAttribute("id");
    });
    if (!copy.matches("dt, h1, h2, h3, h4")) return copy;
    const name = document.createElement("p");
    name.className = "npg-preview-name";
    name.append(...copy.childNodes);
    return name;
  });

  const place = (link, x) => {
    const lines = [...link.getClientRects()];
    const line = lines.find((r) => x >= r.left && x <= r.right) ?? lines[0];
    const { width, height } = box.getBoundingClientRect();
    const below = innerHeight - line.bottom >= height + 8 || line.top < innerHeight - line.bottom;
    const left = Math.max(8, Math.min(line.left, document.documentElement.clientWidth - width - 8));
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${(below ? line.bottom + 4 : line.top - height - 4) + scrollY}px`;
  };

  const hide = () => {
    clearTimeout(timer);
    if (!shown) return;
    shown.removeAttribute("aria-describedby");
    shown = undefined;
    box.hidePopover();
  };

  let wanted;
  const show = async (link, x) => {
    if (shown === link) return;
    wanted = link;
    const doc = await Promise.resolve(page(here(link.href))).catch(() => pages.delete(here(link.href)));
    const target = doc.getElementById?.(decodeURIComponent(link.hash.slice(1)));
    const content = target ? copies(target) : [];
    if (wanted !== link || content.length === 0) return;
    hide();
    box.replaceChildren(...content);
    document.querySelector("article").append(box);
    box.showPopover();
    place(link, x);
    shown = link;
    link.setAttribute("aria-describedby", box.id);
  };

  const later = (action) => {
    clearTimeout(timer);
    timer = setTimeout(action, SOON);
  };
  const leave = () => {
    wanted = undefined;
    if (shown !== document.activeElement) later(hide);
    else clearTimeout(timer);
  };
  document.addEventListener("pointerover", ({ target, pointerType, clientX }) => {
    if (pointerType === "touch") return;
    const link = target.closest(REFERENCES);
    if (link && !box.contains(link)) later(() => show(link, clientX));
    else if (box.contains(target)) clearTimeout(timer);
    else leave();
  });
  document.documentElement.addEventListener("pointerleave", leave);
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches(REFERENCES) && target.matches(":focus-visible")) later(() => show(target));
  });
  document.addEventListener("focusout", () => {
    wanted = undefined;
    hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    wanted = undefined;
    if (shown) event.stopPropagation();
    hide();
  }, true);
  document.addEventListener("click", () => {
    wanted = undefined;
    hide();
  });
})();
