// Why a run has no annotation, as far as its figures say.

import { el, isolated } from "../drawing/dom.js";
import { count, counted, fixed, ranking } from "../drawing/format.js";

/** Say what was scored and what stood in the way, and where to ask on. */
export function sayNothingFound({ run, source }) {
  const ask = () => document.getElementById("why-formula")?.focus();
  return el(
    "div",
    { class: "empty", id: "nothing-found" },
    el("h2", {}, "No ion is annotated"),
    run.databases.map((database) => el("p", {}, isolated(database.name), `: ${tally(database, run.config)} ${reason(database, run)}`)),
    source.why
      ? el("p", {}, el("button", { type: "button", class: "link", click: ask }, "Ask why an ion is not annotated"))
      : el(
          "p",
          {},
          "To learn why an ion is not annotated, run ",
          el("code", {}, "ionbox why RESULTS --formula C6H12O6 --adduct=+K"),
          " with the folder of this page as RESULTS.",
        ),
  );
}

/** Say what was found of a database's ions; older runs do not know. */
export function tally({ n_targets: n, n_measured: measured, best_msm: best, best_decoy_msm: decoy }, config) {
  if (n === undefined) return "no figures, these results are of an older version.";
  const found = `${counted(n, "ion")} scored, ${count(measured)} with peaks at the first isotope's m/z`;
  return measured ? `${found}; best ${ranking(config).name} ${fixed(best, 3)}, of decoys ${fixed(decoy, 3)}.` : `${found}.`;
}

function reason({ n_measured: measured, best_msm: best, n_dropped: dropped }, { config, dataset }) {
  if (measured === 0) {
    return `Nothing was measured within ± ${config.ppm} ppm of any of them: check polarity, adducts, database and calibration.`;
  }
  if (best === 0 && dataset.n_spectra === 1) return "An MSM compares images; a single pixel cannot be scored.";
  if (best === 0) return "An MSM is 0 where the image is noise or no isotope image is like the first.";
  return dropped ? `${count(dropped)} were found, but decoys score as high: their FDR is 100 %.` : "";
}
