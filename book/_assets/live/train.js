// TRPO on CartPole, trained in the page: curve, KL of each update, and the pole with the policy of now.
const SVG = "http://www.w3.org/2000/svg";
const draw = (parent, tag, attributes, text) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
};
const WIDTH = 320, HEIGHT = 190, LEFT = 42, RIGHT = WIDTH - 8, BOTTOM = 28, TOP = 22;
const GOAL = 475;
const panel = (place, height, label) => draw(place, "svg", {
  viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label, class: "npg-figure",
});
const upwards = (share) => HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP);

// A panel with a title, a grid at the ticks, and what its horizontal axis counts.
const axes = (place, { label, title, ticks, y, x }) => {
  const svg = panel(place, HEIGHT, label);
  draw(svg, "text", { x: LEFT, y: 13 }, title);
  for (const tick of ticks) {
    draw(svg, "path", { d: `M${LEFT} ${y(tick)}H${RIGHT}`, class: "npg-grid" });
    draw(svg, "text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick));
  }
  draw(svg, "path", { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${RIGHT}`, class: "npg-axis" });
  draw(svg, "text", { x: RIGHT, y: HEIGHT - 8, "text-anchor": "end" }, x);
  return svg;
};

class Charts {
  constructor(place) {
    this.returnY = (value) => upwards(value / 500);
    this.klY = (radii) => upwards((Math.log10(Math.min(Math.max(radii, 0.01), 100)) + 2) / 4);
    const left = axes(place, {
      label: "Mean return of the episodes that ended in each iteration", title: "mean return",
      ticks: [0, 250, GOAL], y: this.returnY, x: "environment steps",
    });
    const right = axes(place, {
      label: "KL divergence of each update, in radii", title: "KL of the update / ε",
      ticks: [0.01, 0.1, 1, 10, 100], y: this.klY, x: "updates",
    });
    this.line = draw(left, "path", { class: "npg-curve" });
    this.dots = draw(right, "g", { class: "npg-dots" });
    this.extent = draw(left, "text", { x: LEFT, y: HEIGHT - 8 }, "");
    this.rows = [];
  }

  add(row) {
    this.rows.push(row);
    const { steps } = row;
    const along = (share) => (LEFT + (RIGHT - LEFT) * share).toFixed(1);
    const points = this.rows.filter((each) => each.mean_return !== null)
      .map((each) => `${along(each.steps / steps)} ${this.returnY(each.mean_return).toFixed(1)}`);
    this.line.setAttribute("d", points.length ? `M${points.join("L")}` : "");
    this.dots.replaceChildren();
    this.rows.forEach((each, k) => draw(this.dots, "circle", {
      cx: along((k + 0.5) / this.rows.length), cy: this.klY(each.kl / each.epsilon), r: 2.5,
      class: each.kl > each.epsilon * 1.001 ? "npg-over" : "npg-within",
    }));
    this.extent.textContent = `0 to ${steps.toLocaleString("en")}`;
  }
}

class Pole {
  constructor(place) {
    const svg = panel(place, 110, "The cart and its pole, as the policy of now moves them");
    draw(svg, "path", { d: `M10 99H${WIDTH - 10}`, class: "npg-axis" });
    this.cart = draw(svg, "g", {});
    draw(this.cart, "rect", { x: -15, y: -8, width: 30, height: 16, rx: 2 });
    this.pole = draw(this.cart, "path", { d: "M0 0V-60", class: "npg-pole" });
    this.track = [[0, 0]];
    this.at = 0;
    this.#put();
  }

  #put() {
    const [x, angle] = this.track[Math.min(this.at, this.track.length - 1)];
    this.cart.setAttribute("transform", `translate(${WIDTH / 2 + 60 * x} 90)`);
    this.pole.setAttribute("transform", `rotate(${(angle * 180) / Math.PI})`);
  }

  // Play a track again and again, 50 rows a second; where less motion is asked for, show its end.
  show(track) {
    this.track = track;
    this.at = 0;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.at = track.length - 1;
      this.#put();
    } else {
      this.timer ??= setInterval(() => {
        this.at = (this.at + 1) % (this.track.length + 25);
        this.#put();
      }, 20);
    }
  }

  rest() {
    clearInterval(this.timer);
    this.timer = null;
  }
}

const control = (tag, attributes) => Object.assign(document.createElement(tag), attributes);

// Fill the place that a page has for training, and return what takes the worker's messages.
export const trainer = (place, session, say) => {
  const start = control("button", { type: "button", className: "npg-train-start" });
  const epsilon = control("input", {
    type: "range", id: "npg-train-epsilon", min: -3, max: -0.3, step: "any", value: Math.log10(0.02),
  });
  const output = control("output", { htmlFor: epsilon.id });
  const search = control("input", { type: "checkbox", id: "npg-train-search", checked: true });
  const told = control("p", { className: "npg-train-told" });
  const row = control("p", { className: "npg-train-row" });
  const dials = control("div", { className: "npg-dials" });
  const panels = control("div", { className: "npg-train-panels" });
  row.append(start, search, control("label", { htmlFor: search.id, textContent: "with the line search" }));
  dials.append(control("label", { htmlFor: epsilon.id, textContent: "KL radius ε" }), epsilon, output);
  place.replaceChildren(row, dials, told, panels);

  let charts, pole, seed = 0, begun = 0, training = false;
  const radius = () => 10 ** Number(epsilon.value);
  const read = () => {
    output.value = String(Number(radius().toPrecision(2)));
    epsilon.setAttribute("aria-valuetext", output.value);
  };
  const fresh = () => {
    panels.replaceChildren();
    charts = new Charts(panels);
    pole = new Pole(panels);
  };
  const end = (why = "") => {
    if (!training) return;
    training = false;
    start.textContent = "Train again";
    pole.rest();
    say("ready", "Training has ended.");
    told.textContent += why;
    session.ask({ ask: "rest" });
  };
  const begin = async () => {
    training = true;
    start.textContent = "Stop";
    fresh();
    told.textContent = "Starting Python. It is fetched once, about 15 MB.";
    try { await session.start(); } catch { end(" It could not be started."); return; }
    say("running", "Training");
    begun = performance.now();
    seed += 1;
    session.ask({ ask: "train", seed, epsilon: radius(), lineSearch: search.checked });
  };
  start.textContent = "Train TRPO here";
  read();
  fresh();
  start.addEventListener("click", () => (training ? end(" Stopped.") : begin()));
  search.addEventListener("change", () => { if (training) { end(); begin(); } });
  epsilon.addEventListener("input", () => {
    read();
    if (training) session.ask({ ask: "radius", epsilon: radius() });
  });
  return {
    begin, end,
    iteration(made) {
      if (!training) return;
      charts.add(made);
      const seconds = (performance.now() - begun) / 1000;
      if (made.mean_return >= GOAL) place.dataset.reached ??= seconds.toFixed(1);
      const value = made.mean_return === null ? "no episode ended" : `mean return ${made.mean_return.toFixed(0)}`;
      told.textContent = `${made.steps.toLocaleString("en")} steps in ${seconds.toFixed(0)} s: ${value}; `
        + `the update's KL is ${(made.kl / made.epsilon).toPrecision(2)} ε.`;
    },
    track(track) { if (training) pole.show(track); },
  };
};
