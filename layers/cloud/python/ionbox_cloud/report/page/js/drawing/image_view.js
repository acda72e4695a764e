// An image on a canvas: zoom, pan, read a pixel, scale bar, save as PNG.

import { colours, gradient } from "./colormaps.js";
import { el } from "./dom.js";
import { intensity } from "./format.js";
import { brightest, paint, scaleOf } from "./intensity.js";

const MAX_ZOOM = 60;
const SAVED_SIDE = 800; // pixels that the longer side of a saved image has at least

export class ImageView {
  /**
   * `onPixel(x, y)` is told what a click or Enter points at; columns and rows from 0.
   * `pixelSize` is [x, y] in micrometres, or null.
   */
  constructor({ width, height, mask = null, pixelSize = null, onPixel = () => {} }) {
    Object.assign(this, { width, height, mask, pixelSize, onPixel, unit: "intensity" });
    this.style = { colormap: "Viridis", log: false, clip: true };
    this.image = new Float32Array(width * height);
    this.painter = null;
    this.zoom = 1;
    this.centre = [width / 2, height / 2];
    this.pointer = null;
    // unequal pixel sizes stretch the image as the sample was
    this.aspect = pixelSize ? pixelSize[1] / pixelSize[0] : 1;
    this.pixels = new OffscreenCanvas(width, height);
    this.build();
  }

  build() {
    this.canvas = el("canvas", {
      tabindex: 0,
      role: "img",
      pointermove: (event) => this.onMove(event),
      pointerdown: (event) => this.onDown(event),
      pointerup: (event) => this.onUp(event),
      pointerleave: () => this.point(null),
      wheel: (event) => this.onWheel(event),
      keydown: (event) => this.onKey(event),
      dblclick: () => this.fit(),
    });
    this.high = el("span");
    this.middle = el("span");
    this.low = el("span");
    this.measure = el("span");
    this.ramp = el("div", { class: "ramp" });
    this.readout = el("output", { class: "readout", id: "readout", "aria-label": "Pixel" }, " ");
    const button = (label, text, act) =>
      el("button", { type: "button", "aria-label": label, title: label, click: act }, text);
    this.buttons = el(
      "div",
      { class: "zooms", role: "group", "aria-label": "Zoom" },
      button("Zoom in (+)", "+", () => this.zoomBy(1.5)),
      button("Zoom out (-)", "−", () => this.zoomBy(1 / 1.5)),
      button("Whole image (0)", "Fit", () => this.fit()),
    );
    this.frame = el("div", { class: "frame" }, this.canvas, this.buttons);
    const ramp = el("div", { class: "ramp-row" }, this.ramp, this.middle);
    this.bar = el("div", { class: "bar", "aria-hidden": "true" }, this.high, ramp, this.low, this.measure);
    this.frame.style.aspectRatio = `${this.width} / ${this.height * this.aspect}`; // no room beside long images
    this.element = el(
      "div",
      { class: "view" },
      el("div", { class: "canvas-row" }, this.frame, this.bar),
      this.readout,
    );
    new ResizeObserver(() => this.draw()).observe(this.frame);
  }

  /** Show an image (Float32Array, row by row); `name` says what it is, for those who cannot see it. */
  show(image, name, unit = this.unit) {
    this.shownUnit = unit;
    this.image = image;
    this.name = name;
    this.painter = null;
    this.reading = null;
    this.repaint();
  }

  /** Show what `painter(rgba)` writes into RGBA bytes; the read-out says what `reading(at)` returns. */
  showPainted(painter, image, name, reading = null) {
    this.image = image;
    this.name = name;
    this.painter = painter;
    this.shownUnit = this.unit;
    this.reading = reading;
    this.repaint();
  }

  setStyle(change) {
    Object.assign(this.style, change);
    this.repaint();
  }

