// The table of annotations: only the rows in view exist, so that its length costs nothing.

import { el, gather, isolated } from "../drawing/dom.js";
import { count, fixed, formula, intensity, ionText, kind, percent, ppmError, ranking } from "../drawing/format.js";
import { sortRows } from "./rows.js";

const ROW_HEIGHT = 26; // also in page.css
const BEST_FIRST = new Set(["msm", "rhoSpatial", "rhoSpectral", "rhoChaos", "maxIntensity", "isomers", "isobars", "coloc"]);
const AROUND = 12; // rows kept beyond either end of the view

/** The columns: key, heading, what the heading means, value to sort by, cell, class. Widths: page.css. */
const COLUMNS = [
  ["formula", "Formula", "Formula of the neutral molecule M", (a) => a.formula, (a) => formula(a.formula), "text"],
  ["kind", "Adduct", "What made the molecule M an ion: M+H of C6H12O6 is the ion [C6H12O6+H]+", kind, kind, "text"],
  ["molecules", "Mole\u00adcules", "The first name in the database, and how many more there are of this formula", (a) => a.molecules[0]?.name ?? "", moleculeCell, "text wide"],
  ["mz", "m/z", "Theoretical m/z of the first isotope peak", (a) => a.mz, (a) => fixed(a.mz, 4), "number"],
  ["massError", "Error ppm", "Mean measured minus theoretical m/z, in ppm", (a) => a.massError, (a) => ppmError(a.massError), "number"],
  ["msm", "MSM", "Metabolite-signal match: chaos × spatial × spectral", (a) => a.msm, (a) => fixed(a.msm, 3), "number"],
  ["fdr", "FDR", "False discovery rate at which the ion is annotated", (a) => a.fdr, fdrCell, "number"],
  ["isomers", "Iso\u00admers", "Other molecules of the database with the same ion formula", (a) => a.isomers, (a) => doubt(a.isomers), "number"],
  ["isobars", "Iso\u00adbars", "Other annotated ions whose m/z windows overlap", (a) => a.isobars, (a) => doubt(a.isobars), "number"],
  ["rhoSpatial", "ρ spat.", "ρ spatial, 0 to 1: the isotope images look like the first", (a) => a.rhoSpatial, (a) => fixed(a.rhoSpatial, 2), "number"],
  ["rhoSpectral", "ρ spec.", "ρ spectral, 0 to 1: the intensities follow the isotope pattern", (a) => a.rhoSpectral, (a) => fixed(a.rhoSpectral, 2), "number"],
  ["rhoChaos", "ρ chaos", "ρ chaos, 0 to 1: the first image has structure", (a) => a.rhoChaos, (a) => fixed(a.rhoChaos, 3), "number"],
  ["maxIntensity", "Max. intens.", "Intensity of the brightest pixel of the first isotope image", (a) => a.maxIntensity, (a) => intensity(a.maxIntensity, 3), "number"],
  ["database", "Database", "Where the molecule comes from; each has decoys and FDR of its own", (a) => a.database, (a) => isolated(a.database), "text"],
];

/** Return the columns, with what the run ranked ions by. */
export function columnsOf(config) {
  const { name, meaning } = ranking(config);
  return COLUMNS.map(([key, heading, said, ...rest]) => (key === "msm" ? [key, name, meaning, ...rest] : [key, heading, said, ...rest]));
}

/** Return the column of the coefficients of all ions with one of them, a map by ion. */
export function colocalizationColumn(name, coefficients) {
  const valueOf = ({ ion }) => coefficients.get(ion);
  const meaning = `Colocalization with ${name}: cosine similarity of the images`;
  return ["coloc", "Co\u00adloc.", meaning, valueOf, (a) => fixed(valueOf(a), 2), "number"];
}

// of texts that may be longer than their column
const HINTS = { formula: (a) => a.formula, kind, database: (a) => a.database };

function moleculeCell({ molecules }) {
  if (!molecules.length) return "";
  const more = molecules.length > 1 ? ` +${count(molecules.length - 1)}` : "";
  return el("span", { class: "named" }, el("bdi", { class: "clipped", title: molecules[0].name }, molecules[0].name), more);
}

function fdrCell({ fdr, fdrAlone, explainedBy }) {
  if (!explainedBy) return percent(fdr);
  const title = `${ionText(explainedBy)} explains its peaks; FDR without competition ${percent(fdrAlone)}`;
  return el("strong", { class: "doubt", title }, "explained");
}

function doubt(n) {
  return n ? el("strong", { class: "doubt" }, count(n)) : "";
}

export class AnnotationTable {
  /** `onSelect` is called with an index into the annotations, or -1; `onEnter` to go to it. */
  constructor(annotations, columns, onSelect, onEnter) {
    Object.assign(this, { annotations, onSelect, onEnter });
    this.rows = annotations.map((_, index) => index);
    this.filtered = this.rows;
    this.order = { key: "", descending: false };
    this.selected = -1;
    this.build();
    this.setColumns(columns);
  }

  /** Have other columns, from the next rows on. */
  setColumns(columns) {
    this.columns = columns;
    this.headings = columns.map(([key, heading, meaning, , , kindOfCell]) =>
      el(
        "th",
        { scope: "col", class: kindOfCell, "aria-sort": "none" },
        el("button", { type: "button", title: meaning || null, click: () => this.sortBy(key) }, heading),
      ),
    );
    this.widths.replaceChildren(...columns.map(([key]) => el("col", { class: `of-${key}` })));
    this.head.replaceChildren(...this.headings);
  }

