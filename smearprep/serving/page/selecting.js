// The tool that selects cells and changes their shape.

import { boundsOfCell, isSame, isShapeless, moved, ringsOf, withoutVertex, withVertex, withVertexAt } from "./cells.js";
import { isInside, nearestEdge, nearestVertex } from "./geometry.js";
import { paintCell, paintHandles } from "./painting.js";
import { TEXTS } from "./texts.js";

const REACH = { mouse: 8, pen: 10, touch: 18 }; // px of the page
const SLACK = 3; // px of the page that a click may move

/** Of the tools' methods: `down` returns whether it takes the drag; `click` is a press that it did not take and that
 *  did not move; `key` whether it took the key; `commit` sends what is half done, `cancel` drops it. */
export class Selecting {
  #store;
  #view;
  #layers;
  #grab = null; // {kind, start, cell, vertex, title, hasMoved} while the pointer is down
  #draft = null; // {cell, title}: the selected cell as it is to be
  #vertex = null; // {ring, index}: the chosen vertex
  #isAgain = false; // the last press was on the vertex that was chosen already

  constructor(store, view, layers) {
    [this.#store, this.#view, this.#layers] = [store, view, layers];
    store.addEventListener("selection", () => this.#drop());
    store.addEventListener("cells", (event) => this.#cellsChanged(event.detail));
  }

  // ---------------------------------------------------------------- pointer

  down(point, { pointerType, altKey }) {
    this.commit();
    const cell = this.#shaped();
    if (!cell) return false;
    const reach = this.#reachOf(cell, pointerType);
    const vertex = nearestVertex(ringsOf(cell), point, reach);
    if (vertex && altKey) return this.#removeAt(vertex);
    this.#grab = vertex ? grabVertex(cell, vertex) : grabEdge(cell, point, reach) ?? this.#grabCell(cell, point);
    if (!this.#grab) return false;
    this.#grab.start = point;
    return true;
  }

  move(point) {
    const grab = this.#grab;
    if (!grab) return;
    const [dx, dy] = [point[0] - grab.start[0], point[1] - grab.start[1]];
    grab.hasMoved ||= Math.hypot(dx, dy) * this.#view.zoom > SLACK;
    if (!grab.hasMoved) return;
    const cell = grab.vertex ? withVertexAt(grab.cell, grab.vertex, point) : moved(grab.cell, dx, dy);
    this.#draft = { cell, title: grab.title };
    this.#layers.redraw("active");
  }

  up(point) {
    const grab = this.#grab;
    this.#grab = null;
    if (!grab) return;
    this.#isAgain = !grab.hasMoved && grab.kind === "vertex" && isSame(grab.vertex, this.#vertex);
    if (grab.hasMoved) {
      if (grab.vertex) this.#vertex = grab.vertex;
      this.commit();
    } else if (grab.kind === "vertex") this.#choose(grab.vertex);
    else this.click(point);
  }

  click(point) {
    const found = this.#cellsAt(point);
    const next = found[(found.indexOf(this.#store.selected) + 1) % Math.max(1, found.length)];
    this.#store.select(next ?? null);
  }

  /** Deletes a vertex; not one whose cell was only selected by the first of the two clicks. */
  double() {
    if (this.#isAgain && this.#vertex) this.#removeAt(this.#vertex);
  }

  /** The selected cell, if its shape can be changed: a crowd is none that a person draws. */
  #shaped() {
    return this.#store.cell?.crowd ? null : this.#store.cell;
  }

  /** How far (px of the image) from a vertex or an edge it is still taken hold of; so that in a cell that is seen
   *  small there is a middle by which it can be moved. */
  #reachOf(cell, pointerType) {
    const [x0, y0, x1, y1] = boundsOfCell(cell);
    return Math.min((REACH[pointerType] ?? REACH.mouse) / this.#view.zoom, Math.max(x1 - x0, y1 - y0) / 5);
  }

  /** Ids of the cells at a point, the smallest first. */
  #cellsAt(place) {
    const found = [...this.#store.cells].filter(([, cell]) => this.#isAt(cell, place));
    const extent = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
    found.sort(([, a], [, b]) => extent(boundsOfCell(a)) - extent(boundsOfCell(b)));
    return found.map(([id]) => id);
  }

  #isAt(cell, [x, y]) {
    if (!cell.point || !isShapeless(cell)) return isInside(ringsOf(cell), x, y);
    return Math.hypot(cell.point[0] - x, cell.point[1] - y) < REACH.pen / this.#view.zoom;
  }

  #grabCell(cell, place) {
    if (!this.#isAt(cell, place)) return null;
    return { kind: "cell", cell, vertex: null, title: TEXTS.titles.moved, hasMoved: false };
  }

  // ---------------------------------------------------------------- keys

  /** Takes no key itself: what keys do to a selected cell are commands. */
  key() {
    return false;
  }

  /** Moves the chosen vertex, else the selected cell, by px of the image; committed when the key is let go.
   *  Returns false if none is selected. */
  nudge(dx, dy) {
    const cell = this.#draft?.cell ?? this.#shaped();
    if (!cell) return false;
    const at = this.#vertex && ringsOf(cell)[this.#vertex.ring][this.#vertex.index];
    this.#draft = at
      ? { cell: withVertexAt(cell, this.#vertex, [at[0] + dx, at[1] + dy]), title: TEXTS.titles.vertexMoved }
      : { cell: moved(cell, dx, dy), title: TEXTS.titles.moved };
    this.#layers.redraw("active");
    return true;
  }

  /** Chooses the next vertex (`step` 1) or the one before (-1), through all rings. */
  stepVertex(step) {
    const cell = this.#shaped();
    if (!cell || !ringsOf(cell).length) return this.#store.say(TEXTS.said.selectFirst);
    const all = ringsOf(cell).flatMap((points, ring) => points.map((_, index) => ({ ring, index })));
    const now = all.findIndex((one) => one.ring === this.#vertex?.ring && one.index === this.#vertex.index);
    const next = now < 0 ? 0 : (now + step + all.length) % all.length;
    this.#choose(all[next]);
    this.#store.say(TEXTS.said.vertex(next + 1, all.length));
  }

  /** Adds a vertex in the middle between the chosen one and the next. */
  insertVertex() {
    const cell = this.#store.cell;
    if (!cell || !this.#vertex) return this.#store.say(TEXTS.said.chooseVertex);
    if (isShapeless(cell)) return this.#store.say(TEXTS.said.boxCorners);
    const { ring, index } = this.#vertex;
    const points = ringsOf(cell)[ring];
    const [a, b] = [points[index], points[(index + 1) % points.length]];
    const point = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    this.#draft = { cell: withVertex(cell, { ring, index: index + 1, point }), title: TEXTS.titles.vertexAdded };
    this.commit();
    this.#choose({ ring, index: index + 1 });
  }

  /** Deletes the chosen vertex. Returns false if none is chosen. */
  removeVertex() {
    return this.#vertex ? this.#removeAt(this.#vertex) : false;
  }

  #removeAt(vertex) {
    const cell = this.#store.cell;
    const left = withoutVertex(cell, vertex);
    if (!left) this.#store.say(isShapeless(cell) ? TEXTS.said.boxCorners : TEXTS.said.threeVertices);
    else {
      this.#choose(null);
      this.#draft = { cell: left, title: TEXTS.titles.vertexRemoved };
      this.commit();
    }
    return true;
  }

  #choose(vertex) {
    this.#vertex = vertex;
    this.#layers.redraw("active");
  }

  // ---------------------------------------------------------------- what is half done

  commit() {
    const draft = this.#draft;
    const cell = this.#store.cell;
    this.#draft = null;
    if (draft && cell) this.#store.edit(draft.title, { [cell.id]: { ...draft.cell, id: cell.id } });
  }

  /** Returns whether there was anything to cancel. */
  cancel() {
    const isBusy = Boolean(this.#draft || this.#grab || this.#vertex);
    this.#drop();
    return isBusy;
  }

  #drop() {
    [this.#draft, this.#grab, this.#vertex] = [null, null, null];
    this.#layers.redraw("active");
  }

  /** What others did to a cell is not overwritten by what is half done here; and a cell that came back with fewer
   *  vertices may have no chosen one. */
  #cellsChanged({ changes, isForeign }) {
    const cell = this.#store.cell;
    const isBusy = this.#draft || this.#grab;
    if (isForeign && isBusy && changes.some(([, after]) => after === cell)) {
      this.#drop();
      this.#store.say(TEXTS.said.dropped);
    }
    if (this.#vertex && !(cell && ringsOf(cell)[this.#vertex.ring]?.[this.#vertex.index])) this.#vertex = null;
  }

  paint(context) {
    const cell = this.#draft?.cell ?? this.#store.cell;
    if (!cell) return;
    paintCell(context, this.#view, cell, this.#layers.look(cell.category), true);
    paintHandles(context, this.#view, cell, this.#vertex);
  }
}

function grabVertex(cell, { ring, index }) {
  return { kind: "vertex", cell, vertex: { ring, index }, title: TEXTS.titles.vertexMoved, hasMoved: false };
}

/** Takes hold of an edge by a vertex that is added where it was touched. */
function grabEdge(cell, point, reach) {
  const edge = nearestEdge(ringsOf(cell), point, reach);
  const split = edge && withVertex(cell, edge);
  if (!split) return null;
  const { ring, index } = edge;
  return { kind: "edge", cell: split, vertex: { ring, index }, title: TEXTS.titles.vertexAdded, hasMoved: false };
}
