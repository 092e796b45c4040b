// The pixels of images: of the one that is opened, and of the one that probably comes next.

import { pixelsOf } from "./api.js";

/** Holds one image that is loaded ahead. */
export class Images {
  #key = null;
  #pixels = null; // a promise

  /** A promise of an image's pixels. */
  take(key) {
    return key === this.#key ? this.#pixels : pixelsOf(key);
  }

  /** Loads an image before it is asked for. What fails is asked for again when it is opened, and told then. */
  lookAhead(key) {
    if (key === this.#key) return;
    [this.#key, this.#pixels] = [key, pixelsOf(key)];
    this.#pixels.catch(() => {
      if (this.#key === key) this.#key = null;
    });
  }
}
