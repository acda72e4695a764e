// The spectrum of a pixel: click the image, or press Enter on it.

import { roundTicks } from "../drawing/charts.js";
import { el } from "../drawing/dom.js";
import { counted, fixed, intensity } from "../drawing/format.js";
import { attempts } from "./stage.js";

const HEIGHT = 180;
const EDGE = { left: 8, right: 8, top: 14, bottom: 22 };
const LISTED = 8;
const NEAR = 6; // screen pixels within which a peak counts as pointed at

/** Add the panel of the spectrum. */
export function addSpectrum(app) {
  if (!app.source.spectrum) return;
  const missing = app.run.served?.spectrum;
  if (missing) {
    const gone = el("p", { class: "empty", id: "spectrum-missing" }, missing);
    return void app.addLink("Spectrum", app.addPanel("ion", "Spectrum of a pixel", gone));
  }
  const { problem, attempt } = attempts();
  const chart = new SpectrumChart((mz) => app.showMz?.(mz));
  const facts = el("output", { id: "spectrum-facts", class: "faint" }, "Click a pixel of the image, or press Enter on it.");
  const body = el("div", { hidden: true }, chart.element);

  app.on("pixel", async (x, y) => {
    const found = await attempt(() => app.source.spectrum(x, y));
    if (!found) return;
    body.hidden = false;
    const total = found.intensity.reduce((sum, value) => sum + value, 0);
    const several = found.nSpectra > 1 ? `, ${found.nSpectra} spectra` : "";
    facts.textContent = `Pixel x ${x}, y ${y}${several}: ${counted(found.mz.length, "peak")}, total intensity ${intensity(total)}`;
    chart.show(found);
  });
  const mark = (annotation) => chart.mark(annotation?.patternMz ?? []);
  app.on("select", mark);
  mark(app.selected);
  app.addLink("Spectrum", app.addPanel("ion", "Spectrum of a pixel", facts, body, problem));
}

