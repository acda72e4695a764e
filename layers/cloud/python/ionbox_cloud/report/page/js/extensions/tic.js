// Normalisation by total ion current: image / TIC × 1e6.

import { tick } from "../drawing/dom.js";

const PARTS = 1e6;

/** Return an image as parts per million of the total ion current; 0 where there is none. */
export function normalise(image, tic) {
  return image.map((value, pixel) => (tic[pixel] > 0 ? (value / tic[pixel]) * PARTS : 0));
}

/** Offer the normalisation beside colormap and scale. */
export async function addTic(app) {
  const tic = await app.source.tic();
  if (!tic) return;
  let wanted = false;
  app.transforms.push((image) => (wanted ? normalise(image, tic) : image));
  const hint = "Each pixel as parts per million of its total ion current";
  app.addImageControl(
    tick("Per TIC", false, (checked) => {
      wanted = checked;
      app.view.unit = wanted ? "ppm of TIC" : "intensity";
      app.restage();
    }, hint),
  );
}
