// Building elements. Text enters the page here only, always as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(gather(children));
  return element;
}

/** Put any number of children together; a call cannot have as many arguments as a table has rows. */
export function gather(children) {
  const gathered = document.createDocumentFragment();
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined) gathered.append(child);
  }
  return gathered;
}

/** Make an element; functions among the attributes listen to the event of their name. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Write a text of somebody else's: whatever runs from right to left in it, what is around it does not. */
export function isolated(text) {
  return el("bdi", {}, text);
}

/** Make an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Make a labelled choice. `options` are [value, text] pairs. */
export function choice(label, options, value, onChange) {
  const select = el(
    "select",
    { change: () => onChange(select.value) },
    options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)),
  );
  return el("label", { class: "field" }, el("span", {}, label), select);
}

/** Make a labelled box to tick. */
export function tick(label, checked, onChange, hint = "") {
  const box = el("input", { type: "checkbox", checked, change: () => onChange(box.checked) });
  return el("label", { class: "tick", title: hint || null }, box, label);
}

/** Make a panel with a heading; `title` is a text, or a list of what it is made of. */
export function panel(title, ...children) {
  const heading = el("h3", {}, title);
  return el("section", { class: "panel", "aria-label": heading.textContent }, heading, ...children);
}

/** Make a table of plain cells; numbers are given as text and aligned by their column's class. */
export function plainTable(caption, headings, rows) {
  const table = el(
    "table",
    { class: "plain" },
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, headings.map(([text, kind]) => el("th", { scope: "col", class: kind }, text)))),
    el(
      "tbody",
      {},
      rows.map((cells) =>
        el("tr", {}, cells.map((cell, column) => el("td", { class: headings[column][1] }, cell))),
      ),
    ),
  );
  return el("div", { class: "across" }, table);
}