  repaint() {
    const context = this.pixels.getContext("2d");
    const data = context.createImageData(this.width, this.height);
    this.scale = scaleOf(this.image, this.style);
    if (this.painter) this.painter(data.data);
    else paint(data.data, this.image, this.scale, colours(this.style.colormap), this.mask);
    context.putImageData(data, 0, 0);
    this.bar.hidden = Boolean(this.painter); // its colours are none of the colormap's
    this.ramp.style.background = gradient(this.style.colormap);
    const { low, high, log } = this.scale;
    this.high.textContent = `${high < brightest(this.image) ? "≥ " : ""}${intensity(high)}`;
    this.middle.textContent = high > low ? intensity(log ? Math.sqrt(low * high) : high / 2) : "";
    this.low.textContent = intensity(low);
    this.measure.textContent = this.shownUnit;
    this.describe();
    this.draw();
  }

  describe() {
    const how = [this.style.log ? "logarithmic scale" : "linear scale"];
    if (this.style.clip) how.push("hotspots clipped");
    this.canvas.setAttribute(
      "aria-label",
      `${this.name ?? "Image"}, ${this.width} × ${this.height} pixels, up to ` +
        `${this.shownUnit} ${intensity(this.scale.high)}, ${how.join(", ")}. Arrows move the pixel that is read, ` +
        "with Shift the image; plus and minus zoom, 0 shows all.",
    );
  }

  /** Screen pixels per image pixel, in x and y. */
  steps() {
    const [w, h] = [this.frame.clientWidth, this.frame.clientHeight];
    const step = Math.min(w / this.width, h / (this.height * this.aspect)) * this.zoom;
    return [step, step * this.aspect];
  }

  /** Where the image's corner is on the canvas. */
  origin() {
    const [sx, sy] = this.steps();
    return [this.frame.clientWidth / 2 - this.centre[0] * sx, this.frame.clientHeight / 2 - this.centre[1] * sy];
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [this.frame.clientWidth, this.frame.clientHeight];
    if (!w || !h) return;
    if (this.canvas.width !== Math.round(w * ratio) || this.canvas.height !== Math.round(h * ratio)) {
      this.canvas.width = Math.round(w * ratio);
      this.canvas.height = Math.round(h * ratio);
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, w, h);
    const [sx, sy] = this.steps();
    const [left, top] = this.origin();
    context.imageSmoothingEnabled = sx < 1;
    context.drawImage(this.pixels, left, top, this.width * sx, this.height * sy);
    if (this.pointer && Math.min(sx, sy) > 2) {
      context.strokeStyle = "#fff";
      context.lineWidth = 3;
      context.strokeRect(left + this.pointer[0] * sx, top + this.pointer[1] * sy, sx, sy);
      context.strokeStyle = "#000";
      context.lineWidth = 1;
      context.strokeRect(left + this.pointer[0] * sx, top + this.pointer[1] * sy, sx, sy);
    }
    if (this.pixelSize) drawScaleBar(context, h, sx / this.pixelSize[0], w / 4);
  }

  zoomBy(factor, anchor = null) {
    const before = anchor && this.at(anchor);
    this.zoom = Math.min(MAX_ZOOM, Math.max(1, this.zoom * factor));
    if (this.zoom === 1) return this.fit();
    if (before) {
      const after = this.at(anchor);
      this.centre = this.centre.map((value, i) => value + before[i] - after[i]);
    }
    return this.keepInside();
  }

  fit() {
    this.zoom = 1;
    this.centre = [this.width / 2, this.height / 2];
    this.draw();
  }

  pan(dx, dy) {
    const [sx, sy] = this.steps();
    this.centre = [this.centre[0] + dx / sx, this.centre[1] + dy / sy];
    this.keepInside();
  }

  keepInside() {
    const sides = [this.width, this.height];
    this.centre = this.centre.map((value, i) => Math.min(sides[i], Math.max(0, value)));
    this.draw();
  }

  /** Image coordinates of a place on the canvas. */
  at([x, y]) {
    const [sx, sy] = this.steps();
    const [left, top] = this.origin();
    return [(x - left) / sx, (y - top) / sy];
  }

