"""Questions to a page, in its own language, that tests of both pages ask."""

UNNAMED = """
const named = (node) => {
  const label = node.labels?.[0]?.textContent || node.getAttribute("aria-label");
  return (label || (/^(INPUT|SELECT)$/.test(node.tagName) ? "" : node.textContent)).trim();
};
const usable = "button, input, select, textarea, summary, a, [tabindex='0'], [role=img], section";
return [...document.querySelectorAll(usable)]
  .filter((node) => !named(node) || node.tabIndex > 0)
  .map((node) => node.outerHTML.slice(0, 120));
"""
"""What people use or meet that has no name for those who cannot see it."""

FOCUS = """
const node = document.activeElement;
const place = [...document.querySelectorAll("*")].indexOf(node);
return { place, outline: getComputedStyle(node).outlineStyle, tag: node.outerHTML.slice(0, 80) };
"""
"""What has the focus, where in the page it is, and how that is shown."""

CUT_COLUMNS = """
const scroller = document.querySelector(".scroller");
const cut = [...scroller.querySelectorAll("th, tr[data-index] td.number")]
  .filter((cell) => cell.scrollWidth > cell.clientWidth)
  .map((cell) => cell.textContent);
if (scroller.scrollWidth > scroller.clientWidth) cut.push("the table");
return cut;
"""
"""Headings and numbers that do not fit, and the table if it does not."""

SEEN_PIXELS = """
const canvas = document.querySelector(".view canvas");
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
return data.filter((value, at) => at % 4 === 3 && value > 128).length;
"""
"""How many pixels of the canvas something is drawn on."""

CONTRAST = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const back = (node) => {
  for (; node; node = node.parentElement) {
    const colour = parse(getComputedStyle(node).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const worst = [];
for (const node of document.querySelectorAll("body *")) {
  const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own || !node.offsetParent || node.closest("canvas,svg,:disabled,noscript")) continue;
  const [a, b] = [light(parse(getComputedStyle(node).color)), light(back(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) worst.push(`${ratio.toFixed(1)} ${node.className} ${node.textContent}`);
}
return worst;
"""
"""Text that is hard to read: below 4.5 : 1 (WCAG AA)."""
