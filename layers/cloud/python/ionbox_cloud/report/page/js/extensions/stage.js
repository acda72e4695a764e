// What the large view shows when it is not the selected ion: an image of any m/z, an overlay.
//
// app.stage(show)      show it now, and again whenever transforms change; what the page says of the
//                      selected ion is hidden, and a button leads back to it; tells "stage"
// app.legend           a line below the view for what is shown to explain its colours
// app.staged           whether the view shows such a thing
// app.unstage()        it is to show the selected ion again, with the next image drawn
// app.back()           the same, and draw it
// app.restage()        show again what is there, whatever it is
// app.claim()          ask for the view; returns a function that says whether nobody asked for it
//                      since: an answer that comes late must not replace what was chosen meanwhile
// Problems of a request stand beside what asked for it: see attempt().

import { el } from "../drawing/dom.js";
import { ionName } from "../drawing/format.js";

/** Let extensions put something else into the large view. */
export function addStage(app) {
  let shown = null;
  let claims = 0;
  const back = el("button", { type: "button", id: "back", hidden: true, click: goBack });
  document.getElementById("ion-title").after(back);
  app.legend = el("p", { class: "legend", id: "legend" });
  app.view.element.after(app.legend);
  const ofSelected = document.querySelectorAll("#ion > :is(.ion-facts, .isotopes, .details)");

  function leave(selected) {
    ofSelected.forEach((part) => (part.hidden = !selected));
    back.hidden = selected;
    back.replaceChildren("Back to ", app.selected ? ionName(app.selected.ion) : "the total ion current");
    app.colormap.disabled = Boolean(!selected && app.view.painter); // it has colours of its own
  }

  function goBack() {
    app.back();
    document.getElementById("ion").focus({ preventScroll: true });
  }

  app.staged = false;
  app.claim = () => {
    const mine = (claims += 1);
    return () => mine === claims;
  };
  app.stage = (show) => {
    app.claim();
    shown = show;
    app.staged = true;
    app.legend.replaceChildren();
    app.tell("stage");
    show();
    leave(false);
  };
  app.unstage = () => {
    if (shown && app.selected) nameSelected(app.selected);
    shown = null;
    app.staged = false;
    app.legend.replaceChildren();
    leave(true);
  };

  app.restage = () => (shown ? shown() : app.redraw());
  app.back = () => {
    app.tell("choose", app.isotope);
    app.unstage();
    if (app.selected && !app.images.length) app.select(app.run.annotations.indexOf(app.selected)); // ask again
    else app.redraw();
  };
  app.on("draw", app.unstage); // an isotope image took its place
  app.on("choose", app.claim);
  app.on("select", () => {
    app.claim();
    app.unstage();
  });
}

function nameSelected(annotation) {
  document.getElementById("ion-title").replaceChildren(ionName(annotation.ion));
}

/**
 * Return a line for problems, a function that runs something and writes what went wrong, and one
 * that forgets what was asked.
 */
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
  function dismiss() {
    turn += 1;
    problem.hidden = true;
  }
  return { problem, attempt, dismiss };
}
