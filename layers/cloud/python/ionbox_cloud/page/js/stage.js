// What the large view shows when it is not the selected ion: an image of any m/z, an overlay.
//
// app.stage(show)      show it now, and again whenever transforms change
// app.staged           whether the view shows such a thing
// app.unstage()        it is to show the selected ion again, with the next image drawn
// app.restage()        show again what is there, whatever it is
// app.claim()          ask for the view; returns a function that says whether nobody asked for it
//                      since: an answer that comes late must not replace what was chosen meanwhile
// Problems of a request stand beside what asked for it: see attempt().

import { el } from "./dom.js";
import { ionName } from "./format.js";

/** Let extensions put something else into the large view. */
export function addStage(app) {
  let shown = null;
  let claims = 0;
  const facts = document.querySelectorAll(".ion-facts"); // they are of the selected ion
  const hideFacts = (hidden) => facts.forEach((line) => (line.hidden = hidden));
  app.staged = false;
  app.claim = () => {
    const mine = (claims += 1);
    return () => mine === claims;
  };
  app.stage = (show) => {
    app.claim();
    shown = show;
    app.staged = true;
    hideFacts(true);
    show();
  };
  app.unstage = () => {
    shown = null;
    app.staged = false;
    hideFacts(false);
  };

  app.restage = () => (shown ? shown() : app.redraw());
  app.on("draw", () => {
    if (shown && app.selected) nameSelected(app.selected);
    app.unstage(); // an isotope image took its place
  });
  app.on("choose", app.claim);
  app.on("select", () => {
    app.claim();
    app.unstage();
  });
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
