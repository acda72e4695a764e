// The source of report.html: data blocks in the page itself, script elements of application/json.
//
//   run       Run, with tic and mask encoded
//   image-N   {max: [...], packed: [...]} of image row N, a value per isotope peak; packed is null
//             where left out

import { decodeImage, decodeMask } from "./source.js";

function block(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

export class EmbeddedSource {
  constructor() {
    this.data = block("run");
    this.nPixels = this.data.dataset.width * this.data.dataset.height;
  }

  async run() {
    return this.data;
  }

  async images(annotation) {
    const stored = annotation.image < 0 ? null : block(`image-${annotation.image}`);
    return Promise.all(
      annotation.abundance.map((_, isotope) =>
        !stored || stored.packed[isotope] === null
          ? null
          : decodeImage({ max: stored.max[isotope], packed: stored.packed[isotope] }, this.nPixels),
      ),
    );
  }

  async tic() {
    return this.data.tic ? decodeImage(this.data.tic, this.nPixels) : null;
  }

  async mask() {
    return this.data.mask ? decodeMask(this.data.mask.data, this.nPixels) : null;
  }
}
