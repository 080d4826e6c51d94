// @ts-check
/**
 * Regressed points moved to the peaks of their heatmaps. The port of blazepose_tf.codecs.refinement.
 *
 * @typedef {import("./loop.js").Point} Point
 * @typedef {import("./loop.js").Numbers} Numbers
 * @typedef {import("./loop.js").TrackerSpec} TrackerSpec
 * @typedef {import("./loop.js").Refinement} Refinement
 * @typedef {{side: number, left: number, top: number, weights: Float64Array}} Window a square of cells, row by row
 * @typedef {{points: Point[], spread: (number | null)[] | null}} Refined spread in cells, null without a peak; on film
 *   it is not told
 */

const clamp = (/** @type {number} */ v, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.min(Math.max(v, low), high);

/**
 * On a picture each point goes to the most plausible cell and between cells to the top of a parabola, and of two legs
 * that have chosen one place the one that loses less goes to a second peak; on film, where `previous` points are known,
 * to a weighted mean that does not jump.
 * @param {Point[]} points in crop pixels, as `previous` @param {Numbers} maps cells x cells x points, logits
 * @returns {Refined}
 */
export function refine(points, maps, /** @type {TrackerSpec} */ spec, /** @type {Refinement} */ settings,
  /** @type {Point[] | null} */ previous) {
  const cells = Math.floor(spec.input_size / spec.heatmap_stride), stride = spec.heatmap_stride;
  const inCells = (/** @type {Point} */ [x, y]) => /** @type {Point} */ ([x / stride, y / stride]);
  const reach = previous ? settings.smooth_reach : settings.reach + 2, side = 2 * reach + 1;
  const peaks = points.map((point, k) => {
    const place = inCells(point), [column, row] = place.map(Math.floor);
    // Left alone where it was regressed outside of the map.
    if (!(column >= 0 && row >= 0 && column < cells && row < cells)) return null;
    const left = column - reach, top = row - reach;
    const near = { side, left, top, weights: window(maps, cells, points.length, k, left, top, side) };
    return previous ? smoothPeak(near, place, spec.prior_sigmas[k], settings, inCells(previous[k]))
      : bestPeak(near, place, spec.prior_sigmas[k]);
  });
  for (const [a, b] of previous ? [] : spec.leg_pairs) part(peaks[a], peaks[b], settings);
  const refined = points.map((point, k) => {
    const peak = peaks[k];
    if (!peak || (peak instanceof Peak && peak.value < settings.min_peak)) return point;
    const [x, y] = peak instanceof Peak ? peak.top() : peak;
    return /** @type {Point} */ ([x * stride, y * stride]);
  });
  const spread = peaks.map((peak) => (peak instanceof Peak ? peak.spread(settings) : null));
  return { points: refined, spread: previous ? null : spread };
}

/** Probabilities of a square of cells; 0 outside of the map. */
function window(/** @type {Numbers} */ maps, /** @type {number} */ cells, /** @type {number} */ count,
  /** @type {number} */ k, /** @type {number} */ left, /** @type {number} */ top, /** @type {number} */ side) {
  const weights = new Float64Array(side * side);
  for (let row = Math.max(top, 0); row < Math.min(top + side, cells); row++) {
    const first = Math.max(left, 0), end = Math.min(left + side, cells);
    let from = (row * cells + first) * count + k, to = (row - top) * side + first - left;
    for (let column = first; column < end; column++, from += count) {
      weights[to++] = 1 / (1 + Math.exp(-clamp(maps[from], -20, 20)));
    }
  }
  return weights;
}

/** A cell chosen in a window of products of probability, blurred, and closeness. */
class Peak {
  /**
   * @param {Window} window @param {number} at index of the cell
   * @param {Float64Array} plain the products without the blur
   */
  constructor(window, at, plain) {
    this.window = window;
    this.at = at;
    this.plain = plain;
  }

  get value() {
    return this.window.weights[this.at];
  }

  /** Middle of a cell of the window. @returns {Point} */
  cell(at = this.at) {
    const { side, left, top } = this.window;
    return [left + (at % side) + 0.5, top + Math.floor(at / side) + 0.5];
  }

  /** Tops of the parabolas through the neighbours' logarithms. @returns {Point} */
  top() {
    const { weights: w, side } = this.window, [x, y] = this.cell();
    const step = (/** @type {number} */ next) => peakOffset(w[this.at - next], this.value, w[this.at + next]);
    return [x + step(1), y + step(side)];
  }

  /** The best cell, above its eight neighbours, at least `apart` cells from a place. @returns {Peak | null} */
  second(/** @type {Point} */ [x, y], /** @type {number} */ apart) {
    const { weights: w, side } = this.window, around = [-side - 1, -side, -side + 1, -1, 1, side - 1, side, side + 1];
    let best = -1;
    for (const at of choices(side)) {
      const [cellX, cellY] = this.cell(at);
      if ((best >= 0 && w[at] <= w[best]) || (cellX - x) ** 2 + (cellY - y) ** 2 < apart ** 2) continue;
      if (around.every((next) => w[at] >= w[at + next])) best = at;
    }
    return best < 0 ? null : new Peak(this.window, best, this.plain);
  }

  /** How far around its place the point may be by its map, in cells; null without a peak. @returns {number | null} */
  spread(/** @type {Refinement} */ { smooth_reach, min_peak }) {
    const { side, left, top } = this.window, [x, y] = this.top(), half = (side - 1) / 2;
    const column = Math.floor(x) - left, row = Math.floor(y) - top, place = this.plain[row * side + column];
    if (!(place >= min_peak)) return null;
    let sum = 0, squared = 0;
    for (let i = half - smooth_reach; i <= half + smooth_reach; i++) {
      for (let j = half - smooth_reach; j <= half + smooth_reach; j++) {
        const weight = this.plain[i * side + j];
        sum += weight;
        squared += weight * ((left + j + 0.5 - x) ** 2 + (top + i + 0.5 - y) ** 2);
      }
    }
    return Math.sqrt(squared / Math.max(sum * place, 1e-9));
  }
}

/** Indices of the cells that may be chosen: two from each rim, which the blur needs. */
function* choices(/** @type {number} */ side) {
  for (let row = 2; row < side - 2; row++) for (let i = row * side + 2; i < (row + 1) * side - 2; i++) yield i;
}

/** Cell with the largest product of blurred probability and closeness. @returns {Peak} */
function bestPeak(/** @type {Window} */ near, /** @type {Point} */ [x, y], /** @type {number} */ sigma) {
  const { side, left, top } = near, scale = -0.5 / sigma ** 2;
  let w = near.weights;
  for (let i = 0; i < 2; i++) {
    w = blur(w, side, side);
    w = blur(w, side, 1);
  }
  const gauss = (/** @type {number} */ cell, /** @type {number} */ at) => Math.exp(scale * (cell + 0.5 - at) ** 2);
  const close = w.map((_, i) => gauss(left + (i % side), x) * gauss(top + Math.floor(i / side), y));
  w = w.map((v, i) => v * close[i]);
  let best = 2 * side + 2;
  for (const at of choices(side)) if (w[at] > w[best]) best = at;
  return new Peak({ ...near, weights: w }, best, near.weights.map((v, i) => v * close[i]));
}

/** Where two points have chosen one place, the one that loses less goes to a second peak that is nearly as good. */
function part(/** @type {Point | Peak | null} */ a, /** @type {Point | Peak | null} */ b,
  /** @type {Refinement} */ { apart, second_peak, min_peak }) {
  if (!(a instanceof Peak && b instanceof Peak) || Math.min(a.value, b.value) < min_peak) return;
  const [[x, y], [otherX, otherY]] = [a.cell(), b.cell()];
  if ((x - otherX) ** 2 + (y - otherY) ** 2 >= apart ** 2) return;
  const seconds = [a.second(b.cell(), apart), b.second(a.cell(), apart)];
  const [ofA, ofB] = seconds.map((peak, i) => (peak && peak.value >= min_peak ? peak.value / [a, b][i].value : 0));
  const [goes, second] = ofA >= ofB ? [a, seconds[0]] : [b, seconds[1]];
  if (second && Math.max(ofA, ofB) >= second_peak) goes.at = second.at;
}

/** A quarter of each of two neighbours that lie `next` cells apart; the rim in that direction keeps its values. */
function blur(/** @type {Float64Array} */ w, /** @type {number} */ side, /** @type {number} */ next) {
  return w.map((v, i) => {
    const along = next === 1 ? i % side : Math.floor(i / side);
    return along === 0 || along === side - 1 ? v : 0.5 * v + 0.25 * (w[i - next] + w[i + next]);
  });
}

/** Where, within half a cell, the parabola through three logarithms is highest. */
function peakOffset(/** @type {number[]} */ ...values) {
  const [before, peak, after] = values.map((v) => Math.log(Math.max(v, 1e-12))), bend = 2 * peak - before - after;
  return bend > 1e-6 ? clamp((0.5 * (after - before)) / bend, -0.5, 0.5) : 0;
}

/** Mean cell, weighted by a power of probability and closeness to now's and the last frame's place. @returns {Point} */
function smoothPeak(/** @type {Window} */ { side, left, top, weights }, /** @type {Point} */ [x, y],
  /** @type {number} */ sigma, /** @type {Refinement} */ settings, /** @type {Point} */ before) {
  const power = 2 ** settings.squarings, scale = (-0.5 * power) / sigma ** 2;
  const prior = (/** @type {number} */ first, /** @type {number} */ now, /** @type {number} */ last) => {
    const values = new Float64Array(side);
    for (let i = 0, at = first + 0.5; i < side; i++, at++) {
      const beyond = clamp(Math.abs(at - last) - settings.motion, 0, settings.smooth_reach);
      values[i] = Math.exp(scale * ((at - now) ** 2 + beyond ** 2));
    }
    return values;
  };
  const alongX = prior(left, x, before[0]), alongY = prior(top, y, before[1]);
  let sum = settings.regression_weight, sumX = sum * x, sumY = sum * y;
  for (let row = 0, i = 0; row < side; row++) {
    for (let column = 0; column < side; column++, i++) {
      if (weights[i] < 1e-4) continue; // its power is next to nothing
      let weight = weights[i];
      for (let n = 0; n < settings.squarings; n++) weight *= weight;
      weight *= alongX[column] * alongY[row];
      sum += weight;
      sumX += weight * (left + column + 0.5);
      sumY += weight * (top + row + 0.5);
    }
  }
  return [sumX / sum, sumY / sum];
}
