// TRPO on CartPole, trained in the page: curve, KL of each update, and the pole with the policy of now.
const SVG = "http://www.w3.org/2000/svg";
const draw = (parent, tag, attributes, text) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
};
const WIDTH = 320, HEIGHT = 190, LEFT = 42, RIGHT = WIDTH - 8, BOTTOM = 28, TOP = 24;
const GOAL = 475;
const MOST_STEPS = 100_000; // where it ends by itself, in a tab that was left, too
const EXTENTS = [30_000, 60_000, MOST_STEPS];
const FROM_RADIUS = 0.001, TO_RADIUS = 0.5;
const count = (n) => n.toLocaleString("en");
const digits = (x) => String(Number(x.toPrecision(2)));
const upwards = (share) => HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP);
const path = (points) => (points.length ? `M${points.join("L")}` : "");

// A panel with a title, a grid at the ticks, and environment steps along it.
class Axes {
  constructor(place, title, ticks, y) {
    this.svg = draw(place, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "npg-figure" });
    this.y = y;
    draw(this.svg, "text", { x: LEFT, y: 13 }, title);
    for (const tick of ticks) {
      draw(this.svg, "path", { d: `M${LEFT} ${y(tick)}H${RIGHT}`, class: "npg-grid" });
      draw(this.svg, "text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick));
    }
    draw(this.svg, "path", { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${RIGHT}`, class: "npg-axis" });
    this.extent = draw(this.svg, "text", { x: RIGHT, y: HEIGHT - 9, "text-anchor": "end" });
    this.reach(EXTENTS[0]);
  }

  reach(steps) {
    this.most = steps;
    this.extent.textContent = `environment steps, 0 to ${count(steps)}`;
  }

  x(steps) { return (LEFT + ((RIGHT - LEFT) * steps) / this.most).toFixed(1); }

  say(text) { this.svg.setAttribute("aria-label", text); }
}

class Charts {
  constructor(place) {
    const decades = (kl) => upwards((Math.log10(Math.min(Math.max(kl, 1e-4), 10)) + 4) / 5);
    this.returns = new Axes(place, "mean return", [0, 250, GOAL], (value) => upwards(value / 500));
    this.kls = new Axes(place, "KL of each update; line: ε; hollow: beyond it", [0.001, 0.01, 0.1, 1, 10], decades);
    this.curve = draw(this.returns.svg, "path", { class: "npg-curve" });
    this.radius = draw(this.kls.svg, "path", { class: "npg-radius" });
    this.dots = draw(this.kls.svg, "g", {});
    this.show([]);
  }

  show(rows) {
    const { returns, kls } = this;
    const last = rows.at(-1)?.steps ?? 0;
    const most = EXTENTS.find((extent) => last <= extent) ?? MOST_STEPS;
    returns.reach(most);
    kls.reach(most);
    const ended = rows.filter((row) => row.mean_return !== null);
    this.curve.setAttribute("d", path(ended.map((row) =>
      `${returns.x(row.steps)} ${returns.y(row.mean_return).toFixed(1)}`)));
    const edges = rows.flatMap((row, k) => [rows[k - 1]?.steps ?? 0, row.steps].map((steps) =>
      `${kls.x(steps)} ${kls.y(row.epsilon).toFixed(1)}`));
    this.radius.setAttribute("d", path(edges));
    this.dots.replaceChildren();
    for (const row of rows) {
      draw(this.dots, "circle", {
        cx: kls.x(row.steps), cy: kls.y(row.kl).toFixed(1), r: 2.5,
        class: `${row.searched ? "npg-trust-region" : "npg-natural"}${row.over ? " npg-over" : ""}`,
      });
    }
    const over = rows.filter((row) => row.over).length;
    returns.say(`Mean return of the episodes that ended in each iteration: ${
      ended.length ? `${ended[0].mean_return.toFixed(0)} at first, ${ended.at(-1).mean_return.toFixed(0)} now` : "none yet"}`);
    kls.say(`KL divergence of each update, in nats, and the radius: ${over} of ${rows.length} updates beyond it`);
  }
}

class Pole {
  constructor(place) {
    const label = "The cart and its pole, as the policy of now moves them";
    const svg = draw(place, "svg", { viewBox: `0 0 ${WIDTH} 110`, role: "img", "aria-label": label, class: "npg-figure npg-cart" });
    draw(svg, "path", { d: `M10 99H${WIDTH - 10}`, class: "npg-axis" });
    this.cart = draw(svg, "g", {});
    draw(this.cart, "rect", { x: -15, y: -8, width: 30, height: 16, rx: 2 });
    this.pole = draw(this.cart, "path", { d: "M0 0V-60", class: "npg-pole" });
    this.show([[0, 0]], false);
  }

  #put([x, angle]) {
    this.cart.setAttribute("transform", `translate(${WIDTH / 2 + 60 * x} 90)`);
    this.pole.setAttribute("transform", `rotate(${(angle * 180) / Math.PI})`);
  }

  // Play a track, 50 rows a second, and stay at its end. A browser draws nothing in a tab that is
  // not looked at; where less motion is asked for, there is the end alone.
  show(track, moving = !matchMedia("(prefers-reduced-motion: reduce)").matches) {
    cancelAnimationFrame(this.frame);
    if (!moving) { this.#put(track.at(-1)); return; }
    let begun = null;
    const next = (now) => {
      begun ??= now;
      const at = Math.floor((now - begun) / 20);
      this.#put(track[Math.min(at, track.length - 1)]);
      this.playing = at < track.length + 15;
      if (this.playing) this.frame = requestAnimationFrame(next);
    };
    this.frame = requestAnimationFrame(next);
  }
}

// The same numbers as a table, the last update first.
class Numbers {
  constructor(place) {
    place.innerHTML = "<details><summary>The numbers</summary><div class=\"npg-train-table\" tabindex=\"0\" role=\"region\" aria-label=\"The numbers of each update\">"
      + "<table><thead><tr><th scope=\"col\">steps</th><th scope=\"col\">mean return</th><th scope=\"col\">KL, nats</th>"
      + "<th scope=\"col\">ε</th><th scope=\"col\">line search</th></tr></thead><tbody></tbody></table></div></details>";
    this.body = place.querySelector("tbody");
  }

  add(row) {
    const line = this.body.insertRow(0);
    const shown = [count(row.steps), row.mean_return === null ? "no episode ended" : row.mean_return.toFixed(0),
      `${row.kl.toPrecision(2)}${row.over ? ", beyond ε" : ""}`, digits(row.epsilon), row.searched ? "yes" : "no"];
    shown.forEach((text) => { line.insertCell().textContent = text; });
  }
}

const control = (tag, attributes, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};

// Fill the place that a page has for training. `say` sets the page's state and tells it; `busy`
// says whether its cells are running: there is one Python, and training waits for them.
export const trainer = (place, session, say, busy) => {
  const main = control("button", { type: "button", className: "npg-train-main" });
  const again = control("button", { type: "button", className: "npg-train-again", textContent: "Start again" });
  const seed = control("input", { type: "number", id: "npg-train-seed", min: 0, max: 9999, step: 1, value: 0 });
  const search = control("input", { type: "checkbox", id: "npg-train-search", checked: true });
  const epsilon = control("input", {
    type: "range", id: "npg-train-epsilon", min: Math.log10(FROM_RADIUS), max: Math.log10(TO_RADIUS), step: "any", value: Math.log10(0.02),
  });
  const output = control("output", { htmlFor: epsilon.id });
  const label = (input, textContent) => control("label", { htmlFor: input.id, textContent });
  const told = control("p", { className: "npg-train-told" });
  const panels = control("div", { className: "npg-train-panels" });
  const table = control("div", {});
  place.replaceChildren(
    control("div", { className: "npg-train-row" }, main, again,
      control("span", {}, label(seed, "seed"), seed), control("span", {}, search, label(search, "with the line search"))),
    control("div", { className: "npg-dials" }, label(epsilon, "KL radius ε"), epsilon, output),
    told, panels, table,
  );

  let rows = [], charts, pole, numbers, before = 0, since = 0, reached = 0;
  let run = 0; // number of the run whose messages are shown
  let phase = "none"; // none, starting, training, waiting (for cells), paused, ended
  const radius = () => 10 ** Number(epsilon.value);
  const setting = () => ({ epsilon: radius(), lineSearch: search.checked });
  const seconds = () => (before + (phase === "training" ? performance.now() - since : 0)) / 1000;
  const read = () => {
    output.value = digits(radius());
    epsilon.setAttribute("aria-valuetext", `${output.value} nats`);
  };
  const enter = (next, text = "") => {
    before = 1000 * seconds();
    since = performance.now();
    phase = next;
    place.dataset.phase = next;
    main.textContent = { paused: "Continue", none: "Train TRPO here", ended: "Train again" }[next] ?? "Pause";
    again.disabled = next === "none" || next === "starting";
    again.hidden = next === "ended"; // the other button does it
    if (text) told.textContent = text;
    if (next === "training") say("running", "Training");
    if (next === "paused" || next === "ended") say("ready", next === "paused" ? "Training is paused." : "Training has ended.");
  };
  const fresh = () => {
    rows = [];
    before = reached = 0;
    panels.replaceChildren();
    charts = new Charts(panels);
    pole = new Pole(panels);
    numbers = new Numbers(table);
  };
  const hold = (text) => {
    session.ask({ ask: "rest" });
    enter("waiting", text);
  };
  const WAIT = "A cell of this page is running. There is one Python: training waits for it.";
  const go = () => {
    if (busy()) { enter("waiting", WAIT); return; }
    enter("training", rows.length ? "" : "The first update is the slowest: it imports Gymnasium.");
    if (rows.length) session.ask({ ask: "go", run });
    else session.ask({ ask: "train", run, seed: Number(seed.value), ...setting() });
  };
  const begin = async () => {
    if (!seed.reportValidity()) return;
    seed.value ||= 0;
    run += 1;
    session.ask({ ask: "rest" });
    fresh();
    enter("starting", "Python is fetched, 20 MB at most, and started. Once fetched, it stays in the browser.");
    if (!busy()) say("loading", "Starting Python");
    const mine = run;
    try { await session.start(); } catch { if (run === mine) lost("Python could not be started."); return; }
    if (run === mine && phase === "starting") go();
  };
  const pause = () => {
    session.ask({ ask: "rest" });
    enter("paused");
  };
  // Python is gone, and the run with it; what was drawn stays.
  const lost = (text) => {
    if (phase === "none" || phase === "ended") return;
    run += 1;
    enter("ended", `${rows.length ? told.textContent : ""} ${text}`.trim());
  };
  const iteration = (message) => {
    const made = { ...message, mean_return: message.mean_return ?? null }; // Python's None
    const over = made.kl > made.epsilon * 1.001;
    rows.push({ ...made, over });
    numbers.add(rows.at(-1));
    charts.show(rows);
    place.dataset.steps = made.steps;
    if (!reached && made.mean_return >= GOAL) {
      reached = made.steps;
      place.dataset.reached = seconds().toFixed(1);
      say("running", `Training: ${GOAL} after ${count(reached)} steps`);
    }
    const value = made.mean_return === null ? "no episode ended" : `mean return ${made.mean_return.toFixed(0)}`;
    const goal = reached ? ` ${GOAL} was reached after ${count(reached)} steps.` : "";
    told.textContent = `${count(made.steps)} steps in ${seconds().toFixed(0)} s: ${value}; the update's KL is `
      + `${digits(made.kl / made.epsilon)} ε${over ? ", beyond the radius" : ""}.${goal}`;
    if (made.steps >= MOST_STEPS) {
      session.ask({ ask: "rest" });
      enter("ended", `${told.textContent} It ends here.`);
    }
  };
  session.addEventListener("message", ({ detail }) => {
    if (detail.kind === "broken") lost("Python has stopped.");
    if (detail.run !== run || phase === "ended") return;
    if (detail.kind === "iteration") iteration(detail);
    if (detail.kind === "track" && (!pole.playing || phase !== "training")) pole.show(detail.track);
  });
  main.addEventListener("click", () => {
    if (["starting", "training", "waiting"].includes(phase)) pause();
    else if (phase === "paused") go();
    else begin();
  });
  again.addEventListener("click", begin);
  for (const input of [epsilon, search]) {
    input.addEventListener("input", () => {
      read();
      session.ask({ ask: "use", ...setting() });
    });
  }
  read();
  fresh();
  enter("none");
  main.focus();
  return {
    begin, lost,
    // Before and after cells of the page run.
    wait() { if (phase === "training") hold(WAIT); },
    resume() { if (phase === "waiting") go(); },
  };
};
