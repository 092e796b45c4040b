// Draws cells. Contexts are in px of the image (see `inImage`); widths and radii below in px of the page.

import { boundsOfCell, isShapeless, isUnreviewed, ringsOf } from "./cells.js";

const WIDTH = 2;
const UNDER = 2; // by how much what lies below the line is wider
const DOT = 4;
const SMALL = 36; // a cell's extent, below which its outline is thinner
const CROSS = 8;
const HANDLE = 3;
const APART = 11; // vertices nearer than this to the last one get no handle
const paths = new WeakMap(); // cell -> {detail, path}

/** Lets a context draw in px of the image. */
export function inImage(context, view, ratio) {
  context.setTransform(ratio * view.zoom, 0, 0, ratio * view.zoom, ratio * view.x, ratio * view.y);
}

/** A cell's path. Seen from far, points that nobody can tell apart are left out. */
function pathOf(cell, zoom) {
  const detail = Math.min(0, Math.ceil(Math.log2(zoom)));
  const kept = paths.get(cell);
  if (kept?.detail === detail) return kept.path;
  const path = new Path2D();
  const least = detail < 0 ? 0.6 / 2 ** detail : 0;
  for (const ring of ringsOf(cell)) addRing(path, ring, least);
  if (cell.point && isShapeless(cell)) addCross(path, cell.point, CROSS / zoom);
  paths.set(cell, { detail: cell.point ? NaN : detail, path }); // a cross has its size on the screen
  return path;
}

function addRing(path, ring, least) {
  let [px, py] = ring[0];
  path.moveTo(px, py);
  for (const [x, y] of ring) {
    if (Math.abs(x - px) + Math.abs(y - py) < least) continue;
    path.lineTo(x, y);
    [px, py] = [x, y];
  }
  path.closePath();
}

function addCross(path, [x, y], arm) {
  path.moveTo(x - arm, y);
  path.lineTo(x + arm, y);
  path.moveTo(x, y - arm);
  path.lineTo(x, y + arm);
}

/** Draws a cell's outline; with a dot if nobody has reviewed it. */
export function paintCell(context, view, cell, look, isSelected = false) {
  const path = pathOf(cell, view.zoom);
  const [x0, y0, x1, y1] = boundsOfCell(cell);
  // A cell that is seen small is not to be hidden by its own outline.
  const part = isShapeless(cell) ? 1 : Math.min(1, Math.max(0.4, (Math.max(x1 - x0, y1 - y0) * view.zoom) / SMALL));
  const width = isSelected ? WIDTH + 1 : WIDTH * part;
  context.setLineDash([]);
  context.strokeStyle = isSelected ? "#ffffff" : look.under;
  context.lineWidth = (width + UNDER * part) / view.zoom;
  context.stroke(path);
  context.strokeStyle = look.colour;
  context.lineWidth = width / view.zoom;
  context.setLineDash(look.dash.map((length) => length / view.zoom));
  context.stroke(path);
  if (isUnreviewed(cell)) paintDot(context, view, topOf(cell), DOT * part, "#ffffff");
}

function topOf(cell) {
  const points = ringsOf(cell)[0] ?? [cell.point];
  return points.reduce((top, point) => (point[1] < top[1] ? point : top));
}

/** Draws a dot of a radius (px of the page) at a point of the image. */
export function paintDot(context, view, [x, y], radius, fill) {
  context.setLineDash([]);
  context.beginPath();
  context.arc(x, y, radius / view.zoom, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  context.strokeStyle = "#141414";
  context.lineWidth = 1.5 / view.zoom;
  context.stroke();
}

/** Draws the handles of the vertices; `chosen` {ring, index} stands out. */
export function paintHandles(context, view, cell, chosen) {
  const apart = APART / view.zoom;
  for (const ring of ringsOf(cell)) {
    let last = null;
    for (const point of ring) {
      if (last && Math.hypot(point[0] - last[0], point[1] - last[1]) < apart) continue;
      paintDot(context, view, point, HANDLE, "#ffffff");
      last = point;
    }
  }
  const point = chosen && ringsOf(cell)[chosen.ring]?.[chosen.index];
  if (point) paintDot(context, view, point, HANDLE + 2, "#f0e442");
}

/** Draws an open line through points. */
export function paintLine(context, view, points, look) {
  context.beginPath();
  points.forEach(([x, y]) => context.lineTo(x, y));
  for (const [colour, width, dash] of [[look.under, WIDTH + UNDER, []], [look.colour, WIDTH, look.dash]]) {
    context.strokeStyle = colour;
    context.lineWidth = width / view.zoom;
    context.setLineDash(dash.map((length) => length / view.zoom));
    context.stroke();
  }
}

/** Draws the cross of the keyboard. */
export function paintCursor(context, view, point) {
  const path = new Path2D();
  addCross(path, point, 14 / view.zoom);
  context.setLineDash([]);
  for (const [colour, width] of [["#ffffff", 5], ["#141414", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width / view.zoom;
    context.stroke(path);
  }
}
