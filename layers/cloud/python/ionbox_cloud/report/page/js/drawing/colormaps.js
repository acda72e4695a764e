// Colormaps as tables of 256 colours, drawn straight between a few control points.

const POINTS = {
  Viridis: "440154 472d7b 3b528b 2c728e 21918c 28ae80 5ec962 addc30 fde725",
  Cividis: "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838",
  Inferno: "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4",
  Turbo: "30123b 4145ab 4675ed 39a2fc 1bcfd4 24eca6 61fc6c a4fc3c d1e834 f3c63a fe9b2d f36315 d93806 b11901 7a0402",
  Hot: "0b0000 550000 a00000 eb0000 ff3600 ff8100 ffcc00 ffff2e ffff99 ffffff",
  Greys: "000000 ffffff",
};

export const COLORMAPS = Object.keys(POINTS);

const made = new Map();

/** Return the 256 colours of a map, three bytes each. */
export function colours(name) {
  if (!made.has(name)) made.set(name, interpolate(POINTS[name].split(" ")));
  return made.get(name);
}

function interpolate(points) {
  const rgb = points.map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const table = new Uint8ClampedArray(256 * 3);
  for (let level = 0; level < 256; level += 1) {
    const place = (level / 255) * (rgb.length - 1);
    const before = Math.min(Math.floor(place), rgb.length - 2);
    for (let channel = 0; channel < 3; channel += 1) {
      const [from, to] = [rgb[before][channel], rgb[before + 1][channel]];
      table[level * 3 + channel] = from + (to - from) * (place - before);
    }
  }
  return table;
}

/** Return a map as a CSS gradient from bottom to top. */
export function gradient(name) {
  const table = colours(name);
  const stops = [];
  for (let level = 0; level < 256; level += 15) {
    stops.push(`rgb(${table[level * 3]} ${table[level * 3 + 1]} ${table[level * 3 + 2]})`);
  }
  return `linear-gradient(to top, ${stops.join(", ")})`;
}
