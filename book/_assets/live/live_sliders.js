// A slider figure whose frames Python draws: one request at a time, always for where the slider is.
let made = 0; // sliders of this page, whichever Python draws them

export const sliders = ({ figure, dials, svg }, ask) => {
  made += 1;
  const number = made;
  const box = document.createElement("div");
  box.className = "npg-explore npg-computed";
  const panel = document.createElement("div");
  panel.className = "npg-dials";
  const frame = document.createElement("div");
  frame.className = "npg-frame";
  frame.innerHTML = svg;
  const note = document.createElement("p");
  note.className = "npg-computed-note";
  note.textContent = "computed here";
  const dial = ({ label, readouts, start, continuous, choice }, k) => {
    const name = document.createElement("label");
    const input = document.createElement(choice ? "select" : "input");
    input.id = name.htmlFor = `npg-computed-${number}-${k}`;
    name.textContent = label;
    panel.append(name, input);
    if (choice) {
      input.append(...readouts.map((readout, at) => new Option(readout, at, at === start, at === start)));
    } else {
      const step = continuous ? 0.02 : 1;
      Object.assign(input, { type: "range", min: 0, max: readouts.length - 1, step, value: start });
      panel.append(document.createElement("output"));
      read(input, readouts[start]);
    }
    return input;
  };
  const read = (input, readout) => {
    if (input.type !== "range") return;
    input.nextElementSibling.value = readout;
    input.setAttribute("aria-valuetext", readout);
  };
  const inputs = dials.map(dial);
  box.append(panel, frame, note);

  let request = 0;
  let waiting = false;
  let asked = "";
  const at = () => inputs.map((input) => Number(input.value));
  const next = () => {
    const position = at();
    if (waiting || String(position) === asked) return;
    waiting = true;
    asked = String(position);
    request += 1;
    ask({ ask: "draw", figure, request, position });
  };
  box.addEventListener("input", (event) => { event.stopPropagation(); next(); });
  // Python has drawn: show it, and ask again if the slider has moved on.
  box.draw = (answer) => {
    waiting = false;
    frame.innerHTML = answer.svg;
    note.textContent = answer.trouble ? `Here the code fails: ${answer.trouble}` : "computed here";
    answer.readouts.forEach((readout, k) => read(inputs[k], readout));
    if (answer.exact === false) inputs.forEach((input) => { input.step = 1; });
    next();
  };
  // Python has stopped: nobody draws.
  box.end = () => {
    inputs.forEach((input) => { input.disabled = true; });
    note.textContent = "Python has stopped: run the cell again to move this.";
  };
  return box;
};
