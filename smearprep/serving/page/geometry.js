// Pure functions on points [x, y] and rings [[x, y], ...], in px of the image. A ring's last point is not repeated.

/** The area that a ring encloses, px², positive whichever way it turns. */
export function areaOf(ring) {
  let sum = 0;
  for (let k = 0, last = ring.length - 1; k < ring.length; last = k++) {
    sum += ring[last][0] * ring[k][1] - ring[k][0] * ring[last][1];
  }
  return Math.abs(sum) / 2;
}

/** [x0, y0, x1, y1] of rings; null of nothing. */
export function boundsOf(rings) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (const [x, y] of ring) {
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
  }
  return x0 <= x1 ? [x0, y0, x1, y1] : null;
}

/** Whether a point lies in rings, by the even-odd rule: not in holes. */
export function isInside(rings, x, y) {
  let inside = false;
  for (const ring of rings) {
    for (let k = 0, last = ring.length - 1; k < ring.length; last = k++) {
      const [ax, ay] = ring[last];
      const [bx, by] = ring[k];
      if (ay > y !== by > y && x < ax + ((bx - ax) * (y - ay)) / (by - ay)) inside = !inside;
    }
  }
  return inside;
}

/** The vertex nearest to a point, within a distance: {ring, index, distance}, or null. */
export function nearestVertex(rings, [x, y], within) {
  let best = null;
  rings.forEach((points, ring) => {
    points.forEach((point, index) => {
      const distance = Math.hypot(point[0] - x, point[1] - y);
      if (distance <= (best ? best.distance : within)) best = { ring, index, distance };
    });
  });
  return best;
}

/** The place on an edge nearest to a point, within a distance: {ring, index, point, distance}, or null.
 *  `index` is where a vertex set at `point` would stand in its ring. */
export function nearestEdge(rings, point, within) {
  let best = null;
  rings.forEach((points, ring) => {
    points.forEach((end, index) => {
      const foot = footOn(points.at(index - 1), end, point);
      const distance = Math.hypot(foot[0] - point[0], foot[1] - point[1]);
      if (distance <= (best ? best.distance : within)) best = { ring, index, point: foot, distance };
    });
  });
  return best;
}

/** The point of the line from a to b that is nearest to p. */
function footOn([ax, ay], [bx, by], [x, y]) {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length ? ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length : 0;
  const part = Math.min(1, Math.max(0, along));
  return [ax + part * (bx - ax), ay + part * (by - ay)];
}

/** A line with fewer points that stays within `tolerance` px of the given one (Douglas and Peucker, 1973). */
export function simplified(points, tolerance) {
  if (points.length < 3) return points;
  const keep = new Uint8Array(points.length);
  keep[0] = keep[points.length - 1] = 1;
  const open = [[0, points.length - 1]];
  while (open.length) {
    const [from, to] = open.pop();
    const far = farthest(points, from, to);
    if (far.distance <= tolerance) continue;
    keep[far.index] = 1;
    open.push([from, far.index], [far.index, to]);
  }
  return points.filter((_, k) => keep[k]);
}

function farthest(points, from, to) {
  let best = { index: from, distance: 0 };
  for (let index = from + 1; index < to; index++) {
    const foot = footOn(points[from], points[to], points[index]);
    const distance = Math.hypot(foot[0] - points[index][0], foot[1] - points[index][1]);
    if (distance > best.distance) best = { index, distance };
  }
  return best;
}
