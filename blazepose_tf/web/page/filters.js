// @ts-check
/**
 * Smoothing over time: the port of blazepose_tf.runtime.filters. All constants come from the contract.
 *
 * @typedef {import("./loop.js").Point} Point
 * @typedef {import("./loop.js").OneEuroSettings} OneEuroSettings
 * @typedef {import("./loop.js").FilterSettings} FilterSettings
 */

/** Weight of the new value in an exponential filter with this cutoff in Hz. */
function alpha(/** @type {number} */ cutoff, /** @type {number} */ seconds) {
  const rate = 2 * Math.PI * seconds * cutoff;
  return rate / (rate + 1);
}

/** Diameter of the body circle of two alignment points. */
export const bodySize = (/** @type {Point[]} */ [[x, y], [topX, topY]]) =>
  Math.max(2 * Math.hypot(topX - x, topY - y), 1e-6);

/** Smooths points, each number on its own. Casiez et al. 2012. */
class OneEuroFilter {
  /** @type {{raw: number[], value: number[], speed: number[]} | null} */
  state = null;

  constructor(/** @type {OneEuroSettings} */ settings) {
    this.settings = settings;
  }

  reset() {
    this.state = null;
  }

  /** @param {Point[]} points @param {number} seconds since the last @param {number} scale the body's size @returns {Point[]} */
  next(points, seconds, scale) {
    const raw = points.flat(), { min_cutoff, beta, derivate_cutoff } = this.settings;
    if (!this.state) {
      this.state = { raw, value: [...raw], speed: raw.map(() => 0) };
      return points;
    }
    const { raw: last, value, speed } = this.state, weight = alpha(derivate_cutoff, seconds);
    raw.forEach((now, i) => {
      speed[i] += weight * ((now - last[i]) / (scale * seconds) - speed[i]);
      value[i] += alpha(min_cutoff + beta * Math.abs(speed[i]), seconds) * (now - value[i]);
    });
    this.state.raw = raw;
    return points.map((_, k) => [value[2 * k], value[2 * k + 1]]);
  }
}

/** Holds back a point that moves faster than a body can until a second frame has seen it move. */
class JumpFilter {
  /** @type {Point[] | null} */
  points = null;
  /** @type {boolean[]} */
  jumped = [];

  constructor(/** @type {number} */ fastest) {
    this.fastest = fastest;
  }

  reset() {
    this.points = null;
  }

  /** @returns {Point[]} */
  next(/** @type {Point[]} */ points, /** @type {number} */ seconds, /** @type {number} */ scale) {
    const last = this.points, before = this.jumped;
    if (!last) {
      this.jumped = points.map(() => false);
      return (this.points = points);
    }
    this.jumped = points.map(([x, y], k) => Math.hypot(x - last[k][0], y - last[k][1]) > this.fastest * scale * seconds);
    return (this.points = points.map((point, k) => (this.jumped[k] && !before[k] ? last[k] : point)));
  }
}

/** Turns timestamps as cameras and files deliver them into positive steps; tells of gaps. */
export class FrameClock {
  /** @type {number | null} */
  last = null;

  constructor(/** @type {FilterSettings} */ settings) {
    this.settings = settings;
    this.usual = settings.nominal_seconds;
  }

  reset() {
    this.last = null;
    this.usual = this.settings.nominal_seconds;
  }

  /** @param {number | null} timestampMs @returns {{seconds: number, gap: boolean}} */
  step(timestampMs) {
    const { nominal_seconds, gap_seconds } = this.settings, last = this.last;
    const now = timestampMs === null ? (last ?? 0) + nominal_seconds : timestampMs / 1000;
    if (last === null) {
      this.last = now;
      return { seconds: this.usual, gap: false };
    }
    const seconds = now - last;
    if (Math.abs(seconds) > gap_seconds) {
      this.reset();
      this.last = now;
      return { seconds: this.usual, gap: true };
    }
    // Repeated or late: the clock stays at the latest time seen.
    if (seconds <= 1e-3) return { seconds: this.usual, gap: false };
    this.last = now;
    this.usual = 0.5 * (this.usual + seconds);
    return { seconds, gap: false };
  }
}

/** The filters of one person. */
export class PoseSmoother {
  /** @type {number[] | null} */
  seen = null;

  constructor(/** @type {FilterSettings} */ settings) {
    this.alpha = settings.visibility;
    this.farthest = settings.farthest;
    this.jumps = new JumpFilter(settings.fastest);
    this.landmarkFilter = new OneEuroFilter(settings.landmarks);
    this.alignmentFilter = new OneEuroFilter(settings.alignment);
  }

  reset() {
    for (const part of [this.jumps, this.landmarkFilter, this.alignmentFilter]) part.reset();
    this.seen = null;
  }

  /** @returns {Point[]} */
  alignment(/** @type {Point[]} */ points, /** @type {number} */ seconds) {
    const size = bodySize(points), smooth = this.alignmentFilter.next(points, seconds, size);
    const distances = points.map(([x, y], i) => Math.hypot(smooth[i][0] - x, smooth[i][1] - y));
    // It may stay behind by a part of the circle's radius only.
    const share = Math.min(1, this.farthest / Math.max((distances[0] + distances[1]) / size, 1e-9));
    return points.map(([x, y], i) => [x + (smooth[i][0] - x) * share, y + (smooth[i][1] - y) * share]);
  }

  /** @returns {Point[]} */
  landmarks(/** @type {Point[]} */ points, /** @type {number} */ seconds, /** @type {number} */ size) {
    return this.landmarkFilter.next(this.jumps.next(points, seconds, size), seconds, size);
  }

  /** @returns {number[]} */
  visibility(/** @type {number[]} */ values) {
    const last = this.seen;
    return (this.seen = last ? values.map((v, k) => last[k] + this.alpha * (v - last[k])) : values);
  }
}
