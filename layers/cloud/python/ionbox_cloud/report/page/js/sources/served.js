// The source of the viewer: the API of “ionbox view”.

export class ServedSource {
  constructor() {
    this.kept = new Map(); // images of the ions looked at last
  }

  async run() {
    if (!this.data) {
      this.data = await ask("run");
      this.data.omitted = { ...this.data.omitted, images: 0, isotopes: 0 }; // all can be had here
    }
    return this.data;
  }

  async images(annotation) {
    if (annotation.image < 0) return annotation.abundance.map(() => null);
    if (!this.kept.has(annotation.image)) {
      const wanted = annotation.patternMz.map((_, isotope) => askImage(`image/${annotation.image}/${isotope}`));
      this.kept.set(annotation.image, Promise.all(wanted));
      if (this.kept.size > 40) this.kept.delete(this.kept.keys().next().value);
    }
    return this.kept.get(annotation.image).catch((error) => {
      this.kept.delete(annotation.image); // ask again next time
      throw error;
    });
  }

  tic() {
    this.ticImage ??= askImage("tic");
    return this.ticImage;
  }

  async mask() {
    return Uint8Array.from(await askImage("mask"));
  }

  anyMz(mz, ppm) {
    return askImage("anymz", { mz, ppm });
  }

  async spectrum(x, y) {
    const found = await ask("spectrum", { x, y });
    return { ...found, intensity: found.intensity.map((value) => value ?? Infinity) }; // JSON knows none
  }

  why(formula, adduct, database = "") {
    return ask("why", { formula, adduct, database });
  }
}

async function fetchFrom(path, query) {
  const words = new URLSearchParams(query).toString();
  let response;
  try {
    response = await fetch(`/api/${path}${words ? `?${words}` : ""}`);
  } catch {
    throw new Error("“ionbox view” does not answer; was it ended?");
  }
  if (!response.ok) throw new Error(await readError(response));
  return response;
}

async function readError(response) {
  const { error } = await response.json().catch(() => ({ error: `${response.status} ${response.statusText}` }));
  return response.status === 500 ? `“ionbox view” failed: ${error} (details in the terminal)` : error;
}

async function ask(path, query = {}) {
  return (await fetchFrom(path, query)).json();
}

async function askImage(path, query = {}) {
  const bytes = await (await fetchFrom(path, query)).arrayBuffer();
  const view = new DataView(bytes);
  // the same on machines of either byte order
  return Float32Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true));
}
