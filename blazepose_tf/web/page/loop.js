// @ts-check
/**
 * The loop of the pose pipeline for browsers: pictures in, landmarks out. The port of blazepose_tf.runtime.
 *
 * It knows neither a page nor an engine and holds no constant of its own: the contract (contract.json beside the model
 * files) carries sizes, anchors and thresholds, two functions run the networks. Points are continuous pixels: x right,
 * y down, the middle of the first pixel is (0.5, 0.5). testdata/golden/loop holds it to the numbers of Python's.
 *
 * @typedef {[number, number]} Point
 * @typedef {[number, number, number, number]} Roi centre x, centre y, side, rotation in radians (clockwise)
 * @typedef {[number, number, number, number, number, number]} Matrix crop to picture: x' = ax + by + c, y' = dx + ey + f
 * @typedef {{width: number, height: number, data: Uint8ClampedArray | Uint8Array}} Picture RGBA, as ImageData
 * @typedef {{min_cutoff: number, beta: number, derivate_cutoff: number}} OneEuroSettings
 * @typedef {{input_size: number, strides: number[], anchors_per_cell: number[], num_keypoints: number,
 *   value_range: Point, score_threshold: number, same_person: number}} DetectorSpec
 * @typedef {{input_size: number, keypoint_names: string[], heatmap_stride: number, roi_scale: number,
 *   value_range: Point, edges: Point[], angles: Record<string, [number, number, number]>,
 *   prior_sigmas: number[], leg_pairs: Point[], depth: boolean, confirmed_threshold: number}} TrackerSpec
 * @typedef {{reach: number, smooth_reach: number, squarings: number, regression_weight: number, min_peak: number,
 *   apart: number, second_peak: number, motion: number}} Refinement
 * @typedef {{landmarks: OneEuroSettings, alignment: OneEuroSettings, visibility: number, fastest: number,
 *   farthest: number, nominal_seconds: number, gap_seconds: number}} FilterSettings
 * @typedef {{presence_threshold: number, candidates: number, min_region: number, max_region: number,
 *   motion_seconds: number, closer_shares: number[], closer_doubt: number, front: number}} LoopSettings
 * @typedef {{detector: DetectorSpec, tracker: TrackerSpec, refinement: Refinement, filters: FilterSettings,
 *   pipeline: LoopSettings}} Contract
 * @typedef {Float32Array | number[]} Numbers
 * @typedef {{regressors: Numbers, logits: Numbers}} DetectorOutputs
 * @typedef {{landmarks: Numbers, pose_presence: Numbers, alignment: Numbers, heatmaps?: Numbers}} TrackerOutputs
 * @typedef {{detector: (input: Float32Array) => Promise<DetectorOutputs>,
 *   tracker: (input: Float32Array) => Promise<TrackerOutputs>}} Networks each takes S x S x 3 values of its range
 * @typedef {{box: Roi, keypoints: Point[], score: number}} Detection box: x0, y0, x1, y1
 * @typedef {{points: Point[], visibility: number[], posePresence: number, alignment: Point[]}} Track
 * @typedef {{track: Track, roi: Roi}} Sighting what the tracker confirmed, and where
 * @typedef {{source: "detected" | "tracked" | "none", detectorRan: boolean, roi: Roi | null, landmarks: Point[],
 *   visibility: number[], posePresence: number, milliseconds: {total: number, networks: number}}} PoseResult
 */

import { bodySize, FrameClock, PoseSmoother } from "./filters.js";
import { refine } from "./refine.js";
import { warp } from "./warp.js";

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

/** @param {Roi} roi @param {number} size side of the crop @returns {Matrix} */
export function cropMatrix([x, y, side, rotation], size) {
  const cos = (Math.cos(rotation) * side) / size, sin = (Math.sin(rotation) * side) / size, half = size / 2;
  return [cos, -sin, x - half * (cos - sin), sin, cos, y - half * (sin + cos)];
}

