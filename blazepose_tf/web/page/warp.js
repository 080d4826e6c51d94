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
    let part = halve(picture, x0, y0, x1 - x0, y1 - y0);
    while ((scale /= 2) >= 2 && Math.max(part.width, part.height) > 1) {
      part = halve(part, 0, 0, part.width, part.height);
    }
    const fx = part.width / (x1 - x0), fy = part.height / (y1 - y0);
    [a, b, c, d, e, f] = [a * fx, b * fx, (c - x0) * fx, d * fy, e * fy, (f - y0) * fy];
    ({ data, width, height } = part);
  }
  const out = new Float32Array(size * size * 3), gain = (high - low) / 255, zero = border === "zero";
  // Index i is the pixel around i + 0.5, in the crop and in the picture.
  c += 0.5 * (a + b) - 0.5;
  f += 0.5 * (d + e) - 0.5;
  for (let row = 0, to = 0; row < size; row++) {
    for (let column = 0; column < size; column++, to += 3) {
      const x = a * column + b * row + c, y = d * column + e * row + f;
      const x0 = Math.floor(x), y0 = Math.floor(y), fx = x - x0, fy = y - y0;
      let w00 = (1 - fx) * (1 - fy), w01 = fx * (1 - fy), w10 = (1 - fx) * fy, w11 = fx * fy;
      let i00 = 4 * (y0 * width + x0), i01 = i00 + 4, i10 = i00 + 4 * width, i11 = i10 + 4;
      if (x0 < 0 || y0 < 0 || x0 >= width - 1 || y0 >= height - 1) {
        const left = clamp(x0, 0, width - 1), right = clamp(x0 + 1, 0, width - 1);
        const above = width * clamp(y0, 0, height - 1), below = width * clamp(y0 + 1, 0, height - 1);
        [i00, i01, i10, i11] = [4 * (above + left), 4 * (above + right), 4 * (below + left), 4 * (below + right)];
        if (zero) {
          if (x0 < 0 || x0 >= width) w00 = w10 = 0;
          if (x0 < -1 || x0 >= width - 1) w01 = w11 = 0;
          if (y0 < 0 || y0 >= height) w00 = w01 = 0;
          if (y0 < -1 || y0 >= height - 1) w10 = w11 = 0;
        }
      }
      for (let k = 0; k < 3; k++) {
        const value = w00 * data[i00 + k] + w01 * data[i01 + k] + w10 * data[i10 + k] + w11 * data[i11 + k];
        out[to + k] = ((value + 0.5) | 0) * gain + low;
      }
    }
  }
  return out;
}

/** First and last (exclusive) pixel of what is sampled along a side, with a margin, a multiple long where it fits. */
function limits(/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ length,
  /** @type {number} */ multiple) {
  const margin = 2 * multiple;
  const start = Math.floor(Math.trunc(clamp(low - margin, 0, length - 1)) / multiple) * multiple;
  const end = Math.ceil(clamp(high + margin, start + 1, length));
  return [start, Math.min(start + Math.ceil((end - start) / multiple) * multiple, length)];
}

/** A part of a picture at half its size, every pixel the mean of those it covers. @returns {Picture} */
function halve(/** @type {Picture} */ picture, /** @type {number} */ x0, /** @type {number} */ y0,
  /** @type {number} */ w, /** @type {number} */ h) {
  const width = Math.max(w >> 1, 1), height = Math.max(h >> 1, 1), stride = 4 * picture.width, from = picture.data;
  const data = new Uint8ClampedArray(4 * width * height);
  if (w % 2 === 0 && h % 2 === 0) {
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0, i = (y0 + 2 * y) * stride + 4 * x0; x < width; x++, i += 8, to += 4) {
        for (let k = 0; k < 3; k++) {
          const j = i + k;
          data[to + k] = (from[j] + from[j + 4] + from[j + stride] + from[j + stride + 4] + 2) >> 2;
        }
      }
    }
    return { width, height, data };
  }
  // An odd last row or column is spread over the others.
  const columns = shares(w, width), rows = shares(h, height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 4) {
      for (let k = 0; k < 3; k++) {
        let sum = 0;
        for (const [j, wy] of rows[y]) {
          for (const [i, wx] of columns[x]) sum += wy * wx * from[(y0 + j) * stride + 4 * (x0 + i) + k];
        }
        data[to + k] = sum;
      }
    }
  }
  return { width, height, data };
}

/** For each of `m` pixels made of `n`: which it covers, and the share of each. @returns {[number, number][][]} */
function shares(/** @type {number} */ n, /** @type {number} */ m) {
  return Array.from({ length: m }, (_, i) => {
    const start = (i * n) / m, end = ((i + 1) * n) / m, found = /** @type {[number, number][]} */ ([]);
    for (let j = Math.floor(start); j < end - 1e-9; j++) {
      found.push([j, ((Math.min(end, j + 1) - Math.max(start, j)) * m) / n]);
    }
    return found;
  });
}
