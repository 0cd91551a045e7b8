// A slider figure whose frames Python draws: one request at a time, always for where the slider is.
export const sliders = ({ figure, dials, svg }, ask) => {
  const box = document.createElement("div");
  box.className = "npg-explore npg-computed";
  const panel = document.createElement("div");
  panel.className = "npg-dials";
  const frame = document.createElement("div");
  frame.className = "npg-frame";
  frame.innerHTML = svg;
  const inputs = dials.map((dial, k) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const output = document.createElement("output");
    input.id = `npg-computed-${figure}-${k}`;
    label.htmlFor = input.id;
    label.textContent = dial.label;
    Object.assign(input, { type: "range", min: 0, max: dial.readouts.length - 1, step: dial.continuous ? 0.02 : 1 });
    input.value = dial.start;
    output.value = dial.readouts[dial.start];
    input.setAttribute("aria-valuetext", output.value);
    panel.append(label, input, output);
    return input;
  });
  box.append(panel, frame);

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
    if (answer.svg) frame.innerHTML = answer.svg;
    answer.readouts?.forEach((readout, k) => {
      inputs[k].nextElementSibling.value = readout;
      inputs[k].setAttribute("aria-valuetext", readout);
    });
    if (answer.exact === false) inputs.forEach((input) => { input.step = 1; });
    next();
  };
  return box;
};
