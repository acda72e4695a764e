// Charts as SVG: colours come from the style sheet, each has a text that says what it shows.

import { el, isolated, svg } from "./dom.js";
import { count, fixed } from "./format.js";

const WIDTH = 440;
const HEIGHT = 220;
const EDGE = { left: 48, right: 12, top: 10, bottom: 38 };

/** Return the lowest and highest of any number of values. */
function extent(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

/** Return about `n` round numbers from low to high. */
export function roundTicks(low, high, n = 5) {
  const rough = (high - low) / n || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

/** A chart's frame: axes are {low, high, label, ticks, text, place}; `place` maps 0..1, or more. */
class Chart {
  constructor(title, x, y, { width = WIDTH, height = HEIGHT } = {}) {
    Object.assign(this, { width, height });
    this.x = this.scale(x, EDGE.left, width - EDGE.right);
    this.y = this.scale(y, height - EDGE.bottom, EDGE.top);
    this.title = svg("title", {}, title);
    this.root = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
    this.root.append(this.title, this.axis(x, y));
  }

  scale({ low, high, bend = (value) => value }, from, to) {
    const span = bend(high) - bend(low) || 1;
    return (value) => from + ((bend(value) - bend(low)) / span) * (to - from);
  }

  axis(x, y) {
    const [left, right, bottom] = [EDGE.left, this.width - EDGE.right, this.height - EDGE.bottom];
    const group = svg("g", { class: "axis", "aria-hidden": "true" });
    for (const value of x.ticks ?? roundTicks(x.low, x.high)) {
      const at = this.x(value);
      group.append(
        svg("line", { x1: at, x2: at, y1: bottom, y2: bottom + 4 }),
        svg("text", { x: at, y: bottom + 16, "text-anchor": "middle" }, x.text ? x.text(value) : String(value)),
      );
    }
    for (const value of y.ticks ?? roundTicks(y.low, y.high)) {
      const at = this.y(value);
      group.append(
        svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }),
        svg("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, y.text ? y.text(value) : String(value)),
      );
    }
    group.append(
      svg("line", { x1: left, x2: right, y1: bottom, y2: bottom }),
      svg("text", { x: (left + right) / 2, y: this.height - 4, "text-anchor": "middle" }, x.label),
      svg("text", { transform: `translate(12 ${(EDGE.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, y.label),
    );
    return group;
  }

  add(tag, attributes) {
    this.root.append(svg(tag, attributes));
  }

  addZero() {
    const y = this.y(0);
    this.add("line", { class: "zero", x1: EDGE.left, x2: this.width - EDGE.right, y1: y, y2: y });
  }
}

/** A legend: [class, text] pairs. */
function legend(entries) {
  return el("p", { class: "legend" }, entries.map(([kind, text]) => el("span", {}, el("span", { class: `key ${kind}` }), isolated(text))));
}

/** Observed isotope peaks upwards, theoretical downwards, both with the highest at 100. */
export function patternChart(peaks) {
  const [first, last] = [peaks[0]?.mz ?? 0, peaks.at(-1)?.mz ?? 1];
  const chart = new Chart(
    "Isotope pattern, observed above and theoretical below: " +
      peaks.map((p) => `m/z ${fixed(p.mz, 3)} ${fixed(p.observed, 0)} against ${fixed(p.theoretical, 0)} %`).join("; "),
    { low: first - 0.5, high: last + 0.5, label: "m/z" },
    { low: -110, high: 110, label: "relative intensity, %", ticks: [-100, -50, 0, 50, 100], text: (v) => Math.abs(v) },
    { width: 300, height: 180 },
  );
  chart.addZero();
  for (const { mz, theoretical, observed } of peaks) {
    const x = chart.x(mz);
    chart.add("line", { class: "stick observed", x1: x, x2: x, y1: chart.y(0), y2: chart.y(observed) });
    chart.add("line", { class: "stick theoretical", x1: x, x2: x, y1: chart.y(0), y2: chart.y(-theoretical) });
  }
  return el("div", {}, chart.root, legend([["observed", "observed (up)"], ["theoretical", "theoretical (down)"]]));
}

/** How many annotations there are up to each FDR; `curves` are [name, [[rank, fdr], ...]]. */
export function fdrChart(curves, levels) {
  const [ranks, fdrs] = [0, 1].map((at) => curves.flatMap(([, points]) => points.map((point) => point[at])));
  const [most, worst] = [Math.max(1, extent(ranks)[1]), Math.max(0, extent(fdrs)[1])];
  const high = [...levels, 1].find((level) => level >= worst) ?? 1;
  const chart = new Chart(
    "False discovery rate by number of annotations. " +
      curves.map(([name, points]) => `${name}: ${levels.map((level) => `${reached(points, level)} up to ${level * 100} %`).join(", ")}`).join("; "),
    { low: 0, high: most, label: "annotations, best first", text: count },
    {
      low: 0,
      high,
      label: "FDR",
      ticks: [0, ...levels, 1].filter((level) => level <= high),
      bend: Math.sqrt,
      text: (v) => `${v * 100} %`,
    },
  );
  curves.forEach(([, points], at) => {
    let [path, before] = [`M${chart.x(0)} ${chart.y(points[0]?.[1] ?? 0)}`, 0];
    for (const [rank, fdr] of points) {
      path += ` V${chart.y(fdr)} H${chart.x(Math.max(rank, before))}`;
      before = rank;
    }
    chart.add("path", { class: `curve series-${at % 4}`, d: path });
  });
  const names = curves.map(([name], at) => [`series-${at % 4}`, name]);
  return el("div", {}, chart.root, curves.length > 1 ? legend(names) : null);
}

function reached(points, level) {
  return points.reduce((most, [rank, fdr]) => (fdr <= level ? Math.max(most, rank) : most), 0);
}

/** Scores of targets as bars, of decoys (mean per draw) as a line; counts on a logarithmic scale. */
export function msmChart(name, { targets, decoys }, score) {
  const n = targets.length;
  const most = Math.max(1, ...targets, ...decoys);
  const total = (counts) => Math.round(counts.reduce((sum, value) => sum + value, 0));
  const chart = new Chart(
    `${score} of ${name}: ${total(targets)} targets with a score, ${total(decoys)} decoys per draw; ` +
      `above 0.5 ${total(targets.slice(n / 2))} targets and ${total(decoys.slice(n / 2))} decoys`,
    { low: 0, high: 1, label: score },
    { low: 0, high: most, label: "ions (log scale)", bend: Math.log1p, ticks: [0, 1, 10, 100, 1000, 1e4, 1e5].filter((v) => v <= most), text: count },
  );
  targets.forEach((value, bin) => {
    if (!value) return;
    const [x1, x2, y] = [chart.x(bin / n), chart.x((bin + 1) / n), chart.y(value)];
    chart.add("rect", { class: "target", x: x1 + 0.5, width: x2 - x1 - 1, y, height: chart.y(0) - y });
  });
  const steps = decoys.map((value, bin) => `V${chart.y(value)} H${chart.x((bin + 1) / n)}`);
  chart.add("path", { class: "decoy", d: `M${chart.x(0)} ${chart.y(0)} ${steps.join(" ")}` });
  return el("div", {}, chart.root, legend([["target", "targets"], ["decoy", "decoys, mean per draw"]]));
}

/** m/z errors of calibrants, (m/z, ppm) each, and the line that windows were moved by. */
export function recalibrationChart({ calibrants, ...line }, ppm) {
  const { offset_ppm: offset, slope_ppm: slope, mz_min: low, mz_max: high } = line;
  const chart = new Chart(
    `m/z errors of ${calibrants.length} calibrants before recalibration; typical size ${fixed(line.before_ppm, 2)} ppm, after it ${fixed(line.after_ppm, 2)} ppm`,
    { low: low - 5, high: high + 5, label: "m/z" },
    { low: -ppm, high: ppm, label: "m/z error, ppm" },
  );
  chart.addZero();
  const dots = calibrants.map(([mz, error]) => `M${fixed(chart.x(mz), 1)} ${fixed(chart.y(error), 1)}h0`).join("");
  chart.add("path", { class: "dots good", d: dots });
  const end = (mz) => `${fixed(chart.x(mz), 1)} ${fixed(chart.y(offset + (slope * mz) / 1000), 1)}`;
  chart.add("path", { class: "curve series-1", d: `M${end(low)}L${end(high)}` });
  return el("div", {}, chart.root, legend([["good", "calibrants"], ["series-1", "expected error"]]));
}

/** m/z errors of annotations, those up to `level` FDR apart from the rest. */
export function errorChart(annotations, ppm, level) {
  const [low, high] = annotations.length ? extent(annotations.map(({ mz }) => mz)) : [0, 1];
  const good = annotations.filter(({ fdr }) => fdr <= level);
  const errors = good.map(({ massError }) => massError).sort((a, b) => a - b);
  const middle = errors.length ? errors[errors.length >> 1] : NaN;
  const chart = new Chart(
    `m/z error of ${annotations.length} annotations; median of those up to ${level * 100} % FDR ${fixed(middle, 2)} ppm`,
    { low: low - 5, high: high + 5, label: "m/z" },
    { low: -ppm, high: ppm, label: "m/z error, ppm" },
  );
  chart.addZero();
  const dots = (some) => some.map((a) => `M${fixed(chart.x(a.mz), 1)} ${fixed(chart.y(a.massError), 1)}h0`).join("");
  chart.add("path", { class: "dots rest", d: dots(annotations.filter(({ fdr }) => !(fdr <= level))) });
  chart.add("path", { class: "dots good", d: dots(good) });
  const mark = svg("circle", { class: "mark", r: 5, cx: -99, cy: -99 });
  chart.root.append(mark);
  const element = el("div", {}, chart.root, legend([["good", `FDR ≤ ${level * 100} %`], ["rest", "others"], ["mark", "selected"]]));
  const point = (annotation) => {
    mark.setAttribute("cx", annotation ? chart.x(annotation.mz) : -99);
    mark.setAttribute("cy", annotation ? chart.y(annotation.massError) : -99);
  };
  return { element, point };
}
