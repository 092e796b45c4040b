// The tools that draw: polygon, freehand, box. By pointer, or by keys with a cross that arrows move.

import { areaOf, simplified } from "./geometry.js";
import { paintCell, paintCursor, paintDot, paintLine } from "./painting.js";
import { TEXTS } from "./texts.js";

const NEAR = 10; // px of the page from the first point, at which a polygon closes
const SAME = 2; // px of the page within which two points are one
const STEP = 8; // px of the page that an arrow moves the cross
const FINE = 0.7; // px of the page that a freehand line may be away from what was drawn
const LEAST = 9; // px² of the image that a cell has at least
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** What the three have in common. See selecting.js for what the methods are. */
class Drawing {
  points = [];
  /** Where the pointer or the cross is, px of the image; null if neither is on the picture. */
  at = null;
  /** Whether the cross of the keyboard is shown. */
  hasCursor = false;

  /** Args: `finish(ring)` is given what was drawn. */
  constructor(store, view, layers, finish) {
    Object.assign(this, { store, view, layers, finish });
  }

  /** px of the image from px of the page. */
  px(length) {
    return length / this.view.zoom;
  }

  isNear(a, b, length) {
    return Math.hypot(a[0] - b[0], a[1] - b[1]) <= this.px(length);
  }

  moveTo(point) {
    this.at = point;
    this.layers.redraw("active");
  }

  move(point) {
    this.hasCursor = false;
    this.moveTo(point);
  }

  click() {}

  double() {}

  /** Keys that draw; returns whether the key was one. */
  key(name, { shiftKey, ctrlKey }) {
    if (ARROWS[name] && !ctrlKey) return this.#moveCursor(ARROWS[name], shiftKey ? 5 * STEP : STEP);
    if (name === "Enter" && this.hasCursor) this.press(this.at);
    else if (name === "Enter" && this.points.length) this.close();
    else if (name === "C" && this.points.length) this.close();
    else if (name === "Backspace" && this.points.length) this.takeBack();
    else return false;
    this.layers.redraw("active");
    return true;
  }

  #moveCursor([dx, dy], length) {
    if (!this.hasCursor) this.store.say(TEXTS.said.cursor);
    const start = this.at ?? this.view.toImage(this.view.size[0] / 2, this.view.size[1] / 2);
    this.hasCursor = true;
    this.moveTo([start[0] + dx * this.px(length), start[1] + dy * this.px(length)]);
    const [sx, sy] = this.view.toScreen(...this.at);
    const isOut = sx < 0 || sy < 0 || sx > this.view.size[0] || sy > this.view.size[1];
    if (isOut) this.view.centre(this.at);
    return true;
  }

  takeBack() {
    this.points = this.points.slice(0, -1);
  }

  /** Ends the ring, if it is one. */
  close() {
    const ring = this.points;
    this.points = [];
    this.layers.redraw("active");
    if (ring.length < 3 || areaOf(ring) < LEAST) this.store.say(TEXTS.said.tooSmall);
    else this.finish(ring);
  }

  commit() {}

  cancel() {
    const isBusy = this.points.length > 0 || this.hasCursor;
    this.points = [];
    this.hasCursor = false;
    this.layers.redraw("active");
    return isBusy;
  }

  paint(context) {
    const look = this.layers.look(this.store.category);
    const selected = this.store.cell;
    if (selected) paintCell(context, this.view, selected, this.layers.look(selected.category), true);
    const line = this.line();
    if (line.length) paintLine(context, this.view, line, look);
    if (this.hasCursor) paintCursor(context, this.view, this.at);
  }

  line() {
    return this.points;
  }
}

/** Point by point. */
export class Polygon extends Drawing {
  down() {
    return true;
  }

  up(point) {
    this.press(point);
  }

  double() {
    this.close();
  }

  press(point) {
    if (this.points.length >= 3 && this.isNear(point, this.points[0], NEAR)) return this.close();
    const last = this.points.at(-1);
    if (last && this.isNear(point, last, SAME)) return;
    this.points = [...this.points, point];
    if (this.points.length === 3) this.store.say(TEXTS.said.closeShape);
    this.layers.redraw("active");
  }

  line() {
    return this.points.length && this.at ? [...this.points, this.at] : this.points;
  }

  paint(context) {
    super.paint(context);
    this.points.forEach((point, k) => paintDot(context, this.view, point, k ? 3 : 5, "#ffffff"));
  }
}

/** In one go. By keys: Enter begins, arrows draw, Enter ends. */
export class Freehand extends Drawing {
  down(point) {
    this.points = [point];
    return true;
  }

  moveTo(point) {
    super.moveTo(point);
    if (this.points.length) this.points.push(point);
  }

  up() {
    if (this.points.length) this.close();
  }

  press(point) {
    if (this.points.length) this.close();
    else this.points = [point];
  }

  close() {
    this.points = simplified(this.points, this.px(FINE));
    super.close();
  }
}

/** From corner to corner. */
export class Box extends Drawing {
  down(point) {
    this.points = [point];
    this.at = point;
    return true;
  }

  up(point) {
    this.press(point);
  }

  press(point) {
    this.at = point;
    if (this.points.length) this.close();
    else this.points = [point];
  }

  close() {
    this.points = this.line().slice(0, 4);
    super.close();
  }

  line() {
    if (!this.points.length || !this.at) return [];
    const [[ax, ay], [bx, by]] = [this.points[0], this.at];
    return [[ax, ay], [bx, ay], [bx, by], [ax, by], [ax, ay]];
  }
}
