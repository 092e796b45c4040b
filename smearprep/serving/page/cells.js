// What a cell is, as the server tells it, and changed copies of it. A cell is never changed in place: what is
// remembered of it (its path, its bounds) is remembered by the object.
//
// {id, category, outline: "drawn" | "made" | "component" | "box" | "point", parts: [{outer, holes}], box: [x, y, w, h],
//  point: [x, y] | null, score: number | null, made_by, accepted, crowd}; all in px of the image.

import { boundsOf } from "./geometry.js";

const known = new WeakMap();

/** A random word of 16 letters. (`randomUUID` is missing where the page is not on this computer.) */
export function randomWord() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether nobody has looked at it yet. */
export function isUnreviewed(cell) {
  return cell.outline !== "drawn" && !cell.accepted && !cell.crowd;
}

/** Whether only its box or its centre is known. */
export function isShapeless(cell) {
  return cell.parts.length === 0;
}

/** Its rings, outer ones and holes, as one list; the corners of a box; nothing of a point. */
export function ringsOf(cell) {
  return remembered(cell).rings;
}

/** [x0, y0, x1, y1]. */
export function boundsOfCell(cell) {
  return remembered(cell).bounds;
}

function remembered(cell) {
  let facts = known.get(cell);
  if (!facts) {
    const rings = cell.parts.flatMap((part) => [part.outer, ...(part.holes ?? [])]);
    if (isShapeless(cell) && !cell.point) rings.push(corners(cell.box));
    const [x, y, w, h] = cell.box ?? [...cell.point, 0, 0];
    facts = { rings, bounds: boundsOf(rings) ?? [x, y, x + w, y + h] };
    known.set(cell, facts);
  }
  return facts;
}

function corners([x, y, w, h]) {
  return [[x, y], [x + w, y], [x + w, y + h], [x, y + h]];
}

/** A cell that a person has drawn; not yet known to the server. */
export function drawnCell(category, ring) {
  return { ...blank(category, "drawn"), parts: [{ outer: ring, holes: [] }], box: boxOf([ring]) };
}

/** A cell of which only the box [x, y, w, h] is known. */
export function boxCell(category, box) {
  return { ...blank(category, "box"), parts: [], box };
}

function blank(category, outline) {
  return { id: newId(), category, outline, point: null, score: null, made_by: "", accepted: false, crowd: false };
}

/** An id for a cell that the server does not know yet. */
export function newId() {
  return `new-${randomWord()}`;
}

function boxOf(rings) {
  const [x0, y0, x1, y1] = boundsOf(rings);
  return [x0, y0, x1 - x0, y1 - y0];
}

/** The cell moved by px. */
export function moved(cell, dx, dy) {
  const shift = ([x, y]) => [x + dx, y + dy];
  if (cell.point) return { ...cell, point: shift(cell.point), box: [...shift(cell.box), ...cell.box.slice(2)] };
  if (isShapeless(cell)) return { ...cell, box: [...shift(cell.box), ...cell.box.slice(2)] };
  return withRings(cell, ringsOf(cell).map((ring) => ring.map(shift)));
}

/** The cell with a vertex at another place. Of a box the opposite corner stays where it is. */
export function withVertexAt(cell, { ring, index }, [x, y]) {
  const rings = ringsOf(cell);
  if (isShapeless(cell)) {
    const [fx, fy] = rings[0][(index + 2) % 4];
    return { ...cell, box: [Math.min(x, fx), Math.min(y, fy), Math.abs(x - fx), Math.abs(y - fy)] };
  }
  return withRings(cell, rings.with(ring, rings[ring].with(index, [x, y])));
}

/** The cell with one more vertex, or null of a box, which has four. */
export function withVertex(cell, { ring, index, point }) {
  if (isShapeless(cell)) return null;
  const rings = ringsOf(cell);
  return withRings(cell, rings.with(ring, rings[ring].toSpliced(index, 0, point)));
}

/** The cell without a vertex; without the hole if that has only three; null if nothing would be left. */
export function withoutVertex(cell, { ring, index }) {
  if (isShapeless(cell)) return null;
  const rings = ringsOf(cell);
  if (rings[ring].length > 3) return withRings(cell, rings.with(ring, rings[ring].toSpliced(index, 1)));
  const isOuter = cell.parts.some((part) => part.outer === rings[ring]);
  return isOuter ? null : withRings(cell, rings.with(ring, []));
}

/** As a person has changed its shape: nobody's proposal any longer. Rings stand in the order of `ringsOf`. */
function withRings(cell, rings) {
  let next = 0;
  const parts = cell.parts.map((part) => {
    const [outer, ...holes] = rings.slice(next, (next += 1 + (part.holes ?? []).length));
    return { outer, holes: holes.filter((hole) => hole.length) };
  });
  return { ...cell, parts, box: boxOf(rings), outline: "drawn", score: null, made_by: "", accepted: false };
}

/** Whether two cells are the same in all that is kept of them. */
export function isSame(a, b) {
  if (a === b || typeof a !== "object" || typeof b !== "object" || !a || !b) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => isSame(a[key], b[key]));
}

/** Cells as the server told them, by their ids; what is the same stays the object that it was.
 *  Args: id -> cell as they were; a list. Returns {cells, changes: [[before, after], ...]}, null for none. */
export function taken(before, told) {
  const cells = new Map();
  const changes = [];
  for (const cell of told) {
    const old = before.get(String(cell.id)) ?? null;
    const isKept = isSame(old, cell);
    cells.set(String(cell.id), isKept ? old : cell);
    if (!isKept) changes.push([old, cell]);
  }
  for (const [id, old] of before) if (!cells.has(id)) changes.push([old, null]);
  return { cells, changes };
}
