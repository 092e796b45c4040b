// Three canvases, one above the other: the picture; the outlines that rest; what is being changed. A drag redraws
// only the topmost. While the view moves the outlines are moved as they were drawn, and drawn anew when it rests.

import { boundsOfCell, ringsOf } from "./cells.js";
import { lookOf } from "./looks.js";
import { inImage, paintCell } from "./painting.js";

const REST = 120; // ms without a movement
const STILL = 3; // frames without a movement, for where a frame takes longer than that
const FEW = 6000; // vertices that are drawn in every frame, too
const MANY = 40; // places to mend, from which on all is drawn anew
const AROUND = 12; // px of the page that a line or dot reaches beyond its cell's bounds
const CRISP = 3; // px of the page a px of the image, from where on px are shown as squares

/** Args: the stage's element, the store, the view, and `paintActive(context)`, which draws what is being changed. */
export class Layers {
  #stage;
  #store;
  #view;
  #paintActive;
  #contexts;
  #ratio = 1;
  #asked = false;
  #todo = { picture: true, outlines: true, active: true };
  #dirty = []; // boxes of the image in which outlines are to be drawn anew
  #drawnFor = null; // the view for which the outlines are drawn
  #movedAt = -Infinity; // ms
  #still = 0; // frames since then
  /** Whether outlines are hidden. */
  hidden = false;

  constructor(stage, store, view, paintActive) {
    [this.#stage, this.#store, this.#view, this.#paintActive] = [stage, store, view, paintActive];
    this.#contexts = ["pixels", "outlines", "active"].map((id) => document.getElementById(id).getContext("2d"));
    new ResizeObserver(() => this.#resize()).observe(stage);
    view.addEventListener("change", () => this.#viewMoved());
    store.addEventListener("cells", (event) => this.#cellsChanged(event.detail.changes));
    store.addEventListener("selection", (event) => this.#cellsChanged([[event.detail.before, store.cell]]));
    store.addEventListener("overview", () => this.redraw("outlines")); // categories have their looks from it
    store.addEventListener("image", (event) => event.detail.isOther && this.redraw("picture", "outlines"));
  }

  /** Has layers drawn anew in the next frame: "picture", "outlines", "active". */
  redraw(...layers) {
    for (const layer of layers) this.#todo[layer] = true;
    this.#ask();
  }

  /** The look of a category. */
  look(category) {
    return lookOf(this.#store.overview.categories.indexOf(category));
  }

  #ask() {
    this.#stage.dataset.drawn = "no";
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => this.#frame());
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#stage;
    this.#ratio = window.devicePixelRatio || 1;
    for (const { canvas } of this.#contexts) {
      canvas.width = Math.round(clientWidth * this.#ratio);
      canvas.height = Math.round(clientHeight * this.#ratio);
    }
    this.#drawnFor = null;
    this.#view.setSize(clientWidth, clientHeight);
    this.redraw("picture", "outlines", "active");
  }

  #viewMoved() {
    const { zoom, x, y } = this.#view;
    this.#stage.dataset.view = [zoom, x, y].join(" ");
    this.redraw("picture", "outlines", "active");
    this.#movedAt = performance.now();
    this.#still = 0;
  }

  #cellsChanged(changes) {
    for (const cell of changes.flat()) if (cell) this.#dirty.push(boundsOfCell(cell));
    this.redraw("active");
  }

  #frame() {
    this.#asked = false;
    this.#still += 1;
    const { picture, outlines, active } = this.#todo;
    this.#todo = { picture: false, outlines: false, active: false };
    if (picture) this.#drawPicture();
    if (outlines || this.#dirty.length > MANY) this.#drawOutlines();
    else if (this.#dirty.length) this.#mendOutlines();
    if (active) this.#drawActive();
    if (!this.#asked) this.#stage.dataset.drawn = "yes";
  }

  #cleared(layer) {
    const context = this.#contexts[layer];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    inImage(context, this.#view, this.#ratio);
    return context;
  }

  #drawPicture() {
    const context = this.#cleared(0);
    const pixels = this.#store.pixels;
    if (!pixels) return;
    context.imageSmoothingEnabled = this.#view.zoom < CRISP;
    context.drawImage(pixels, 0, 0, ...this.#view.image);
  }

  #drawOutlines() {
    const seen = this.#cellsIn(this.#view.seen);
    const isMoving = performance.now() < this.#movedAt + REST || this.#still < STILL;
    if (isMoving && this.#drawnFor && count(seen) > FEW) {
      this.#shiftOutlines();
      this.redraw("outlines"); // until it rests
      return;
    }
    const context = this.#cleared(1);
    context.canvas.style.transform = "";
    this.#paintAll(context, seen);
    const { zoom, x, y } = this.#view;
    this.#drawnFor = { zoom, x, y };
    this.#dirty = [];
  }

  #shiftOutlines() {
    const [from, to] = [this.#drawnFor, this.#view];
    const scale = to.zoom / from.zoom;
    const [dx, dy] = [to.x - scale * from.x, to.y - scale * from.y];
    this.#contexts[1].canvas.style.transform = `matrix(${scale}, 0, 0, ${scale}, ${dx}, ${dy})`;
  }

  /** Draws only those places anew in which cells changed. */
  #mendOutlines() {
    const context = this.#contexts[1];
    const around = AROUND / this.#view.zoom;
    for (const [x0, y0, x1, y1] of this.#dirty.splice(0)) {
      const box = [x0 - around, y0 - around, x1 + around, y1 + around];
      context.save();
      context.beginPath();
      context.rect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
      context.clip();
      context.clearRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
      this.#paintAll(context, this.#cellsIn(box));
      context.restore();
    }
  }

  #cellsIn(box) {
    const around = AROUND / this.#view.zoom;
    return [...this.#store.cells.values()].filter((cell) => {
      const [x0, y0, x1, y1] = boundsOfCell(cell);
      return x0 - around < box[2] && x1 + around > box[0] && y0 - around < box[3] && y1 + around > box[1];
    });
  }

  #paintAll(context, cells) {
    if (this.hidden) return;
    const lifted = this.#store.cell; // drawn on top, with what is being changed
    for (const cell of cells) if (cell !== lifted) paintCell(context, this.#view, cell, this.look(cell.category));
  }

  #drawActive() {
    const context = this.#cleared(2);
    if (this.#store.image) this.#paintActive(context);
  }
}

function count(cells) {
  return cells.reduce((sum, cell) => sum + ringsOf(cell).reduce((n, ring) => n + ring.length, 0), 0);
}
