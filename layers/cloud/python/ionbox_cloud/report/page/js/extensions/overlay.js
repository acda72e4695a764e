// Up to three ions in one image: red, green and blue, each on its own scale.

import { el } from "../drawing/dom.js";
import { intensity, ionName, ionText } from "../drawing/format.js";
import { levelOf, scaleOf } from "../drawing/intensity.js";

const CHANNELS = ["red", "green", "blue"];

/** Mix images into RGBA bytes; a channel may be empty, pixels not measured become clear. */
export function mix(rgba, images, style, mask) {
  const levels = images.map((image) => (image ? levelOf(scaleOf(image, style)) : null));
  for (let pixel = 0; pixel * 4 < rgba.length; pixel += 1) {
    images.forEach((image, channel) => {
      rgba[pixel * 4 + channel] = image ? levels[channel](image[pixel]) : 0;
    });
    rgba[pixel * 4 + 3] = mask && !mask[pixel] ? 0 : 255;
  }
}

/** Add the panel in which ions are chosen for the overlay. */
export function addOverlay(app) {
  const chosen = [null, null, null]; // {annotation, image}
  const add = el("button", { type: "button", id: "overlay-add", click: () => put() }, "Add this ion");
  const show = el("button", { type: "button", id: "overlay-show", click: () => app.stage(draw) }, "Show overlay");
  const list = el("ul", { class: "overlay" });

  function put() {
    const image = app.images[0];
    const free = chosen.indexOf(null);
    if (!app.selected || !image || free < 0) return;
    chosen[free] = { annotation: app.selected, image };
    renew();
    app.stage(draw);
  }

  function remove(channel) {
    chosen[channel] = null;
    renew();
    if (chosen.some(Boolean)) app.stage(draw);
    else app.back();
  }

  function renew() {
    list.replaceChildren(
      ...chosen.flatMap((each, channel) => (each ? [row(each, channel)] : [])),
    );
    add.disabled = !chosen.includes(null) || !app.images[0];
    show.disabled = !chosen.some(Boolean);
  }

  function row({ annotation }, channel) {
    const label = `Remove ${ionText(annotation.ion)} from the overlay`;
    return el(
      "li",
      {},
      key(annotation, channel),
      " ",
      el("button", { type: "button", class: "link", "aria-label": label, click: () => remove(channel) }, "remove"),
    );
  }

  function key({ ion }, channel) {
    return el("span", {}, el("span", { class: `swatch ${CHANNELS[channel]}` }), `${CHANNELS[channel]}: `, ionName(ion));
  }

  function draw() {
    const images = chosen.map((each) => (each ? app.transformed(each.image, 0) : null));
    const names = chosen.flatMap((each, channel) => (each ? [`${ionText(each.annotation.ion)} in ${CHANNELS[channel]}`] : []));
    app.showView(true);
    app.fileName = `overlay ${names.join(" ")}`;
    const painter = (rgba) => mix(rgba, images, app.view.style, app.view.mask);
    const reading = (at) => images.flatMap((image, i) => (image ? [`${CHANNELS[i]} ${intensity(image[at])}`] : [])).join(", ");
    app.view.showPainted(painter, images.find(Boolean), `Overlay: ${names.join(", ")}`, reading);
    document.getElementById("ion-title").textContent = "Overlay";
    app.legend.replaceChildren(...chosen.flatMap((each, channel) => (each ? [key(each.annotation, channel)] : [])));
  }

  for (const event of ["select", "images"]) app.on(event, renew);
  renew();
  const made = app.addPanel("ion", "Overlay of up to three ions", el("div", { class: "controls" }, add, show), list);
  app.addLink("Overlay", made);
}
