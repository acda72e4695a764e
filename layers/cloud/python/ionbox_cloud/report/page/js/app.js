// The page: what is selected, and who is told. The interfaces other modules build on:
//
// start(makeSource, extensions = [])      draw the page; makeSource() returns a source (source.js)
// An extension is a function (app) => void or a promise, called once when the page is drawn.
// app.run, app.source                     the Run and where it came from
// app.selected                            the annotation that is selected, or null
// app.images                              its images: (Float32Array | null)[] by isotope peak
// app.select(index)                       select an annotation by its place in run.annotations
// app.on(event, listener)                 "select" (annotation), "images" (images, annotation),
//                                         "failed" (error: there are no images), "pixel" (x, y),
//                                         "choose" (isotope: somebody wants to see it),
//                                         "draw" (isotope: the view shows it now)
// app.view                                the ImageView: show(), showPainted(), setStyle(), image
// app.transforms                          functions (image, annotation, isotope) => image, applied in
//                                         order before an image is shown; app.redraw() after a change
// app.showView(shown)             whether there is anything in the view; else its controls are off
// app.showImage(image, name)              show an image of another origin (any m/z) in the view,
//                                         until something is selected again
// app.addImageControl(node)               beside colormap and scale
// app.addPanel(place, title, ...nodes)    place: "ion", "quality" or "run"; returns the panel
// app.addLink(text, panel)                a link in the page's head that leads to a panel
// app.notice(text)                        a line at the top of the page
//
// Measured for tests: performance entries "ionbox:interactive" (mark) and "ionbox:selection"
// (measure: from a selection to its image on the canvas).

import { el, isolated, panel } from "./drawing/dom.js";
import { drawAnnotations } from "./panels/annotations_panel.js";
import { drawIon } from "./panels/ion_panel.js";
import { drawQuality } from "./panels/quality_panel.js";
import { drawRun, headLine } from "./panels/run_panel.js";
import { counted } from "./drawing/format.js";

class App {
  constructor(source, run) {
    Object.assign(this, { source, run, selected: null, images: [], transforms: [], listeners: {} });
    this.turn = 0;
  }

  on(event, listener) {
    (this.listeners[event] ??= []).push(listener);
  }

  tell(event, ...details) {
    for (const listener of this.listeners[event] ?? []) listener(...details);
  }

  async select(index) {
    const turn = (this.turn += 1);
    const started = performance.now();
    this.selected = this.run.annotations[index] ?? null;
    this.images = [];
    const section = document.getElementById("ion");
    section.setAttribute("aria-busy", "true");
    this.tell("select", this.selected);
    try {
      const images = this.selected ? await this.source.images(this.selected) : [];
      if (turn !== this.turn) return; // something else was selected meanwhile
      this.images = images;
      if (this.selected) this.tell("images", images, this.selected);
    } catch (error) {
      if (turn !== this.turn) return;
      this.tell("failed", error);
    }
    section.removeAttribute("aria-busy");
    performance.measure("ionbox:selection", { start: started });
  }

  transformed(image, isotope) {
    return this.transforms.reduce((now, apply) => apply(now, this.selected, isotope), image);
  }

  redraw() {
    if (this.selected) this.tell("images", this.images, this.selected);
    else this.tell("select", null);
  }

  showImage(image, name, unit) {
    this.tell("foreign", image, name, unit);
  }

  addImageControl(node) {
    this.imageControls.append(node);
  }

  addPanel(place, title, ...nodes) {
    const made = panel(title, ...nodes);
    const id = { ion: "ion", quality: "quality", run: "run-facts" }[place];
    const section = document.getElementById(id);
    (section.querySelector(".panels") ?? section).append(made);
    return made;
  }

  addLink(text, target) {
    target.id = `${text.toLowerCase().match(/\w+/g).join("-")}-panel`;
    target.tabIndex = -1;
    const go = (event) => {
      event.preventDefault();
      target.scrollIntoView();
      target.focus({ preventScroll: true });
      target.querySelector("input, button:enabled")?.focus({ preventScroll: true });
    };
    document.querySelector('nav [href="#quality"]').before(el("a", { href: `#${target.id}`, click: go }, text), " ");
  }

  notice(text) {
    document.getElementById("notices").append(el("p", { class: "notice" }, text));
  }
}

/** Draw the page. */
export async function start(makeSource, extensions = []) {
  let app = null;
  try {
    const source = makeSource();
    app = new App(source, await source.run());
    await draw(app);
    for (const extend of extensions) await extend(app);
  } catch (error) {
    const text = `This page could not be drawn: ${error instanceof Error ? error.message : error}`;
    document.getElementById("notices").append(el("p", { class: "notice error" }, text));
    throw error;
  }
}

async function draw(app) {
  const { run } = app;
  document.title = `${run.dataset.name} · ionbox`;
  document.getElementById("title").replaceChildren(isolated(run.dataset.name));
  document.getElementById("facts").replaceChildren(...headLine(run));
  const [tic, mask] = await Promise.all([app.source.tic(), app.source.mask()]);
  sayWhatIsMissing(app, tic);
  drawIon(app, mask, tic);
  drawAnnotations(app);
  performance.mark("ionbox:interactive");
  // what lies below the fold is drawn once the table can be used
  await new Promise((resolve) => setTimeout(resolve));
  drawQuality(app);
  drawRun(app, tic, mask);
  performance.mark("ionbox:complete");
}

function sayWhatIsMissing(app, tic) {
  const { annotations = 0, images = 0, isotopes = 0 } = app.run.omitted ?? {};
  if (annotations) {
    app.notice(`${counted(annotations, "lower-ranked annotation")} only in annotations.csv: this page lists the best, “ionbox view” all.`);
  }
  if (images + isotopes) {
    const some = isotopes ? ` and the further isotope peaks of ${counted(isotopes, "other")}` : "";
    app.notice(
      `Not in this page, to keep it small: the images of ${counted(images, "lower-ranked ion")}${some}. ` +
        "They are in ion_images.zarr; “ionbox view” shows them.",
    );
  }
  if (!tic) {
    app.notice("Not in this page, to keep it small: the total ion current. It is in ion_images.zarr; “ionbox view” shows it.");
  }
}
