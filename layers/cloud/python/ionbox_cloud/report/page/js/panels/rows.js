// Which annotations are shown, and in what order. No page in here.

import { ionText, kind } from "../drawing/format.js";

export const LEVELS = [0.05, 0.1, 0.2, 0.5];

/** What nothing is filtered by. */
export const EVERYTHING = { fdr: null, database: "", kind: "", text: "", mz: null, ppm: 5, colocalized: null };

/** Say whether criteria let every annotation pass. */
export function isEverything({ fdr, database, kind: wanted, text, mz, colocalized }) {
  return fdr === null && !database && !wanted && !text.trim() && mz === null && !colocalized;
}

/** Return the coefficient of an ion with itself and its partners, by ion. */
export function coefficientsOf({ ion, partners }) {
  return new Map([[ion, 1], ...partners.map((partner) => [partner.ion, partner.coefficient])]);
}

/** Return the indices of the annotations that match all criteria; `colocalized` has ions as keys. */
export function filterRows(annotations, { fdr, database, kind: wanted, text, mz, ppm, colocalized }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const halfWidth = mz === null ? 0 : mz * ppm * 1e-6;
  const rows = [];
  annotations.forEach((annotation, index) => {
    if (fdr !== null && !(annotation.fdr <= fdr)) return;
    if (colocalized && !colocalized.has(annotation.ion)) return;
    if (database && annotation.database !== database) return;
    if (wanted && kind(annotation) !== wanted) return;
    if (mz !== null && !(Math.abs(annotation.mz - mz) <= halfWidth)) return;
    if (words.length && !words.every((word) => searchable(annotation).includes(word))) return;
    rows.push(index);
  });
  return rows;
}

const texts = new WeakMap();

function searchable(annotation) {
  let text = texts.get(annotation);
  if (text === undefined) {
    const molecules = annotation.molecules.flatMap(({ id, name }) => [name, id]);
    text = [annotation.ion, ionText(annotation.ion), annotation.formula, kind(annotation), ...molecules].join("\n").toLowerCase();
    texts.set(annotation, text);
  }
  return text;
}

/** Sort indices by a column's value; equal ones keep the order of the run (FDR, then MSM). */
export function sortRows(rows, annotations, valueOf, descending) {
  const values = new Map(rows.map((row) => [row, valueOf(annotations[row])]));
  const sign = descending ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [values.get(one), values.get(other)];
    const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
    return sign * order || one - other;
  });
}
