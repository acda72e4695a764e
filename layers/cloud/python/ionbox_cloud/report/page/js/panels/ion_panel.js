// The selected ion: its images, its isotope pattern, the molecules behind it.

import { COLORMAPS, colours } from "../drawing/colormaps.js";
import { choice, el, isolated, panel, plainTable, tick } from "../drawing/dom.js";
import { count, counted, fixed, intensity, ionName, ionText, percent, ppmError, ranking } from "../drawing/format.js";
import { ImageView } from "../drawing/image_view.js";
import { paint, scaleOf } from "../drawing/intensity.js";
import { patternChart } from "../drawing/charts.js";
import { decodeFraction } from "../sources/source.js";

const MOST_NAMED = 200; // molecules listed at once; some formulas have thousands

/** Draw the panels of the selected ion and keep them up to date. */
export function drawIon(app, mask, tic) {
  const { width, height, pixelSize = null } = app.run.dataset;
  const view = new ImageView({ width, height, mask, pixelSize, onPixel: (x, y) => app.tell("pixel", x, y) });
  app.view = view;
  app.isotope = 0;
  const title = el("h2", { id: "ion-title" });
  const facts = el("p", { class: "ion-facts" });
  const metrics = el("p", { class: "ion-facts" });
  const missing = el("p", { class: "empty", hidden: true });
  const isotopes = el("div", { class: "isotopes", role: "group", "aria-label": "Isotope images" });
  const details = el("div", { class: "details" });
  app.imageControls = controls(app);
  document
    .getElementById("ion")
    .append(title, facts, metrics, app.imageControls, view.element, missing, isotopes, details);

  function showIsotope(isotope) {
    app.isotope = isotope;
    const image = app.images[isotope];
    title.replaceChildren(ionName(app.selected.ion)); // another image may have had a name of its own
    app.showView(image);
    missing.hidden = Boolean(image);
    missing.textContent = app.selected ? whyMissing(app) : "";
    if (image) view.show(app.transformed(image, isotope), nameImage(app.selected, isotope));
    app.fileName = `${app.selected.ion}_${isotope + 1}`;
    press(isotopes, isotope);
    app.tell("draw", isotope);
  }

  function drawIsotopes() {
    if (!app.selected || !app.images.length) return isotopes.replaceChildren();
    return isotopes.replaceChildren(
      ...app.images.map((image, isotope) =>
        thumbnail(app, image, isotope, mask, () => {
          app.tell("choose", isotope);
          showIsotope(isotope);
        }),
      ),
    );
  }

  app.showView = (shown) => {
    view.element.hidden = !shown;
    app.imageControls.disabled = !shown;
  };
  function showTic() {
    app.showView(tic);
    missing.hidden = true;
    app.fileName = "total ion current";
    if (tic) view.show(tic, "Total ion current", "intensity");
  }
  app.restyle = () => {
    view.setStyle(app.style);
    drawIsotopes();
  };
  app.on("select", (annotation) => {
    title.replaceChildren(...(annotation ? [ionName(annotation.ion)] : ["No ion selected"]));
    facts.replaceChildren(...(annotation ? describe(annotation) : tic ? ["The image is the total ion current."] : []));
    metrics.textContent = annotation ? describeMetrics(annotation, app.run.config) : "";
    details.replaceChildren(...(annotation ? detailsOf(app, annotation) : []));
    if (!annotation) {
      isotopes.replaceChildren();
      showTic();
    }
    app.isotope = 0;
  });
  app.on("images", () => {
    if (!app.staged) showIsotope(app.images[app.isotope] ? app.isotope : 0);
    drawIsotopes();
  });
  app.on("failed", (error) => {
    if (app.staged) return;
    app.showView(false);
    missing.hidden = false;
    missing.textContent = `The images could not be read: ${error.message}`;
  });
  app.on("foreign", (image, name, unit) => {
    app.showView(true);
    missing.hidden = true;
    view.show(image, name, unit);
    app.fileName = name;
    title.textContent = name;
  });
}

/** Mark which isotope peak is shown large. */
function press(isotopes, isotope) {
  for (const button of isotopes.children) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.isotope) === isotope));
  }
}