  pixelAt(place) {
    const [x, y] = this.at(place).map(Math.floor);
    return x >= 0 && y >= 0 && x < this.width && y < this.height ? [x, y] : null;
  }

  /** Point at a pixel and read it. */
  point(pixel) {
    this.pointer = pixel;
    this.readout.textContent = pixel ? this.read(...pixel) : " ";
    this.draw();
  }

  read(x, y) {
    const at = y * this.width + x;
    if (this.mask && !this.mask[at]) return `x ${x}, y ${y}: not measured`;
    return `x ${x}, y ${y}: ${this.reading ? this.reading(at) : `${this.shownUnit} ${intensity(this.image[at], 6)}`}`;
  }

  onMove(event) {
    if (this.dragged) {
      this.pan(this.dragged[0] - event.offsetX, this.dragged[1] - event.offsetY);
      this.moved += Math.abs(this.dragged[0] - event.offsetX) + Math.abs(this.dragged[1] - event.offsetY);
      this.dragged = [event.offsetX, event.offsetY];
    }
    this.point(this.pixelAt([event.offsetX, event.offsetY]));
  }

  onDown(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.dragged = [event.offsetX, event.offsetY];
    this.moved = 0;
  }

  onUp(event) {
    const clicked = this.dragged && this.moved < 4;
    this.dragged = null;
    const pixel = this.pixelAt([event.offsetX, event.offsetY]);
    if (clicked && pixel) this.onPixel(...pixel);
  }

  /** The wheel zooms an image that was clicked or is zoomed already; else the page scrolls. */
  onWheel(event) {
    if (!event.ctrlKey && document.activeElement !== this.canvas && this.zoom === 1) return;
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY / 300), [event.offsetX, event.offsetY]);
  }

  onKey(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (arrow && event.shiftKey) this.pan(arrow[0] * 40, arrow[1] * 40);
    else if (arrow) this.step(arrow);
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.5);
    else if (event.key === "-") this.zoomBy(1 / 1.5);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" && this.pointer) this.onPixel(...this.pointer);
    else return;
    event.preventDefault();
  }

  step([dx, dy]) {
    const [x, y] = this.pointer ?? this.centre.map(Math.floor);
    const inside = (value, side) => Math.min(side - 1, Math.max(0, value));
    this.point([inside(x + dx, this.width), inside(y + dy, this.height)]);
  }

  /** Return the whole image as a PNG blob, enlarged in whole steps, with its scale bar. */
  async toPng() {
    const step = Math.max(1, Math.ceil(SAVED_SIDE / Math.max(this.width, this.height)));
    const [w, h] = [this.width * step, Math.round(this.height * step * this.aspect)];
    const canvas = new OffscreenCanvas(w, h);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(this.pixels, 0, 0, w, h);
    if (this.pixelSize) drawScaleBar(context, h, step / this.pixelSize[0], w / 4);
    return canvas.convertToBlob({ type: "image/png" });
  }
}

/** Return a length of 1, 2 or 5 times a power of ten, the longest that fits. */
export function niceLength(longest) {
  const power = 10 ** Math.floor(Math.log10(longest));
  return power * ([5, 2, 1].find((step) => step * power <= longest) ?? 1);
}

function drawScaleBar(context, height, perMicrometre, room) {
  const length = niceLength(room / perMicrometre);
  const bar = length * perMicrometre;
  const text = length >= 1000 ? `${length / 1000} mm` : `${length} µm`;
  context.font = "12px system-ui, sans-serif";
  const box = Math.max(bar, context.measureText(text).width) + 12;
  context.fillStyle = "rgb(0 0 0 / 60%)";
  context.fillRect(6, height - 32, box, 26);
  context.fillStyle = "#fff";
  context.fillRect(12, height - 13, bar, 3);
  context.fillText(text, 12, height - 18);
}
