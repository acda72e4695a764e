// How good the run is as a whole: FDR, targets against decoys, m/z errors.

import { errorChart, fdrChart, msmChart } from "./charts.js";
import { plainTable } from "./dom.js";
import { count } from "./format.js";
import { LEVELS } from "./rows.js";

/** Draw the charts of a run. */
export function drawQuality(app) {
  const { run } = app;
  app.addPanel("quality", "Annotations per FDR level", summaryTable(run.summary));
  app.addPanel("quality", "FDR curve", fdrChart(Object.entries(run.fdrCurve), LEVELS));
  for (const [name, histograms] of Object.entries(run.msm)) {
    app.addPanel("quality", `MSM, targets against decoys (${name})`, msmChart(name, histograms));
  }
  const errors = errorChart(run.annotations, run.config.ppm, 0.1);
  app.addPanel("quality", "m/z error", errors.element);
  errors.point(app.selected);
  app.on("select", errors.point);
}

function summaryTable(summary) {
  if (!summary.length) return "";
  const levels = Object.keys(summary[0].counts);
  const names = levels.map((level) => [level === "all" ? "all" : `≤ ${level * 100} %`, "number"]);
  const rows = summary.map(({ database, ion, counts }) => [
    database,
    ion,
    ...levels.map((level) => count(counts[level])),
  ]);
  return plainTable("Up to each FDR level", [["database", "text"], ["ion", "text"], ...names], rows);
}