function controls(app) {
  app.style = { colormap: "Viridis", log: false, clip: true };
  const set = (change) => {
    Object.assign(app.style, change);
    app.restyle();
  };
  const names = COLORMAPS.map((name) => [name, name]);
  const colormap = choice("Colours", names, "Viridis", (colormap) => set({ colormap }));
  colormap.id = "colormap";
  app.colormap = colormap.querySelector("select");
  return el(
    "fieldset",
    { class: "controls", "aria-label": "How images are shown" },
    colormap,
    choice("Scale", [["linear", "linear"], ["log", "logarithmic"]], "linear", (scale) => set({ log: scale === "log" })),
    tick("Clip hotspots", true, (clip) => set({ clip }), "99th percentile of the pixels above max/256"),
    el("button", { type: "button", id: "save", click: () => save(app) }, "Save PNG"),
  );
}

async function save(app) {
  const address = URL.createObjectURL(await app.view.toPng());
  el("a", { href: address, download: `${app.fileName.replace(/[^\w+.-]+/g, "_")}.png` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function whyMissing({ run, selected }) {
  if (selected.image < 0 || run.omitted?.images) {
    return "This image is in ion_images.zarr, not in this page; “ionbox view” shows it.";
  }
  return "There is no image of this isotope peak.";
}

function nameImage(annotation, isotope) {
  return `Ion image of ${ionText(annotation.ion)}, isotope peak ${isotope + 1}`;
}

function describe(annotation) {
  const { mz, massError, fdr, database } = annotation;
  return [`m/z ${fixed(mz, 4)} · error ${ppmError(massError)} ppm · FDR ${percent(fdr)} · `, isolated(database)];
}

function describeMetrics({ msm, rhoSpatial, rhoSpectral, rhoChaos }, config) {
  const parts = [["ρ spatial", rhoSpatial], ["spectral", rhoSpectral], ["chaos", rhoChaos]];
  const { name, isProduct } = ranking(config);
  const listed = parts.map(([part, value]) => `${part} ${fixed(value, 3)}`).join(" × ");
  if (isProduct) return `${name} ${fixed(msm, 3)}: ${listed}`;
  return `${name} ${fixed(msm, 3)}; MSM ${fixed(rhoSpatial * rhoSpectral * rhoChaos, 3)}: ${listed}`;
}

function thumbnail(app, image, isotope, mask, onClick) {
  const { selected, run, view } = app;
  const { width, height } = run.dataset;
  const name = `m/z ${fixed(selected.patternMz[isotope], 4)}`;
  const canvas = el("canvas", { width, height, "aria-hidden": "true" });
  if (image) {
    const context = canvas.getContext("2d");
    const data = context.createImageData(width, height);
    const shown = app.transformed(image, isotope);
    paint(data.data, shown, scaleOf(shown, app.style), colours(view.style.colormap), mask);
    context.putImageData(data, 0, 0);
  }
  const share = `${fixed(selected.abundance[isotope], 1)} %`;
  const label = image ? `${name}, theoretical abundance ${share}` : `${name}: not in this page`;
  return el(
    "button",
    {
      type: "button",
      "data-isotope": isotope,
      "aria-label": `Isotope peak ${isotope + 1}, ${label}`,
      "aria-pressed": String(isotope === app.isotope),
      disabled: !image,
      click: onClick,
    },
    canvas,
    el("span", {}, name),
    el("span", { class: "faint" }, image ? share : "not in this page"),
  );
}

function detailsOf(app, annotation) {
  return [
    ambiguityNotice(app, annotation),
    patternPanel(annotation),
    moleculesPanel(annotation),
    partnersPanel(app, annotation),
    ...labelPanels(app, annotation),
  ].filter(Boolean);
}

function ambiguityNotice(app, annotation) {
  const { isomers, isomerIons, isobars, isobarIons, molecules, explainedBy, fdrAlone } = annotation;
  const lines = [];
  if (explainedBy) {
    const [ion, isotope] = explainedBy.split(" isotope ");
    const what = isotope ? `isotope peak ${isotope} of ` : "";
    lines.push([
      `Explained: its first image is that of ${what}`,
      ionLinks(app, [ion]),
      `, which claims these peaks with more reason. Without competition its FDR would be ${percent(fdrAlone)}.`,
    ]);
  }
  if (isomers) {
    const others = isomerIons.length ? [" Also annotated with this ion formula: ", ionLinks(app, isomerIons), "."] : [];
    const listed = molecules.length > isomers ? "" : `, ${count(molecules.length)} of them listed below`;
    lines.push([
      `Isomers: ${count(isomers + 1)} molecules of the database have this ion formula${listed}; m/z and isotope pattern cannot tell them apart.`,
      ...others,
    ]);
  }
  if (isobars) {
    lines.push([
      `Isobars: the m/z windows overlap with ${counted(isobars, "other annotated ion")}: `,
      ionLinks(app, isobarIons),
      ". Their images may share signal.",
    ]);
  }
  return lines.length ? el("div", { class: "warning", role: "note" }, lines.map((line) => el("p", {}, line))) : null;
}

function patternPanel(annotation) {
  const { patternMz, abundance, observed, observedMz } = annotation;
  const most = Math.max(...observed);
  const peaks = patternMz
    .map((mz, i) => ({
      mz,
      theoretical: abundance[i],
      observed: most > 0 ? (observed[i] / most) * 100 : 0,
      total: observed[i],
      error: observed[i] > 0 ? ((observedMz[i] - mz) / mz) * 1e6 : NaN,
    }))
    .filter(({ mz }) => mz > 0);
  const rows = peaks.map((peak) => [
    fixed(peak.mz, 4),
    fixed(peak.theoretical, 1),
    fixed(peak.observed, 1),
    intensity(peak.total),
    ppmError(peak.error),
  ]);
  const headings = ["m/z", "theory", "observed", "intensity", "error"].map((text) => [text, "number"]);
  return panel(
    "Isotope pattern",
    el(
      "div",
      { class: "pattern" },
      patternChart(peaks),
      plainTable("In % of the highest; total intensity; error in ppm", headings, rows),
    ),
  );
}

function moleculesPanel({ molecules }) {
  const listed = molecules.slice(0, MOST_NAMED);
  const items = listed.map(({ id, name }) => el("li", {}, isolated(name), " ", el("bdi", { class: "faint" }, id)));
  const more = molecules.length - listed.length;
  return panel(
    counted(molecules.length, "molecule"),
    el("ul", { class: "molecules", tabindex: molecules.length > 8 ? 0 : null, "aria-label": "Molecules" }, items),
    more > 0 ? el("p", { class: "faint" }, `and ${count(more)} more, in annotations.csv`) : null,
  );
}

/** An ion's name; where the ion is on this page, a button that goes to it. */
function ionLink(app, ion) {
  const places = (app.placeOf ??= new Map(app.run.annotations.map(({ ion }, i) => [ion, i]).reverse()));
  if (!places.has(ion)) return ionName(ion);
  return el("button", { type: "button", class: "link", click: () => app.table.select(places.get(ion)) }, ionName(ion));
}

function ionLinks(app, ions) {
  return ions.flatMap((ion, i) => [i ? ", " : "", ionLink(app, ion)]);
}

function partnersPanel(app, annotation) {
  const { partners = [] } = annotation;
  if (!partners.length) return null;
  const most = app.run.maxPartners ? `; up to ${counted(app.run.maxPartners, "ion")}` : "";
  const show = () => app.showColocalized(annotation);
  return panel(
    "Colocalized ions",
    el(
      "ul",
      { class: "partners", "aria-label": "Colocalized ions" },
      partners.map(({ ion, coefficient }) =>
        el("li", {}, ionLink(app, ion), " ", el("span", { class: "faint" }, fixed(coefficient, 2))),
      ),
    ),
    el(
      "p",
      { class: "faint" },
      el("button", { type: "button", class: "link", id: "show-colocalized", click: show }, "Show them in the table"),
      ` Cosine similarity of the images, at most 1${most}. diagnostics/colocalization.npz has more.`,
    ),
  );
}

/** A panel for each label that the molecule was also annotated with, or without. */
function labelPanels(app, annotation) {
  const { width, height } = app.run.dataset;
  const found = (app.run.labelFractions ?? []).filter(({ ions }) => ions.includes(annotation.ion));
  return found.map(({ ions, label, mean, overall, image }) => {
    const show = async () => {
      const fraction = await decodeFraction(image, width * height);
      const name = `Labelled fraction (${label}) of ${ionText(ions[0])}`;
      const showIt = () => app.showImage(fraction, name, "fraction");
      if (app.stage) app.stage(showIt);
      else showIt();
    };
    return panel(
      `Labelled fraction (${label})`,
      el("p", {}, `Mean of the pixels ${percent(mean)}, of all intensity ${percent(overall)}.`),
      el("p", {}, "Without labels ", ionLink(app, ions[0]), "; with ", ionLinks(app, ions.slice(1)), "."),
      image
        ? el("button", { type: "button", class: "show-fraction", click: show }, "Show the image")
        : el("p", { class: "faint" }, "Its image is in ion_images.zarr, not in this page."),
    );
  });
}