  /** Order rows by a column; takes effect with the next rows. */
  orderBy(key) {
    this.order = { key, descending: BEST_FIRST.has(key) };
  }

  build() {
    this.widths = el("colgroup");
    this.head = el("tr", { "aria-rowindex": 1 });
    this.body = el("tbody");
    this.before = el("tbody", { "aria-hidden": "true" });
    this.after = el("tbody", { "aria-hidden": "true" });
    this.table = el(
      "table",
      { class: "annotations", role: "grid", "aria-label": "Annotations" },
      this.widths,
      el("thead", {}, this.head),
      this.before,
      this.body,
      this.after,
    );
    this.element = el(
      "div",
      {
        class: "scroller",
        tabindex: 0,
        role: "group",
        "aria-label": "Annotations; up and down select, Enter goes to the ion",
        scroll: () => this.draw(),
        keydown: (event) => this.onKey(event),
        click: (event) => this.onClick(event),
      },
      this.table,
    );
    new ResizeObserver(() => this.draw()).observe(this.element);
    window.addEventListener("beforeprint", () => this.drawRows(0, this.rows.length));
    window.addEventListener("afterprint", () => this.draw(true));
  }

  /** Show other rows (indices), in the chosen order; the selection stays if it is among them. */
  setRows(rows) {
    this.filtered = rows;
    this.sort();
    this.element.scrollTop = 0;
    if (!this.rows.includes(this.selected)) this.select(this.rows.length ? this.rows[0] : -1);
    else this.reveal();
    this.draw(true);
  }

  sortBy(key) {
    const again = this.order.key === key;
    this.order = { key, descending: again ? !this.order.descending : BEST_FIRST.has(key) };
    this.sort();
    this.element.scrollTop = 0;
    this.draw(true);
  }

  sort() {
    const { key, descending } = this.order;
    this.columns.forEach(([name], at) => {
      const state = name !== key ? "none" : descending ? "descending" : "ascending";
      this.headings[at].setAttribute("aria-sort", state);
    });
    const column = this.columns.find(([name]) => name === key);
    this.rows = column
      ? sortRows(this.filtered, this.annotations, column[3], descending)
      : this.filtered;
    this.table.setAttribute("aria-rowcount", this.rows.length + 1);
  }

  select(index) {
    if (index === this.selected) return;
    this.selected = index;
    this.reveal();
    this.draw();
    this.onSelect(index);
  }

  /** Scroll the selected row into view. */
  reveal() {
    const place = this.rows.indexOf(this.selected);
    if (place < 0) return;
    const head = this.table.tHead.offsetHeight;
    const top = place * ROW_HEIGHT;
    const room = this.element.clientHeight - head - ROW_HEIGHT;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (room > 0 && top > this.element.scrollTop + room) this.element.scrollTop = top - room;
  }

  /** Make the rows in view, and some around them; rows that are there already stay. */
  draw(changed = false) {
    const first = Math.floor(this.element.scrollTop / ROW_HEIGHT);
    const last = Math.min(this.rows.length, first + Math.ceil((this.element.clientHeight || 600) / ROW_HEIGHT));
    if (changed || first < this.start || last > this.stop) {
      this.drawRows(Math.max(0, Math.min(first - AROUND, this.rows.length)), Math.min(this.rows.length, last + AROUND));
    } else {
      this.mark();
    }
  }

  drawRows(start, stop) {
    Object.assign(this, { start, stop });
    const shown = this.rows.slice(start, stop);
    this.body.replaceChildren(gather(shown.map((row, i) => this.line(row, start + i))));
    this.pad(this.before, start);
    this.pad(this.after, this.rows.length - stop);
    this.mark();
  }

  /** Mark the selected row, if it is among those that are there. */
  mark() {
    const now = document.getElementById(`row-${this.selected}`);
    const marked = this.body.querySelector("[aria-selected=true]");
    if (marked && marked !== now) marked.setAttribute("aria-selected", "false");
    if (now) {
      now.setAttribute("aria-selected", "true");
      this.element.setAttribute("aria-activedescendant", now.id);
    } else {
      this.element.removeAttribute("aria-activedescendant");
    }
  }

  pad(body, nRows) {
    const cell = el("td", { colspan: this.columns.length });
    cell.style.height = `${nRows * ROW_HEIGHT}px`;
    body.replaceChildren(...(nRows ? [el("tr", {}, cell)] : []));
  }

  line(index, place) {
    const annotation = this.annotations[index];
    return el(
      "tr",
      {
        id: `row-${index}`,
        "data-index": index,
        "aria-rowindex": place + 2,
        "aria-selected": "false",
      },
      this.columns.map(([key, , , , cell, kindOfCell]) =>
        el("td", { class: kindOfCell, "data-column": key, title: HINTS[key]?.(annotation) }, cell(annotation)),
      ),
    );
  }

  onClick(event) {
    const row = event.target.closest("tr[data-index]");
    if (row) this.select(Number(row.dataset.index));
  }

  onKey(event) {
    if (event.target !== this.element || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" && this.selected >= 0) this.onEnter();
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || !this.rows.length) return;
    event.preventDefault();
    const place = this.rows.indexOf(this.selected) + step;
    this.select(this.rows[Math.max(0, Math.min(this.rows.length - 1, place))]);
  }
}
