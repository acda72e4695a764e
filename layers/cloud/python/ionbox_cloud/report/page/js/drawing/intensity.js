// From intensities to levels of a colormap.

const HOTSPOT_SHARE = 0.99;
const FAINTEST = 256; // pixels below this part of the brightest are no signal to judge hotspots by
const DECADES = 4; // that a logarithmic scale shows at most

/** Return the brightest value of an image. */
export function brightest(image) {
  let most = 0;
  for (const value of image) if (value > most) most = value;
  return most;
}

/** Return the value above which pixels are hotspots: the 99th percentile of those above max/256. */
export function hotspotLimit(image) {
  const floor = brightest(image) / FAINTEST;
  const signal = image.filter((value) => value > floor).sort();
  if (!signal.length) return 0;
  const place = HOTSPOT_SHARE * (signal.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, signal.length - 1);
  return signal[below] + (signal[above] - signal[below]) * (place - below);
}

/** Return {low, high, log}: which intensities the first and the last colour stand for. */
export function scaleOf(image, { log, clip }) {
  const high = clip ? hotspotLimit(image) : brightest(image);
  if (!log) return { low: 0, high, log };
  let least = high;
  for (const value of image) if (value > 0 && value < least) least = value;
  return { low: Math.max(least, high / 10 ** DECADES), high, log };
}

/** Return a function from intensity to level 0..255. */
export function levelOf({ low, high, log }) {
  if (!(high > 0)) return () => 0;
  if (!log) return (value) => Math.max(0, Math.min(255, Math.round((value / high) * 255)));
  if (high <= low) return (value) => (value >= high ? 255 : 0);
  const perLevel = Math.log(high / low) / 254; // level 0 is left to what was not found
  return (value) =>
    value <= 0 ? 0 : Math.max(1, Math.min(255, Math.round(Math.log(value / low) / perLevel) + 1));
}

/** Colour an image into RGBA bytes; pixels that were not measured, or are NaN, become clear. */
export function paint(rgba, image, scale, table, mask) {
  const level = levelOf(scale);
  for (let pixel = 0; pixel < image.length; pixel += 1) {
    const from = level(image[pixel]) * 3;
    const to = pixel * 4;
    rgba[to] = table[from];
    rgba[to + 1] = table[from + 1];
    rgba[to + 2] = table[from + 2];
    rgba[to + 3] = (mask && !mask[pixel]) || Number.isNaN(image[pixel]) ? 0 : 255;
  }
}
