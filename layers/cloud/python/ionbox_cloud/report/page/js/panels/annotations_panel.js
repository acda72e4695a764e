// Filters and the table of annotations.

import { choice, el } from "../drawing/dom.js";
import { count, ionName, ionText, kind } from "../drawing/format.js";
import { sayNothingFound } from "./nothing_found.js";
import { EVERYTHING, LEVELS, coefficientsOf, filterRows, isEverything } from "./rows.js";
import { AnnotationTable, colocalizationColumn, columnsOf } from "./table.js";

/** Draw filters and table into their section; select the first row. */
export function drawAnnotations(app) {
  const { annotations, config } = app.run;
  const databases = [...new Set(annotations.map(({ database }) => database))].sort();
  const columns = columnsOf(config).filter(([key]) => key !== "database" || databases.length > 1);
  const enter = () => document.getElementById("ion").focus();
  const table = new AnnotationTable(annotations, columns, (index) => app.select(index), enter);
  const counter = el("output", { class: "counter", id: "counter", "aria-live": "polite" });
  const clearAll = el("button", { type: "button", click: () => clear(fields) }, "Clear the filters");
  clearAll.addEventListener("click", () => fields.querySelector("#search").focus());
  const empty = el("p", { class: "empty", hidden: true }, "No annotation matches these filters. ", clearAll);
  const criteria = { ...EVERYTHING, fdr: firstLevel(annotations) };
  const colocalized = el("output", { id: "colocalized", hidden: true });
  let reference = null; // whose partners are shown

  function apply(change) {
    Object.assign(criteria, change);
    if (!criteria.colocalized && reference) leaveColocalized();
    const rows = filterRows(annotations, criteria);
    if (reference) colocalized.replaceChildren(...sayColocalized(reference, rows.map((row) => annotations[row].ion), clearColocalized));
    table.setRows(rows);
    empty.hidden = rows.length > 0 || !annotations.length;
    table.element.hidden = !rows.length;
    showAll.disabled = isEverything(criteria);
    counter.textContent = `${count(rows.length)} of ${count(annotations.length)} annotations`;
  }

  function leaveColocalized() {
    reference = null;
    colocalized.hidden = true;
    table.setColumns(columns);
    table.orderBy("");
  }

  function clearColocalized() {
    apply({ colocalized: null });
    table.element.focus();
  }

  /** List the ions that lie where an ion does, as far as they pass the filters. */
  app.showColocalized = (annotation) => {
    reference = annotation;
    const coefficients = coefficientsOf(annotation);
    const more = colocalizationColumn(ionText(annotation.ion), coefficients);
    table.setColumns(columns.flatMap((column) => (column[0] === "mz" ? [more, column] : [column])));
    table.orderBy("coloc");
    colocalized.hidden = false;
    apply({ colocalized: coefficients });
  };

  const fields = filterFields(annotations, databases, criteria, apply);
  const showAll = fields.querySelector("#show-all");
  fields.querySelector("fieldset").disabled = !annotations.length;
  const line = el("div", { class: "counter-line" }, counter, colocalized, columnHelp(columns));
  document.getElementById("annotations").append(fields, line, table.element, empty);
  app.table = table;
  if (!annotations.length) {
    document.getElementById("annotations").append(sayNothingFound(app));
    app.select(-1);
  }
  listenForShortcuts(fields, table);
  apply({});
}

/** Say which partners are listed, and which cannot be. */
function sayColocalized({ ion, partners }, ions, clear) {
  const shown = new Set(ions);
  const n = partners.filter((partner) => shown.has(partner.ion)).length;
  return [
    "Colocalized with ",
    ionName(ion),
    `: ${count(n)} of the ${count(partners.length)} most similar ions pass the filters. `,
    el("button", { type: "button", class: "link", id: "clear-colocalized", click: clear }, "Clear"),
  ];
}

/** What stands in the columns, for those who cannot point at their headings. */
function columnHelp(columns) {
  const meanings = columns.flatMap(([, heading, meaning]) => [el("dt", {}, heading.replace("\u00ad", "")), el("dd", {}, meaning)]);
  return el("details", { class: "help" }, el("summary", {}, "What the columns mean"), el("dl", { class: "facts" }, meanings));
}

/** The usual FDR level of 10 %, or everything where nothing reaches it. */
function firstLevel(annotations) {
  return annotations.some(({ fdr }) => fdr <= 0.1) ? 0.1 : null;
}

function filterFields(annotations, databases, criteria, apply) {
  const kinds = [...new Set(annotations.map(kind))].sort();
  const levels = [["", "all"], ...LEVELS.map((level) => [String(level), `≤ ${level * 100} %`])];
  const text = el("input", {
    type: "search",
    id: "search",
    placeholder: "formula, molecule, id",
    title: "Press / to search",
    input: () => apply({ text: text.value }),
  });
  const number = (id, value, step, act) => {
    const input = el("input", { type: "number", id, min: 0, step, value, input: () => act(input) });
    return input;
  };
  const mz = number("mz", "", "any", (input) => apply({ mz: input.value ? Number(input.value) : null }));
  const ppm = number("ppm", criteria.ppm, "any", (input) => apply({ ppm: Number(input.value) > 0 ? Number(input.value) : EVERYTHING.ppm }));
  Object.assign(ppm, { placeholder: EVERYTHING.ppm, title: `Half width; ${EVERYTHING.ppm} where nothing above 0 is given` });
  const fields = [
    choice("FDR", levels, String(criteria.fdr ?? ""), (value) => apply({ fdr: value ? Number(value) : null })),
    databases.length > 1
      ? choice("Database", [["", "all"], ...databases.map((name) => [name, name])], "", (database) => apply({ database }))
      : null,
    choice("Adduct", [["", "all"], ...kinds.map((name) => [name, name])], "", (value) => apply({ kind: value })),
    el("label", { class: "field grow" }, el("span", {}, "Search"), text),
    el("label", { class: "field" }, el("span", {}, "m/z"), mz),
    el("label", { class: "field" }, el("span", {}, "± ppm"), ppm),
    el("button", { type: "button", id: "show-all", click: () => clear(form) }, "Show all"),
  ];
  const form = el(
    "form",
    {
      role: "search",
      "aria-label": "Filter annotations",
      submit: (event) => event.preventDefault(),
      reset: () => apply({ ...EVERYTHING }),
    },
    el("fieldset", { class: "filters" }, fields),
  );
  return form;
}

function clear(form) {
  for (const option of form.querySelectorAll("option")) option.defaultSelected = option.value === "";
  form.reset();
}

function listenForShortcuts(fields, table) {
  const search = fields.querySelector("#search");
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      table.element.focus();
    }
  });
}