/** A spectrum as sticks: wheel or buttons zoom in m/z, dragging moves, a click picks a peak. */
class SpectrumChart {
  constructor(onPeak) {
    Object.assign(this, { mz: [], intensity: [], marks: [], low: 0, high: 1, onPeak, start: null });
    this.canvas = el("canvas", {
      class: "sticks",
      tabindex: 0,
      role: "img",
      wheel: (event) => this.onWheel(event),
      pointerdown: (event) => this.onDown(event),
      pointermove: (event) => this.onMove(event),
      pointerup: (event) => this.onUp(event),
      keydown: (event) => this.onKey(event),
      dblclick: () => this.setRange(...this.whole()),
    });
    this.range = el("output", { class: "faint", id: "spectrum-range" });
    this.list = el("ul", { class: "peaks", "aria-label": "Highest peaks in view" });
    const button = (label, text, act) => el("button", { type: "button", "aria-label": label, title: label, click: act }, text);
    const buttons = el(
      "div",
      { class: "controls" },
      button("Zoom in on the spectrum", "+", () => this.zoomBy(0.5)),
      button("Zoom out of the spectrum", "−", () => this.zoomBy(2)),
      button("Whole spectrum", "All", () => this.setRange(...this.whole())),
      button("Zoom to the selected ion", "Ion", () => this.toMarks()),
      this.range,
    );
    this.element = el("div", { class: "spectrum" }, this.canvas, buttons, this.list);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Show another spectrum; a range that was chosen stays. */
  show({ mz, intensity: values }) {
    const first = !this.mz.length;
    Object.assign(this, { mz, intensity: values });
    if (first) this.setRange(...this.whole());
    else this.setRange(this.low, this.high);
  }

  mark(mzs) {
    this.marks = mzs.filter((mz) => mz > 0);
    this.draw();
  }

  whole() {
    return this.mz.length ? [this.mz[0] - 1, this.mz.at(-1) + 1] : [0, 1];
  }

  toMarks() {
    if (this.marks.length) this.setRange(this.marks[0] - 1, this.marks.at(-1) + 1);
  }

  setRange(low, high) {
    const [least, most] = this.whole();
    const span = Math.max(0.005, Math.min(high - low, most - least));
    this.low = Math.max(least, Math.min(low, most - span));
    this.high = this.low + span;
    this.range.textContent = `m/z ${fixed(this.low, 2)} to ${fixed(this.high, 2)}`;
    this.listHighest();
    this.draw();
  }

  zoomBy(factor, at = (this.low + this.high) / 2) {
    this.setRange(at - (at - this.low) * factor, at + (this.high - at) * factor);
  }

  /** Indices of the peaks in view: from, to. */
  inView() {
    return [lowerBound(this.mz, this.low), lowerBound(this.mz, this.high)];
  }

  listHighest() {
    const [from, to] = this.inView();
    const order = Array.from({ length: to - from }, (_, i) => from + i);
    order.sort((one, other) => compare(this.intensity[other], this.intensity[one]));
    this.list.replaceChildren(...order.slice(0, LISTED).map((i) => this.entry(i)));
    this.canvas.setAttribute(
      "aria-label",
      `Spectrum from m/z ${fixed(this.low, 2)} to ${fixed(this.high, 2)}, ${counted(to - from, "peak")}. ` +
        "Plus and minus zoom, arrows move, 0 shows all; the highest peaks are listed below.",
    );
  }

  entry(i) {
    const name = fixed(this.mz[i], 4);
    const label = `Show the image of m/z ${name}`;
    const see = el("button", { type: "button", class: "link", "aria-label": label, click: () => this.onPeak(this.mz[i]) }, name);
    return el("li", {}, see, ` ${intensity(this.intensity[i])}`);
  }

  place(mz) {
    const width = this.canvas.clientWidth - EDGE.left - EDGE.right;
    return EDGE.left + ((mz - this.low) / (this.high - this.low)) * width;
  }

  mzAt(x) {
    const width = this.canvas.clientWidth - EDGE.left - EDGE.right;
    return this.low + ((x - EDGE.left) / width) * (this.high - this.low);
  }

  draw() {
    const [ratio, width] = [window.devicePixelRatio || 1, this.canvas.clientWidth];
    if (!width || !this.mz.length) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(HEIGHT * ratio);
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const [from, to] = this.inView();
    let [most, highest] = [0, 0]; // among the finite ones, which the others are drawn as high as
    for (let i = from; i < to; i += 1) {
      highest = Math.max(highest, this.intensity[i]);
      if (this.intensity[i] < Infinity) most = Math.max(most, this.intensity[i]);
    }
    const bottom = HEIGHT - EDGE.bottom;
    context.fillStyle = colour("--warm-back");
    for (const mz of this.marks) context.fillRect(this.place(mz) - 3, EDGE.top, 6, bottom - EDGE.top);
    context.strokeStyle = colour("--series-0");
    context.beginPath();
    for (let i = from; i < to; i += 1) {
      const x = this.place(this.mz[i]);
      context.moveTo(x, bottom);
      context.lineTo(x, bottom - Math.min(1, this.intensity[i] / most) * (bottom - EDGE.top));
    }
    context.stroke();
    this.drawAxis(context, bottom, colour, highest);
  }

  drawAxis(context, bottom, colour, most) {
    const right = this.canvas.clientWidth - EDGE.right;
    context.strokeStyle = colour("--faint");
    context.fillStyle = colour("--faint");
    context.font = "11px system-ui, sans-serif";
    context.beginPath();
    context.moveTo(EDGE.left, bottom + 0.5);
    context.lineTo(right, bottom + 0.5);
    context.stroke();
    context.textAlign = "center";
    for (const mz of roundTicks(this.low, this.high, 6)) {
      const x = this.place(mz);
      context.fillRect(x, bottom, 1, 4);
      if (x > EDGE.left + 20 && x < right - 50) context.fillText(String(mz), x, bottom + 15);
    }
    context.textAlign = "left";
    context.fillText(`intensity up to ${intensity(most)}`, EDGE.left, 10);
    context.textAlign = "right";
    context.fillText("m/z", right, bottom + 15);
  }

  onWheel(event) {
    if (!event.ctrlKey && document.activeElement !== this.canvas) return;
    event.preventDefault();
    this.zoomBy(Math.exp(event.deltaY / 300), this.mzAt(event.offsetX));
  }

  onDown(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.start = { x: event.offsetX, low: this.low, high: this.high, moved: 0 };
  }

  onMove(event) {
    if (!this.start) return;
    const by = event.offsetX - this.start.x;
    this.start.moved = Math.max(this.start.moved, Math.abs(by));
    const share = by / (this.canvas.clientWidth - EDGE.left - EDGE.right);
    const shift = share * (this.start.high - this.start.low);
    if (this.start.moved > 3) this.setRange(this.start.low - shift, this.start.high - shift);
  }

  onUp(event) {
    const clicked = this.start && this.start.moved <= 3;
    this.start = null;
    if (!clicked) return;
    const [low, high] = [this.mzAt(event.offsetX - NEAR), this.mzAt(event.offsetX + NEAR)];
    let best = -1;
    for (let i = lowerBound(this.mz, low); i < lowerBound(this.mz, high); i += 1) {
      if (best < 0 || this.intensity[i] > this.intensity[best]) best = i;
    }
    if (best >= 0) this.onPeak(this.mz[best]);
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = (this.high - this.low) / 5;
    if (event.key === "+" || event.key === "=") this.zoomBy(0.5);
    else if (event.key === "-") this.zoomBy(2);
    else if (event.key === "0") this.setRange(...this.whole());
    else if (event.key === "ArrowLeft") this.setRange(this.low - step, this.high - step);
    else if (event.key === "ArrowRight") this.setRange(this.low + step, this.high + step);
    else return;
    event.preventDefault();
  }
}

/** Order numbers, infinite ones among them. */
function compare(one, other) {
  return one === other ? 0 : one < other ? -1 : 1;
}

/** Return the first place in ascending numbers that is not below a value. */
export function lowerBound(numbers, value) {
  let [from, to] = [0, numbers.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (numbers[middle] < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
