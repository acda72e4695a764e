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

/** Read the encoded image that a run carries of its TIC or mask: {max, data} → numbers. */
export async function decodeImage({ max, data }, nPixels) {
  const image = new Float32Array(nPixels);
  if (!data) return image;
  const bytes = await inflate(fromBase64(data));
  const step = max / 65535;
  for (let pixel = 0; pixel < nPixels; pixel += 1) {
    image[pixel] = (bytes[2 * pixel] + 256 * bytes[2 * pixel + 1]) * step;
  }
  return image;
}

/** Read an encoded mask: a bit per pixel, row by row, highest bit first. */
export async function decodeMask(data, nPixels) {
  const bits = await inflate(fromBase64(data));
  return Uint8Array.from({ length: nPixels }, (_, i) => (bits[i >> 3] >> (7 - (i & 7))) & 1);
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
