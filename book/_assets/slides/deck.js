// A deck: reveal.js, the sliders of the book's pages, and a window for the speaker. S opens the same
// deck once more, with its notes; what is turned or moved in one window follows in the other.
import Reveal from "reveal.js";
import "../sliders.js";

const DIALS = ".npg-dials :is(input, select)";
const others = new BroadcastChannel(location.pathname);
let following = false;

const speak = () => {
  const address = new URL(location.href);
  address.searchParams.set("showNotes", "true");
  // Where no second window may open, the notes stand beside the slides.
  if (!window.open(address, "speaker", "width=1200,height=700")) Reveal.configure({ showNotes: true });
};

// A slider that has the focus keeps its arrow keys; the keys of a remote control turn the slide.
document.addEventListener("keydown", (event) => {
  if (!event.target.closest(DIALS)) return;
  const turns = ["PageDown", "PageUp"].includes(event.key);
  if (turns) event.preventDefault();
  else event.stopPropagation();
  if (turns || event.key === "Escape") event.target.blur();
}, true);

const tell = (dial) => others.postMessage({ dial: dial.id, value: dial.value });
document.addEventListener("input", ({ target, isTrusted }) => isTrusted && tell(target));
document.addEventListener("click", ({ target }) => {
  if (target.closest(".npg-restore")) target.closest(".npg-dials").querySelectorAll("input, select").forEach(tell);
});
others.addEventListener("message", ({ data: { slide, dial, value } }) => {
  if (dial) {
    const moved = document.getElementById(dial);
    moved.value = value;
    moved.dispatchEvent(new Event("input", { bubbles: true }));
  } else {
    following = true;
    Reveal.slide(slide);
    following = false;
  }
});

for (const box of document.querySelectorAll(".npg-explore")) box.dataset.preventSwipe = "";
await Reveal.initialize({
  width: 1280, height: 720, margin: 0.04, center: false, hash: true, slideNumber: "c/t",
  transition: "none", backgroundTransition: "none", pdfMaxPagesPerSlide: 1, scrollActivationWidth: null,
  keyboard: { 83: speak },
});
// On paper all slides are there at once, and a reader's program finds them.
if (Reveal.isPrintView()) {
  for (const slide of Reveal.getSlides()) {
    slide.hidden = false;
    slide.removeAttribute("aria-hidden");
  }
}
Reveal.registerKeyboardShortcut("S", "The speaker's window");
Reveal.on("slidechanged", ({ indexh }) => following || others.postMessage({ slide: indexh }));
