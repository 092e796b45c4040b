// Which part of the image is seen: screen = zoom * image + (x, y), in px of the page (not of the device).

const LARGEST = 64; // px of the page a px of the image
const MARGIN = 24; // px of the page, of both sides of an image that is seen as a whole
const EDGE = 4; // px of the page

/** Emits "change". */
export class View extends EventTarget {
  zoom = 1;
  x = 0;
  y = 0;
  /** px of the page. */
  size = [1, 1];
  /** px of the image. */
  image = [1, 1];
  #isFitted = true;

  /** The image changed its size, or is another one. */
  setImage(width, height) {
    this.image = [width, height];
    this.fit();
  }

  /** The window changed its size. */
  setSize(width, height) {
    const middle = this.toImage(this.size[0] / 2, this.size[1] / 2);
    this.size = [width, height];
    if (this.#isFitted) this.fit();
    else this.centre(middle);
  }

  /** Shows the whole image. */
  fit() {
    this.#set(this.#fitting(), null);
    this.#isFitted = true;
  }

  #fitting() {
    const [w, h] = this.size;
    return Math.max(1e-3, Math.min((w - MARGIN) / this.image[0], (h - MARGIN) / this.image[1]));
  }

  /** Zooms by a factor; the place (px of the page) stays where it is. */
  zoomBy(factor, [sx, sy] = [this.size[0] / 2, this.size[1] / 2]) {
    const smallest = Math.min(1, this.#fitting()) / 2;
    const zoom = Math.min(LARGEST, Math.max(smallest, this.zoom * factor));
    const [ix, iy] = this.toImage(sx, sy);
    this.#set(zoom, [sx - zoom * ix, sy - zoom * iy]);
  }

  /** Moves the image by px of the page. */
  pan(dx, dy) {
    this.#set(this.zoom, [this.x + dx, this.y + dy]);
  }

  /** Brings a point of the image to the middle. */
  centre([ix, iy], zoom = this.zoom) {
    this.#set(zoom, [this.size[0] / 2 - zoom * ix, this.size[1] / 2 - zoom * iy]);
  }

  /** Brings a box [x0, y0, x1, y1] of the image into sight, near enough to judge it. */
  show([x0, y0, x1, y1]) {
    const extent = Math.max(x1 - x0, y1 - y0, 1);
    const room = Math.min(...this.size);
    const isFine = this.zoom * extent > room / 12 && this.zoom * extent < room;
    const zoom = isFine ? this.zoom : Math.min(LARGEST, Math.max(room / (4 * extent), this.#fitting()));
    const corners = [this.toScreen(x0, y0), this.toScreen(x1, y1)];
    const isInSight = corners.every((place) => place.every((v, k) => v > EDGE && v < this.size[k] - EDGE));
    if (isFine && isInSight) return;
    this.centre([(x0 + x1) / 2, (y0 + y1) / 2], zoom);
    const gaps = [this.x, this.y].map((start, k) => gapOf(start, zoom * this.image[k], this.size[k]));
    this.pan(...gaps);
  }

  /** Of px of the page, px of the image. */
  toImage(sx, sy) {
    return [(sx - this.x) / this.zoom, (sy - this.y) / this.zoom];
  }

  /** Of px of the image, px of the page. */
  toScreen(ix, iy) {
    return [this.zoom * ix + this.x, this.zoom * iy + this.y];
  }

  /** [x0, y0, x1, y1] of the image that is seen. */
  get seen() {
    return [...this.toImage(0, 0), ...this.toImage(...this.size)];
  }

  /** Null for the middle. Some of the image always stays in sight. */
  #set(zoom, corner) {
    const extent = this.image.map((length) => length * zoom);
    const middle = this.size.map((length, k) => (length - extent[k]) / 2);
    const [x, y] = (corner ?? middle).map((start, k) => {
      const least = Math.min(this.size[k], extent[k]) / 3;
      return Math.min(this.size[k] - least, Math.max(least - extent[k], start));
    });
    Object.assign(this, { zoom, x, y });
    this.#isFitted = false;
    this.dispatchEvent(new Event("change"));
  }
}

/** By how much (px of the page) an image must move along one side so that no room is left beside it. */
function gapOf(start, extent, room) {
  if (extent < room) return (room - extent) / 2 - start;
  return Math.min(0, MARGIN / 2 - start) + Math.max(0, room - MARGIN / 2 - start - extent);
}
