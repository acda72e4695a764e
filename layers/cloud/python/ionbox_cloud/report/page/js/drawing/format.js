// Numbers and formulas for people.

import { el } from "./dom.js";

const POWERS = { 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹", "-": "⁻", "+": "" };

/** Write an intensity with four significant digits (or more); very large and small ones by powers. */
export function intensity(value, digits = 4) {
  if (value === Infinity) return "∞";
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) {
    const [number, power] = value.toExponential(digits - 1).split("e");
    return `${number}·10${[...power].map((sign) => POWERS[sign]).join("")}`;
  }
  const short = Number(value.toPrecision(digits));
  return size >= 1e3 ? count(short) : String(short);
}

/** Write a number with so many digits after the point. */
export function fixed(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1") : "–";
}

/** Name what ions were ranked by: the short word for it, and what it means. */
export function ranking({ scoring = "msm" }) {
  if (scoring === "msm") return { name: "MSM", meaning: "Metabolite-signal match: chaos × spatial × spectral", isProduct: true };
  const meaning = `${scoring}: a model that METASPACE trained on chaos, spatial, spectral and m/z errors`;
  return { name: "Score", meaning, isProduct: false };
}

/** Write an m/z error in ppm with three significant digits or more, as long as a column is wide. */
export function ppmError(value) {
  const size = Math.abs(value);
  return fixed(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/** Write a share, 0.05 as 5 %; small ones keep a digit. */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const value = share * 100;
  if (value > 0 && value < 0.1) return "<0.1 %";
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} %`;
}

/** Write a whole number with thousands apart. */
export function count(value) {
  return Number(value).toLocaleString("en-US");
}

/** Write a number and the right form of a noun. */
export function counted(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Write seconds. */
export function seconds(value) {
  if (!Number.isFinite(value)) return "–";
  if (value >= 120) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  return value < 0.1 ? `${Math.round(value * 1000)} ms` : `${Number(value.toPrecision(3))} s`;
}

/** Write dollars: cents do not suffice here. */
export function dollars(value) {
  if (!Number.isFinite(value)) return "–";
  if (value > 0 && value < 1e-6) return "~$0";
  return `$${value >= 0.1 ? value.toFixed(2) : Number(value.toPrecision(2)).toFixed(6).replace(/0+$/, "").replace(/\.$/, "")}`;
}

/** Write a formula with its counts lowered. Copied, it is plain text again. */
export function formula(text) {
  const parts = String(text).split(/(?<=[A-Za-z)\]])(\d+)/);
  return el("span", { class: "formula" }, parts.map((part, i) => (i % 2 ? el("sub", {}, part) : part)));
}

/** Write an ion as METASPACE's page does, [C6H12O6+K]⁺; `name` is that of annotations.csv, C6H12O6+K+. */
export function ionName(name) {
  const [, inside, sign] = splitIon(name);
  return el("span", { class: "ion-name" }, "[", formula(inside), "]", el("sup", {}, sign));
}

/** Write the same as plain text: [C6H12O6+K]+. */
export function ionText(name) {
  const [, inside, sign] = splitIon(name);
  return `[${inside}]${sign}`;
}

function splitIon(name) {
  return name.match(/^(.*)([+-])$/s) ?? [name, name, ""];
}

/** Write what made a molecule an ion: M-H2O+H, [M-H2O]+. */
export function kind({ adduct, chemMod, neutralLoss }) {
  const whole = adduct.startsWith("[M]");
  return whole
    ? `[M${chemMod}${neutralLoss}]${adduct.slice(3)}`
    : `M${chemMod}${neutralLoss}${adduct.replace(/^M/, "")}`;
}
