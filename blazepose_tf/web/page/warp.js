// @ts-check
/**
 * Cuts rotated squares out of pictures: the port of blazepose_tf.runtime.warp. The half pixel between a pixel's index
 * and its middle is handled here and nowhere else.
 *
 * @typedef {import("./loop.js").Picture} Picture
 * @typedef {import("./loop.js").Matrix} Matrix
 * @typedef {[number, number]} Range values of black and white
 */

const clamp = (/** @type {number} */ v, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.min(Math.max(v, low), high);

const BITS = 5, FINE = 1 << BITS, REST = FINE - 1, HALF = (FINE * FINE) / 2;

/**
 * Cuts a crop out of a picture, bilinearly, after halving it until less than two pixels fall on one of the crop's.
 * @param {Picture} picture @param {Matrix} matrix @param {number} size @param {"replicate" | "zero"} border
 * @param {Range} range @returns {Float32Array} size x size x 3
 */
export function warp(picture, matrix, size, border, [low, high]) {
  let [a, b, c, d, e, f] = matrix, { data, width, height } = picture;
  let scale = Math.sqrt(Math.abs(a * e - b * d));
  if (scale >= 2) {
    const multiple = 2 ** Math.floor(Math.log2(scale));
    const left = c + size * (Math.min(a, 0) + Math.min(b, 0)), top = f + size * (Math.min(d, 0) + Math.min(e, 0));
    const [x0, x1] = limits(left, left + size * (Math.abs(a) + Math.abs(b)), width, multiple);
    const [y0, y1] = limits(top, top + size * (Math.abs(d) + Math.abs(e)), height, multiple);
    let part = halve(picture, x0, y0, x1 - x0, y1 - y0), fx = x1 - x0 > 1 ? 0.5 : 1, fy = y1 - y0 > 1 ? 0.5 : 1;
    while ((scale /= 2) >= 2 && Math.max(part.width, part.height) > 1) {
      fx /= part.width > 1 ? 2 : 1;
      fy /= part.height > 1 ? 2 : 1;
      part = halve(part, 0, 0, part.width, part.height);
    }
    [a, b, c, d, e, f] = [a * fx, b * fx, (c - x0) * fx, d * fy, e * fy, (f - y0) * fy];
    ({ data, width, height } = part);
  }
  const out = new Float32Array(size * size * 3);
  const table = Float32Array.from({ length: 256 }, (_, value) => (value * (high - low)) / 255 + low);
  // Index i is the pixel around i + 0.5, in the crop and in the picture. Places are integers, FINE to a pixel, as are
  // OpenCV's: `>> BITS` is the pixel above and to the left, `& REST` what lies beyond it.
  const right = FINE * a, down = FINE * d, rightOfRow = FINE * b, downOfRow = FINE * e;
  c = FINE * (c + 0.5 * (a + b) - 0.5) + 0.5;
  f = FINE * (f + 0.5 * (d + e) - 0.5) + 0.5;
  const stride = 4 * width, zero = border === "zero";
  for (let row = 0, to = 0; row < size; row++) {
    const left = rightOfRow * row + c, top = downOfRow * row + f;
    const [x0, x1] = within(right, left, width, size), [y0, y1] = within(down, top, height, size);
    const start = Math.max(x0, y0), end = Math.min(x1, y1);
    for (let column = 0; column < size; column++, to += 3) {
      const x = Math.floor(right * column + left), y = Math.floor(down * column + top), fx = x & REST, fy = y & REST;
      let w11 = Math.imul(fx, fy), w01 = FINE * fx - w11, w10 = FINE * fy - w11, w00 = FINE * FINE - w01 - w10 - w11;
      let i00 = (y >> BITS) * stride + 4 * (x >> BITS), i01 = i00 + 4, i10 = i00 + stride, i11 = i10 + 4;
      if (column < start || column >= end) {
        const px = x >> BITS, py = y >> BITS;
        const before = 4 * clamp(px, 0, width - 1), after = 4 * clamp(px + 1, 0, width - 1);
        const above = stride * clamp(py, 0, height - 1), below = stride * clamp(py + 1, 0, height - 1);
        [i00, i01, i10, i11] = [above + before, above + after, below + before, below + after];
        if (zero) {
          if (px < 0 || px >= width) w00 = w10 = 0;
          if (px < -1 || px >= width - 1) w01 = w11 = 0;
          if (py < 0 || py >= height) w00 = w01 = 0;
          if (py < -1 || py >= height - 1) w10 = w11 = 0;
        }
      }
      // Written out: nearly all of the time goes here.
      out[to] = table[(w00 * data[i00] + w01 * data[i01] + w10 * data[i10] + w11 * data[i11] + HALF) >> (2 * BITS)];
      i00++, i01++, i10++, i11++;
      out[to + 1] = table[(w00 * data[i00] + w01 * data[i01] + w10 * data[i10] + w11 * data[i11] + HALF) >> (2 * BITS)];
      i00++, i01++, i10++, i11++;
      out[to + 2] = table[(w00 * data[i00] + w01 * data[i01] + w10 * data[i10] + w11 * data[i11] + HALF) >> (2 * BITS)];
    }
  }
  return out;
}

/** First and last (exclusive) column whose place, and the pixel after it, are in a picture of `length` pixels. */
function within(/** @type {number} */ slope, /** @type {number} */ start, /** @type {number} */ length,
  /** @type {number} */ size) {
  const low = 1, high = FINE * (length - 1) - 1; // a unit from the edges, that rounding is nobody's
  if (Math.abs(slope) < 1e-9) return start >= low && start <= high ? [0, size] : [0, 0];
  const ends = [(low - start) / slope, (high - start) / slope];
  return [Math.max(Math.ceil(Math.min(...ends)), 0), Math.min(Math.floor(Math.max(...ends)) + 1, size)];
}

/** First and last (exclusive) pixel of what is sampled along a side, with a margin, a multiple long where it fits. */
function limits(/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ length,
  /** @type {number} */ multiple) {
  const margin = 2 * multiple;
  const start = Math.floor(Math.trunc(clamp(low - margin, 0, length - 1)) / multiple) * multiple;
  const end = Math.ceil(clamp(high + margin, start + 1, length));
  return [start, Math.min(start + Math.ceil((end - start) / multiple) * multiple, length)];
}

/** A part of a picture at half its size, without an odd last row or column. @returns {Picture} */
function halve(/** @type {Picture} */ picture, /** @type {number} */ x0, /** @type {number} */ y0,
  /** @type {number} */ w, /** @type {number} */ h) {
  const width = Math.max(w >> 1, 1), height = Math.max(h >> 1, 1), stride = 4 * picture.width, from = picture.data;
  const right = w > 1 ? 4 : 0, below = h > 1 ? stride : 0;
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, i = (y0 + 2 * y) * stride + 4 * x0; x < width; x++, i += 8, to += 4) {
      for (let k = 0; k < 3; k++) {
        const j = i + k;
        data[to + k] = (from[j] + from[j + right] + from[j + below] + from[j + right + below] + 2) >> 2;
      }
    }
  }
  return { width, height, data };
}
