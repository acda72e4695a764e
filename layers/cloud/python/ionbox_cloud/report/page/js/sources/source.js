// Where the page's data comes from.
//
// A source is an object with
//   run()                Promise<Run>: everything but ion images
//   images(annotation)   Promise<(Float32Array | null)[]>: an image per isotope peak, row by row;
//                        null where this source does not have it
//   tic()                Promise<Float32Array | null>: total ion current
//   mask()               Promise<Uint8Array | null>: 1 where a spectrum was measured
// and, where it can:
//   anyMz(mz, ppm)       Promise<Float32Array>
//   spectrum(x, y)       Promise<{mz, intensity}>
//   why(formula, adduct, database)  Promise<object>
// The page shows nothing of what a source cannot.

/**
 * Read the encoded image that a run carries of its TIC or mask: {max, packed} → numbers.
 *
 * Packed are a bit per pixel and, of each pixel whose bit is set, two bytes. Reports of data version 1
 * have data instead: two bytes of every pixel.
 */
export async function decodeImage({ max, packed, data }, nPixels) {
  const image = new Float32Array(nPixels);
  if (data) {
    const all = await inflate(fromBase64(data));
    return image.map((_, i) => (all[2 * i] + 256 * all[2 * i + 1]) * (max / 65535));
  }
  if (!packed) return image;
  const bytes = await inflate(fromBase64(packed));
  const step = max / 65535;
  let at = Math.ceil(nPixels / 8);
  for (let pixel = 0; pixel < nPixels; pixel += 1) {
    if (!isSet(bytes, pixel)) continue;
    image[pixel] = (bytes[at] + 256 * bytes[at + 1]) * step;
    at += 2;
  }
  return image;
}

/**
 * Read the picture of a labelled fraction: numbers from 0 to 1, NaN where there is none.
 *
 * Packed as other images, of one more than the fraction; a pixel of 2 behind the last sets the scale.
 */
export async function decodeFraction(packed, nPixels) {
  const shifted = await decodeImage({ max: 2, packed }, nPixels + 1);
  return shifted.subarray(0, nPixels).map((value) => (value > 0 ? Math.max(value - 1, 0) : NaN));
}

/** Read an encoded mask: a bit per pixel, row by row, highest bit first. */
export async function decodeMask(data, nPixels) {
  const bits = await inflate(fromBase64(data));
  return Uint8Array.from({ length: nPixels }, (_, i) => isSet(bits, i));
}

function isSet(bits, pixel) {
  return (bits[pixel >> 3] >> (7 - (pixel & 7))) & 1;
}

function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
