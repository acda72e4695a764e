// The image of any m/z.

import { el } from "../drawing/dom.js";
import { counted, fixed, intensity } from "../drawing/format.js";
import { attempts } from "./stage.js";

/** Add the panel that asks for an m/z; app.showMz(mz) shows one from elsewhere. */
export function addAnyMz(app) {
  const { source, run } = app;
  if (!source.anyMz) return;
  const missing = run.served?.anyMz;
  if (missing) {
    const gone = el("p", { class: "empty", id: "anymz-missing" }, missing);
    return void app.addLink("Any m/z", app.addPanel("ion", "Image of any m/z", gone));
  }
  const { problem, attempt, dismiss } = attempts();
  const usual = run.served?.ppm ?? 3;
  const number = (id, value, label) =>
    el("label", { class: "field" }, el("span", {}, label), el("input", { type: "number", id, value, step: "any", min: 0, required: true }));
  const mz = number("anymz-mz", "", "m/z");
  const ppm = number("anymz-ppm", usual, "± ppm");
  const facts = el("output", { class: "faint", id: "anymz-facts" });
  const [mzInput, ppmInput] = [mz, ppm].map((field) => field.querySelector("input"));

  async function show() {
    if (ppmInput.value === "") ppmInput.value = usual; // a peak of the spectrum asks without the form
    const [middle, width] = [Number(mzInput.value), Number(ppmInput.value)];
    const isWanted = app.claim();
    const image = await attempt(() => source.anyMz(middle, width));
    if (!image || !isWanted()) return;
    const name = `m/z ${fixed(middle, 4)} ± ${width} ppm`;
    app.stage(() => app.showImage(app.transformed(image, 0), name));
    facts.textContent = describe(image);
  }

  app.showMz = (value) => {
    mzInput.value = Number(value.toFixed(6));
    return show();
  };
  const clear = () => {
    dismiss();
    facts.textContent = "";
  };
  for (const event of ["select", "choose", "stage"]) app.on(event, clear);
  const submit = (event) => {
    event.preventDefault();
    show();
  };
  const button = el("button", { id: "anymz-show" }, "Show");
  const form = el("form", { class: "filters", "aria-label": "Image of any m/z", submit }, mz, ppm, button);
  app.addLink("Any m/z", app.addPanel("ion", "Image of any m/z", form, facts, problem));
}

function describe(image) {
  let [found, total] = [0, 0];
  for (const value of image) {
    if (value > 0) found += 1;
    total += value;
  }
  return found ? `${counted(found, "pixel")}, total intensity ${intensity(total)}` : "nothing was measured there";
}
