// @ts-check
/**
 * Regions of interest and the maps between them and the picture: the port of blazepose_tf.geometry.
 *
 * @typedef {import("./loop.js").Point} Point
 * @typedef {import("./loop.js").Roi} Roi
 * @typedef {import("./loop.js").Matrix} Matrix
 */

/** The region of a letterboxed picture. @returns {Roi} */
export const wholeImage = (/** @type {number} */ width, /** @type {number} */ height) =>
  [width / 2, height / 2, Math.max(width, height), 0];

/** Regions of a closer look: overlapping squares of a share of the long side, the middle first. @returns {Roi[]} */
export function parts(/** @type {number} */ width, /** @type {number} */ height, /** @type {number} */ share) {
  const side = share * Math.max(width, height);
  const [xs, ys] = [width, height].map((s) => (s <= side ? [s / 2] : [side / 2, s - side / 2]));
  const centers = [[width / 2, height / 2], ...ys.flatMap((y) => xs.map((x) => [x, y]))];
  return centers.map(([x, y]) => [x, y, side, 0]);
}

/** @param {Roi} roi @param {number} size side of the crop @param {boolean} mirror left to right @returns {Matrix} */
export function cropMatrix([x, y, side, rotation], size, mirror = false) {
  const cos = (Math.cos(rotation) * side) / size, sin = (Math.sin(rotation) * side) / size, half = size / 2;
  const [a, d] = mirror ? [-cos, -sin] : [cos, sin];
  return [a, -sin, x - half * (a - sin), d, cos, y - half * (d + cos)];
}

/** @param {Point[]} alignment middle of the hips, point on the body circle @param {number} scale @returns {Roi} */
export function regionOf([[x, y], [topX, topY]], scale) {
  const dx = topX - x, dy = topY - y, turn = 2 * Math.PI, angle = Math.atan2(dx, -dy);
  return [x, y, 2 * scale * Math.hypot(dx, dy), angle - turn * Math.floor((angle + Math.PI) / turn)];
}

/** @param {Matrix} m @returns {Point} */
export const apply = ([a, b, c, d, e, f], /** @type {number} */ x, /** @type {number} */ y) =>
  [a * x + b * y + c, d * x + e * y + f];

/** @param {Matrix} m @returns {Matrix} */
export function invert([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  return [e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det];
}
