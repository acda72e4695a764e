// How good the run is as a whole: FDR, targets against decoys, m/z errors.

import { errorChart, fdrChart, msmChart, recalibrationChart } from "../drawing/charts.js";
import { el, isolated, plainTable } from "../drawing/dom.js";
import { count, counted, ranking } from "../drawing/format.js";
import { LEVELS } from "./rows.js";

/** Draw the charts of a run. */
export function drawQuality(app) {
  const { run } = app;
  const { name: score } = ranking(run.config);
  app.addPanel("quality", "Annotations per FDR level", summaryTable(run.summary));
  app.addPanel("quality", "FDR curve", run.annotations.length ? fdrChart(Object.entries(run.fdrCurve), LEVELS) : nothing());
  for (const [name, histograms] of Object.entries(run.msm)) {
    app.addPanel("quality", [`${score}, targets against decoys (`, isolated(name), ")"], msmChart(name, histograms, score));
  }
  drawRecalibration(app);
  if (!run.annotations.length) return void app.addPanel("quality", "m/z error", nothing());
  const errors = errorChart(run.annotations, run.config.ppm, 0.1);
  app.addPanel("quality", "m/z error", errors.element);
  errors.point(app.selected);
  app.on("select", errors.point);
}

function drawRecalibration(app) {
  const { recalibration: found, config } = app.run;
  if (!found) return;
  const { n_calibrants: n, offset_ppm: offset, slope_ppm: slope } = found;
  const moved = offset || slope;
  const drawn = moved
    ? recalibrationChart(found, config.ppm)
    : el("p", { class: "faint" }, `Nothing was moved: ${counted(n, "ion")} would have been sure enough to tell how far off the m/z are, and 30 are needed.`);
  app.addPanel("quality", "m/z recalibration", drawn);
}

function nothing() {
  return el("p", { class: "faint" }, "There is no annotation to draw.");
}

function summaryTable(summary) {
  if (!summary.length) return "";
  const levels = Object.keys(summary[0].counts);
  const names = levels.map((level) => [level === "all" ? "all" : `${level * 100} %`, "number"]);
  const rows = summary.map(({ database, ion, counts }) => [
    isolated(database),
    ion,
    ...levels.map((level) => count(counts[level])),
  ]);
  return plainTable("Up to an FDR of", [["database", "text"], ["adduct", "text"], ...names], rows);
}
