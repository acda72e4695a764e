// Why an ion is annotated, or why not.

import { el, isolated, plainTable } from "../drawing/dom.js";
import { fixed, kind } from "../drawing/format.js";
import { attempts } from "./stage.js";

const SIGNS = new Map([[true, "✓"], [false, "✗"], [null, "·"]]);
const WORDS = new Map([[true, "yes"], [false, "no"], [null, "fact"]]);

/** Add the panel that asks why. */
export function addWhy(app) {
  if (!app.source.why) return;
  const { problem, attempt, dismiss } = attempts();
  const focus = ({ target }) => target.select();
  const formula = el("input", { focus, id: "why-formula", required: true, placeholder: "C6H12O6", spellcheck: "false" });
  const adduct = el("input", { focus, id: "why-adduct", list: "why-kinds", placeholder: "all", size: 12 });
  const kinds = el("datalist", { id: "why-kinds" }, kindsOf(app.run).map((value) => el("option", { value })));
  const answers = el("div", { id: "why-answers", "aria-live": "polite" });

  async function ask(event) {
    event.preventDefault();
    answers.replaceChildren();
    const found = await attempt(() => app.source.why(formula.value.trim(), adduct.value.trim()));
    if (found) answers.replaceChildren(...found.answers.map((answer) => explain(app, answer)));
  }

  const suggest = (annotation) => {
    dismiss();
    answers.replaceChildren();
    if (!annotation) return;
    formula.value = annotation.formula;
    adduct.value = kind(annotation);
  };
  app.on("select", suggest);
  suggest(app.selected);
  const field = (label, input) => el("label", { class: "field" }, el("span", {}, label), input);
  const form = el(
    "form",
    { class: "filters", "aria-label": "Why is an ion annotated or not", submit: ask },
    field("Formula", formula),
    field("Adduct", adduct),
    kinds,
    el("button", { id: "why-ask" }, "Why?"),
  );
  app.addLink("Why?", app.addPanel("ion", "Why annotated, or why not?", form, answers, problem));
}

function kindsOf({ config }) {
  const signed = (parts) => ["", ...(parts ?? [])];
  return signed(config.chem_mods).flatMap((mod) =>
    signed(config.neutral_losses).flatMap((loss) =>
      config.adducts.map((adduct) => (adduct.startsWith("[M]") ? adduct : `M${mod}${loss}${adduct}`)),
    ),
  );
}

function explain(app, answer) {
  const rows = answer.findings.map(({ holds, sentence }) =>
    el("li", { class: `finding ${WORDS.get(holds)}` }, el("span", { class: "sign", role: "img", "aria-label": WORDS.get(holds) }, SIGNS.get(holds)), isolated(sentence)),
  );
  const [mz] = answer.mz;
  const see = () => app.showMz(mz);
  const button = app.showMz && mz ? el("button", { type: "button", class: "link", click: see }, "show its first isotope image") : null;
  return el("div", { class: "why" }, el("p", { class: "verdict" }, isolated(answer.verdict), "."), el("ul", {}, rows), button, decoyTable(answer));
}

function decoyTable({ decoys, ion }) {
  if (!decoys.length) return null;
  const headings = [["decoy", "text"], ["score", "number"]];
  return plainTable(`Best decoys that score as high as ${ion}`, headings, decoys.map(([name, msm]) => [name, fixed(msm, 3)]));
}