/** @param {Point[]} alignment middle of the hips, point on the body circle @param {number} scale @returns {Roi} */
export function regionOf([[x, y], [topX, topY]], scale) {
  const dx = topX - x, dy = topY - y, turn = 2 * Math.PI, angle = Math.atan2(dx, -dy);
  return [x, y, 2 * scale * Math.hypot(dx, dy), angle - turn * Math.floor((angle + Math.PI) / turn)];
}

/** @param {Matrix} m @returns {Point} */
const apply = ([a, b, c, d, e, f], /** @type {number} */ x, /** @type {number} */ y) =>
  [a * x + b * y + c, d * x + e * y + f];

/** @param {Matrix} m @returns {Matrix} */
function invert([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  return [e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det];
}

const clamp = (/** @type {number} */ v, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.min(Math.max(v, low), high);
const sigmoid = (/** @type {number} */ v) => 1 / (1 + Math.exp(-clamp(v, -88, 88)));

/** Middles of the anchors, level by level, row by row, all of a cell together. @returns {Point[]} */
export function gridAnchors(/** @type {DetectorSpec} */ spec) {
  const anchors = /** @type {Point[]} */ ([]);
  spec.strides.forEach((stride, level) => {
    const cells = Math.floor(spec.input_size / stride);
    for (let i = 0; i < cells * cells; i++) {
      for (let n = 0; n < spec.anchors_per_cell[level]; n++) {
        anchors.push([((i % cells) + 0.5) * stride, (Math.floor(i / cells) + 0.5) * stride]);
      }
    }
  });
  return anchors;
}

/** People of a detector's tensors, best first; `doubt` is taken off the logits. @returns {Detection[]} */
export function decodeDetections(/** @type {DetectorSpec} */ spec, /** @type {Point[]} */ anchors,
  /** @type {DetectorOutputs} */ { regressors, logits }, /** @type {Matrix} */ matrix, doubt = 0) {
  const least = Math.log(spec.score_threshold / (1 - spec.score_threshold)), values = 4 + 2 * spec.num_keypoints;
  const found = /** @type {{corners: number[], score: number}[]} */ ([]);
  anchors.forEach(([x, y], i) => {
    if (!(logits[i] - doubt >= least)) return;
    const v = Array.from(regressors.slice(i * values, (i + 1) * values));
    if (!v.every(Number.isFinite)) return;
    const points = v.slice(4).map((value, j) => value + (j % 2 ? y : x));
    const corners = [v[0] + x - v[2] / 2, v[1] + y - v[3] / 2, v[0] + x + v[2] / 2, v[1] + y + v[3] / 2, ...points];
    found.push({ corners, score: sigmoid(logits[i] - doubt) });
  });
  return merged(found, spec.same_person).map(({ corners, score }) => {
    const points = /** @type {Point[]} */ ([]);
    for (let i = 0; i < corners.length; i += 2) points.push(apply(matrix, corners[i], corners[i + 1]));
    return { box: /** @type {Roi} */ ([...points[0], ...points[1]]), keypoints: points.slice(2), score };
  });
}

/** Candidates of one person become their mean, weighted by the scores; the score stays the best. */
function merged(/** @type {{corners: number[], score: number}[]} */ candidates, /** @type {number} */ threshold) {
  let rest = [...candidates].sort((p, q) => q.score - p.score);
  const kept = [];
  while (rest.length) {
    const best = rest[0], group = rest.filter((r) => r === best || apart(best.corners, r.corners, 4) < threshold);
    rest = rest.filter((r) => !group.includes(r));
    const total = group.reduce((sum, r) => sum + r.score, 0);
    const corners = best.corners.map((_, i) => group.reduce((sum, r) => sum + r.corners[i] * r.score, 0) / total);
    kept.push({ corners, score: best.score });
  }
  return kept;
}

/** Nats by which people are looked at in turn: the logit of the score, and `front` for a size that is e times as large. */
function prominence(/** @type {Detection} */ { keypoints: [center, rim], score }, /** @type {number} */ front) {
  const radius = Math.hypot(rim[0] - center[0], rim[1] - center[1]), sure = Math.min(Math.max(score, 1e-6), 1 - 1e-6);
  return Math.log(sure / (1 - sure)) + front * Math.log(Math.max(radius, 1e-6));
}

/** How far two alignments are apart, in radii of the larger body circle: the mean distance of their points. */
function apart(/** @type {number[]} */ p, /** @type {number[]} */ q, at = 0) {
  const distance = (/** @type {number} */ i) => Math.hypot(p[i] - q[i], p[i + 1] - q[i + 1]);
  const radius = (/** @type {number[]} */ c) => Math.hypot(c[at + 2] - c[at], c[at + 3] - c[at + 1]);
  return (distance(at) + distance(at + 2)) / 2 / Math.max(radius(p), radius(q), 1e-6);
}

/** Landmarks in picture pixels of a tracker's tensors. @returns {Track} */
export function decodeTrack(/** @type {Contract} */ contract, /** @type {TrackerOutputs} */ outputs,
  /** @type {Matrix} */ matrix, /** @type {Point[] | null} */ previous) {
  const spec = contract.tracker, raw = outputs.landmarks, values = spec.depth ? 4 : 3; // x, y, depth, visibility
  let points = spec.keypoint_names.map((_, k) => /** @type {Point} */ ([raw[values * k], raw[values * k + 1]]));
  if (outputs.heatmaps) {
    const inverse = invert(matrix), before = previous && previous.map(([x, y]) => apply(inverse, x, y));
    points = refine(points, outputs.heatmaps, spec, contract.refinement, before);
  }
  const a = outputs.alignment;
  return {
    points: points.map(([x, y]) => apply(matrix, x, y)),
    visibility: points.map((_, k) => sigmoid(raw[values * (k + 1) - 1])),
    posePresence: sigmoid(outputs.pose_presence[0]),
    alignment: [apply(matrix, a[0], a[1]), apply(matrix, a[2], a[3])],
  };
}

/** Finds one person: calls of `frame` are the consecutive frames of one film, in which they are followed. */
export class PoseLoop {
  /** @type {Roi | null} */
  region = null;
  /** @type {Point[] | null} */
  points = null;
  /** Where the person was seen last, pixels per second of the mid-hip, and seconds since. @type {Point[] | null} */
  alignment = null;
  velocity = /** @type {Point} */ ([0, 0]);
  absent = 0;
  size = "";
  /** Of the closer look, the square that was looked at last. */
  part = -1;
  networkMs = 0;

  /**
   * @param {Contract} contract @param {Networks} networks
   * @param {boolean} closer whether the detector looks at parts of a picture in whose whole nobody was found
   */
  constructor(contract, networks, closer = true) {
    this.closer = closer;
    this.contract = contract;
    this.networks = networks;
    this.anchors = gridAnchors(contract.detector);
    this.clock = new FrameClock(contract.filters);
    this.smoother = new PoseSmoother(contract.filters);
  }

  /** Forgets the person and the time, as before the first frame. */
  reset() {
    this.part = -1;
    this.clock.reset();
    this.forget();
  }

  /** The tracker no longer sees the person; place and motion are remembered. */
  lose() {
    this.smoother.reset();
    this.region = this.points = null;
  }

  forget() {
    this.lose();
    this.alignment = null;
    this.velocity = [0, 0];
    this.absent = 0;
  }

  /** Which of so many squares this frame looks at. */
  nextPart(/** @type {number} */ count) {
    return (this.part = (this.part + 1) % count);
  }

  /** Where the person would be, going on as before. @returns {Roi | null} */
  expected(/** @type {number} */ seconds, /** @type {Picture} */ picture) {
    if (!this.alignment) return null;
    const [dx, dy] = this.velocity, time = this.absent + seconds;
    const moved = this.alignment.map(([x, y]) => /** @type {Point} */ ([x + dx * time, y + dy * time]));
    const roi = regionOf(moved, this.contract.tracker.roi_scale);
    return this.usable(roi, picture) ? roi : null;
  }

  /**
   * Reads the pose of one person in the next frame of a film.
   * @param {Picture} picture @param {number | null} timestampMs null is a nominal step after the last
   * @returns {Promise<PoseResult>}
   */
  async frame(picture, timestampMs) {
    const started = performance.now();
    this.networkMs = 0;
    const { seconds, gap } = this.clock.step(timestampMs), size = `${picture.width}x${picture.height}`;
    if (gap || size !== this.size) this.forget();
    this.size = size;
    let roi = this.region, source = /** @type {PoseResult["source"]} */ ("tracked"), detectorRan = false;
    let track = roi && (await this.track(picture, roi, this.points));
    if (!track) {
      this.lose();
      roi = this.expected(seconds, picture);
      track = roi && (await this.track(picture, roi, null));
    }
    if (!track) {
      detectorRan = true;
      source = "detected";
      const found = await this.find(picture, ([squares]) => [[squares[this.nextPart(squares.length)]]]);
      if (found) ({ track, roi } = found);
    }
    const result = { detectorRan, landmarks: /** @type {Point[]} */ ([]), visibility: /** @type {number[]} */ ([]) };
    if (track) {
      if (detectorRan) this.velocity = [0, 0];
      this.follow(picture, track, seconds, result);
    } else if ((this.absent += seconds) > this.contract.filters.gap_seconds) this.forget();
    return {
      ...result,
      source: track ? source : "none",
      roi: track ? roi : null,
      posePresence: track ? track.posePresence : 0,
      milliseconds: { total: performance.now() - started, networks: this.networkMs },
    };
  }

  /**
   * Reads the pose of one person in a picture that stands alone: where nobody is found in the whole, all squares of the
   * closer look are asked, then of a still closer one; nothing is filtered, and the film is not disturbed.
   * @returns {Promise<PoseResult>}
   */
  async still(/** @type {Picture} */ picture) {
    const started = performance.now();
    this.networkMs = 0;
    const found = await this.find(picture, (looks) => looks);
    return {
      source: found ? "detected" : "none",
      detectorRan: true,
      roi: found ? found.roi : null,
      landmarks: found ? found.track.points : [],
      visibility: found ? found.track.visibility : [],
      posePresence: found ? found.track.posePresence : 0,
      milliseconds: { total: performance.now() - started, networks: this.networkMs },
    };
  }

  /**
   * Whom the detector sees and the tracker confirms: in the whole picture, else in parts of it.
   * @param {Picture} picture
   * @param {(looks: Roi[][]) => Roi[][]} choose of the squares of a closer look and of still closer ones, those to look
   *   at now
   * @returns {Promise<Sighting | null>}
   */
  async find(picture, choose) {
    const { width, height } = picture, { closer_shares, closer_doubt } = this.contract.pipeline;
    const seen = await this.detect(picture, wholeImage(width, height));
    let found = await this.confirm(picture, seen);
    if (found || !this.closer) return found;
    for (const squares of choose(closer_shares.map((share) => parts(width, height, share)))) {
      if (found) break;
      const closer = [], fresh = /** @type {Detection[]} */ ([]);
      for (const square of squares) closer.push(...(await this.detect(picture, square, closer_doubt)));
      for (const person of closer.sort((p, q) => q.score - p.score)) {
        const same = (/** @type {Detection} */ other) =>
          apart(person.keypoints.flat(), other.keypoints.flat()) < this.contract.detector.same_person;
        if (!seen.some(same)) seen.push(person), fresh.push(person);
      }
      found = await this.confirm(picture, fresh);
    }
    return found;
  }

  /**
   * The first of the most prominent people whom the tracker sees in the region that its first reading gives: there it
   * tells people from what is none far better than where a detector has drawn.
   * @returns {Promise<Sighting | null>}
   */
  async confirm(/** @type {Picture} */ picture, /** @type {Detection[]} */ detections) {
    const { candidates, front } = this.contract.pipeline, { confirmed_threshold } = this.contract.tracker;
    const inTurn = [...detections].sort((p, q) => prominence(q, front) - prominence(p, front));
    for (const { keypoints } of inTurn.slice(0, candidates)) {
      const first = await this.sight(picture, keypoints, 0);
      const second = first && (await this.sight(picture, first.track.alignment, confirmed_threshold));
      if (second) return second;
    }
    return null;
  }

  /**
   * Null where the region is no sensible one, or the tracker is less sure of somebody in it than `least`.
   * @returns {Promise<Sighting | null>}
   */
  async sight(/** @type {Picture} */ picture, /** @type {Point[]} */ alignment, /** @type {number} */ least) {
    const roi = regionOf(alignment, this.contract.tracker.roi_scale);
    const track = this.usable(roi, picture) ? await this.track(picture, roi, null, least) : null;
    return track && { track, roi };
  }

  /** The next frame's region, and what the filters make of this one's landmarks. */
  follow(/** @type {Picture} */ picture, /** @type {Track} */ track, /** @type {number} */ seconds,
    /** @type {{landmarks: Point[], visibility: number[]}} */ result) {
    if (this.alignment && this.points) {
      const weight = seconds / (seconds + this.contract.pipeline.motion_seconds), last = this.alignment[0];
      const speed = (/** @type {number} */ i) => (track.alignment[0][i] - last[i]) / seconds;
      this.velocity = /** @type {Point} */ (this.velocity.map((v, i) => v + weight * (speed(i) - v)));
    }
    this.alignment = track.alignment;
    this.absent = 0;
    const steady = this.smoother.alignment(track.alignment, seconds);
    const next = regionOf(steady, this.contract.tracker.roi_scale);
    this.region = this.usable(next, picture) ? next : null;
    this.points = track.points;
    result.landmarks = this.smoother.landmarks(track.points, seconds, bodySize(track.alignment));
    result.visibility = this.smoother.visibility(track.visibility);
  }

  /** @returns {Promise<Detection[]>} */
  async detect(/** @type {Picture} */ picture, /** @type {Roi} */ region, doubt = 0) {
    const spec = this.contract.detector, matrix = cropMatrix(region, spec.input_size);
    const input = warp(picture, matrix, spec.input_size, "zero", spec.value_range);
    return decodeDetections(spec, this.anchors, await this.timed(this.networks.detector(input)), matrix, doubt);
  }

  /** @returns {Promise<Track | null>} null where the tracker sees nobody */
  async track(/** @type {Picture} */ picture, /** @type {Roi} */ roi, /** @type {Point[] | null} */ previous,
    least = this.contract.pipeline.presence_threshold) {
    const spec = this.contract.tracker, matrix = cropMatrix(roi, spec.input_size);
    const input = warp(picture, matrix, spec.input_size, "replicate", spec.value_range);
    const track = decodeTrack(this.contract, await this.timed(this.networks.tracker(input)), matrix, previous);
    // A damaged or overflowing network's numbers may be none.
    const finite = [track.points, track.visibility, track.alignment].flat(2).every(Number.isFinite);
    return finite && track.posePresence >= least ? track : null;
  }

  /** @template T @param {Promise<T>} run @returns {Promise<T>} */
  async timed(run) {
    const started = performance.now(), outputs = await run;
    this.networkMs += performance.now() - started;
    return outputs;
  }

  /** Whether a predicted region is finite, of sensible size, and centred in or near the picture. */
  usable(/** @type {Roi} */ [x, y, side, rotation], /** @type {Picture} */ { width, height }) {
    const { min_region, max_region } = this.contract.pipeline, half = side / 2;
    if (![x, y, side, rotation].every(Number.isFinite)) return false;
    if (side < min_region || side > max_region * Math.max(width, height)) return false;
    return -half < x && x < width + half && -half < y && y < height + half;
  }
}
