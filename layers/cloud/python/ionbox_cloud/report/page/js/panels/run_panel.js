// What was run on what: dataset, TIC, config, time, memory, dollars, versions, warnings.

import { el, isolated, plainTable } from "../drawing/dom.js";
import { count, counted, dollars, intensity, seconds } from "../drawing/format.js";
import { tally } from "./nothing_found.js";
import { ImageView } from "../drawing/image_view.js";

/** Say in a line what the dataset and the run are. */
export function headLine({ dataset, config, n_annotations: n, databases }) {
  const facts = [
    `${count(dataset.width)} × ${count(dataset.height)} pixels`,
    spectra(dataset),
    counted(dataset.picked?.n_peaks ?? dataset.n_peaks, "peak"),
    `${config.polarity}, ${config.analyzer}`,
    `${counted(n, "annotation")} from `,
  ].join(" · ");
  return [facts, ...databases.flatMap(({ name }, i) => [i ? ", " : "", isolated(name)])];
}

function spectra({ n_spectra: n }) {
  return `${count(n)} ${n === 1 ? "spectrum" : "spectra"}`;
}

function peaks({ n_peaks: n, picked }) {
  if (!picked) return count(n);
  const points = `${counted(picked.n_points, "point")} in ${spectra(picked)}`;
  return `${count(picked.n_peaks)}, picked by ionbox from profile spectra (${points})`;
}

/** Draw the panels of the run. */
export function drawRun(app, tic, mask) {
  const { run } = app;
  if (run.warnings.length) {
    app.addPanel("run", "Warnings", el("ul", {}, run.warnings.map((text) => el("li", {}, isolated(text)))));
  }
  if (tic) app.addPanel("run", "Total ion current", ticView(run, tic, mask));
  app.addPanel("run", "Dataset", facts(datasetFacts(run)));
  app.addPanel("run", "Config", facts(configFacts(run)));
  app.addPanel("run", "Time, memory, dollars", statesTable(run), el("p", { class: "faint" }, costLine(run)));
  const { versions } = run;
  document.getElementById("footer").textContent =
    `ionbox ${versions.ionbox} · science ${versions.science} · Python ${versions.python} · numpy ${versions.numpy} · run ${run.run_id}`;
}

function ticView({ dataset }, tic, mask) {
  const { width, height, pixelSize = null } = dataset;
  const view = new ImageView({ width, height, mask, pixelSize });
  view.readout.id = "tic-readout";
  view.show(tic, "Total ion current");
  view.element.classList.add("small");
  return view.element;
}

function facts(entries) {
  return el("dl", { class: "facts" }, entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function datasetFacts({ dataset, databases, config }) {
  const size = dataset.pixelSize;
  const checksum = dataset.ibd_checksum;
  return [
    ["name", isolated(dataset.name)],
    ["pixels", `${count(dataset.width)} × ${count(dataset.height)}, ${spectra(dataset)}`],
    ["pixel size", size ? `${size[0]} × ${size[1]} µm` : "not in the imzML"],
    ["peaks", peaks(dataset)],
    ["ibd", `${count(dataset.ibd_bytes)} bytes${checksum ? `, ${checksum.algorithm}: ${checksum.verdict}` : ""}`],
    ...databases.map((each) => [
      ["database ", isolated(each.name)],
      `${counted(each.n_molecules, "molecule")}, ${counted(each.n_annotations, "annotation")}; ` +
        `${count(each.n_dropped)} found but with FDR 1. ${each.n_targets === undefined ? "" : tally(each, config)}`,
    ]),
  ];
}

function configFacts({ config }) {
  return Object.entries(config).map(([name, value]) => [name.replaceAll("_", " "), configValue(value)]);
}

function configValue(value) {
  if (Array.isArray(value)) return value.length ? isolated(value.join(", ")) : "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return isolated(String(value));
  return Math.abs(value) < 1000 ? String(Number(value.toPrecision(6))) : count(value);
}

function statesTable({ states, forecast }) {
  const names = ["calls", "time", "expected", "CPU", "MB", "dollars", "expected"];
  const headings = [["state", "text"], ...names.map((name) => [name, "number"])];
  const rows = Object.entries(states).map(([state, total]) => {
    const expected = forecast?.states[state];
    return [
      state,
      count(total.items),
      seconds(total.duration_s),
      expected ? seconds(expected.duration_s) : "",
      seconds(total.cpu_s),
      intensity(Math.round(total.peak_memory_mb)),
      dollars(total.dollars),
      expected ? dollars(expected.dollars) : "",
    ];
  });
  return plainTable("Per state (peak memory), before this page was written", headings, rows);
}

function costLine({ cost, forecast }) {
  const expected = forecast
    ? ` Expected before it began: ${seconds(forecast.seconds)} and ${dollars(forecast.dollars)}.`
    : "";
  const verb = cost.on_aws ? "This run cost" : "On AWS this run would have cost";
  return `${verb} about ${dollars(cost.dollars)} (${cost.gb_s} GB-s, ${counted(cost.requests, "call")}). Prices: ${cost.prices}.${expected}`;
}
