// What the large view shows when it is not the selected ion: an image of any m/z, an overlay.
//
// app.stage(show)      show it now, and again whenever transforms change
// app.restage()        show again what is there, whatever it is
// Problems of a request stand beside what asked for it: see attempt().

import { el } from "./dom.js";
import { ionName } from "./format.js";

/** Let extensions put something else into the large view. */
export function addStage(app) {
  let shown = null;
  const facts = document.querySelectorAll(".ion-facts"); // they are of the selected ion
  const hideFacts = (hidden) => facts.forEach((line) => (line.hidden = hidden));
  app.stage = (show) => {
    shown = show;
    hideFacts(true);
    show();
  };
  function leave() {
    shown = null;
    hideFacts(false);
  }

  app.restage = () => (shown ? shown() : app.redraw());
  app.on("draw", () => {
    if (shown && app.selected) nameSelected(app.selected);
    leave(); // an isotope image took its place
  });
  app.on("select", leave);
}

function nameSelected(annotation) {
  document.getElementById("ion-title").replaceChildren(ionName(annotation.ion));
}

/** Return a line for problems, and a function that runs something and writes what went wrong. */
export function attempts() {
  const problem = el("p", { class: "warning", role: "alert", hidden: true });
  let turn = 0;
  async function attempt(act) {
    const mine = (turn += 1);
    problem.hidden = true;
    try {
      const found = await act();
      return mine === turn ? found : undefined; // asked anew meanwhile: what comes late is dropped
    } catch (error) {
      if (mine !== turn) return undefined;
      problem.textContent = error instanceof Error ? error.message : String(error);
      problem.hidden = false;
      return undefined;
    }
  }
  return { problem, attempt };
}
