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
 *   prior_sigmas: number[], leg_pairs: Point[], depth: boolean, confirmed_threshold: number,
 *   sides: number[] | null}} TrackerSpec
 * @typedef {{reach: number, smooth_reach: number, squarings: number, regression_weight: number, min_peak: number,
 *   apart: number, second_peak: number, motion: number}} Refinement
 * @typedef {{landmarks: OneEuroSettings, alignment: OneEuroSettings, visibility: number, fastest: number,
 *   farthest: number, nominal_seconds: number, gap_seconds: number}} FilterSettings
 * @typedef {import("./exposure.js").Exposure} Exposure
 * @typedef {{one_place: number, first: number, unsupported: number}} Merging
 * @typedef {{presence_threshold: number, candidates: number, min_region: number, max_region: number,
 *   motion_seconds: number, closer_shares: number[], closer_doubt: number, front: number,
 *   half_believed: number, asked_still: number, asked_film: number, exchange: number}} LoopSettings
 * @typedef {{detector: DetectorSpec, tracker: TrackerSpec, refinement: Refinement, filters: FilterSettings,
 *   exposure: Exposure, merging: Merging, pipeline: LoopSettings}} Contract
 * @typedef {Float32Array | number[]} Numbers
 * @typedef {{regressors: Numbers, logits: Numbers}} DetectorOutputs
 * @typedef {{landmarks: Numbers, pose_presence: Numbers, alignment: Numbers, heatmaps?: Numbers}} TrackerOutputs
 * @typedef {{detector: (input: Float32Array) => Promise<DetectorOutputs>,
 *   tracker: (input: Float32Array) => Promise<TrackerOutputs>}} Networks each takes S x S x 3 values of its range
 * @typedef {{box: Roi, keypoints: Point[], score: number}} Detection box: x0, y0, x1, y1
 * @typedef {{points: Point[], visibility: number[], posePresence: number, alignment: Point[],
 *   spread: (number | null)[] | null}} Track
 * @typedef {{track: Track, roi: Roi}} Sighting what the tracker confirmed, and where
 * @typedef {{source: "detected" | "tracked" | "none", detectorRan: boolean, roi: Roi | null, landmarks: Point[],
 *   visibility: number[], posePresence: number, milliseconds: {total: number, networks: number}}} PoseResult
 */

import { apart, decodeDetections, decodeTrack, gridAnchors, nats, ofBoth, prominence, raised } from "./decoding.js";
import { lightened } from "./exposure.js";
import { bodySize, FrameClock, PoseSmoother } from "./filters.js";
import { cropMatrix, parts, regionOf, wholeImage } from "./geometry.js";
import { warp } from "./warp.js";

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
      const found = await this.find(picture, ([squares]) => [[squares[this.nextPart(squares.length)]]], false);
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
    const found = await this.find(picture, (looks) => looks, true);
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
   * Whom the detector sees and the tracker confirms: in the whole picture, else in parts of it, else whom the detector
   * only half believes in.
   * @param {Picture} picture
   * @param {(looks: Roi[][]) => Roi[][]} choose of the squares of a closer look and of still closer ones, those to look
   *   at now
   * @param {boolean} still read the mirror image the second time, and both looks as one
   * @returns {Promise<Sighting | null>}
   */
  async find(picture, choose, still) {
    const { width, height } = picture, { closer_shares, closer_doubt } = this.contract.pipeline;
    const known = /** @type {Detection[]} */ ([]), doubted = /** @type {Detection[]} */ ([]);
    /** People whom none of the looks before has shown. @type {(regions: Roi[], doubt: number) => Promise<Detection[]>} */
    const look = async (regions, doubt) => {
      const believed = /** @type {Detection[]} */ ([]);
      for (const region of regions) {
        const [people, others] = await this.detect(picture, region, doubt);
        believed.push(...people), doubted.push(...others);
      }
      return this.fresh(believed, known);
    };
    let found = await this.confirm(picture, await look([wholeImage(width, height)], 0), still);
    for (const squares of this.closer && !found ? choose(closer_shares.map((share) => parts(width, height, share))) : []) {
      found ??= await this.confirm(picture, await look(squares, closer_doubt), still);
    }
    return found ?? this.confirm(picture, this.fresh(doubted, known), still);
  }

  /** Those of some people who are nobody known, each once, best first; now they are. */
  fresh(/** @type {Detection[]} */ people, /** @type {Detection[]} */ known) {
    const before = known.length;
    for (const person of [...people].sort((p, q) => q.score - p.score)) {
      const same = (/** @type {Detection} */ other) =>
        apart(person.keypoints.flat(), other.keypoints.flat()) < this.contract.detector.same_person;
      if (!known.some(same)) known.push(person);
    }
    return known.slice(before);
  }

  /**
   * The first of the most prominent people whom the tracker sees in the region that its first reading gives: there it
   * tells people from what is none far better than where a detector has drawn. The surer the detector is, the less is
   * asked of the tracker.
   * @returns {Promise<Sighting | null>}
   */
  async confirm(/** @type {Picture} */ picture, /** @type {Detection[]} */ detections, /** @type {boolean} */ still) {
    const { candidates, front, presence_threshold, asked_still, asked_film, exchange } = this.contract.pipeline;
    const { confirmed_threshold, sides } = this.contract.tracker, { score_threshold } = this.contract.detector;
    const inTurn = [...detections].sort((p, q) => prominence(q, front) - prominence(p, front));
    for (const { keypoints, score } of inTurn.slice(0, candidates)) {
      const more = (still ? asked_still : asked_film) + exchange * (nats(score_threshold) - nats(score));
      const least = Math.max(presence_threshold, raised(confirmed_threshold, more));
      const first = await this.sight(picture, keypoints, score < score_threshold ? presence_threshold : 0);
      const second = first && (await this.sight(picture, first.track.alignment, least, still && sides !== null));
      if (second && still) return { ...second, track: ofBoth(first.track, second.track, this.contract.merging) };
      if (second) return second;
    }
    return null;
  }

  /**
   * Null where the region is no sensible one, or the tracker is less sure of somebody in it than `least`.
   * @returns {Promise<Sighting | null>}
   */
  async sight(/** @type {Picture} */ picture, /** @type {Point[]} */ alignment, /** @type {number} */ least,
    mirror = false) {
    const roi = regionOf(alignment, this.contract.tracker.roi_scale);
    const track = this.usable(roi, picture) ? await this.track(picture, roi, null, least, mirror) : null;
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

  /** Whom the detector sees, and whom it half believes in. @returns {Promise<Detection[][]>} */
  async detect(/** @type {Picture} */ picture, /** @type {Roi} */ region, doubt = 0) {
    const spec = this.contract.detector, matrix = cropMatrix(region, spec.input_size);
    const input = this.input(picture, matrix, spec, "zero");
    const outputs = await this.timed(this.networks.detector(input));
    return [0, this.contract.pipeline.half_believed].map((below) =>
      decodeDetections(spec, this.anchors, outputs, matrix, doubt, below));
  }

  /** @returns {Promise<Track | null>} null where the tracker sees nobody */
  async track(/** @type {Picture} */ picture, /** @type {Roi} */ roi, /** @type {Point[] | null} */ previous,
    least = this.contract.pipeline.presence_threshold, mirror = false) {
    const spec = this.contract.tracker, matrix = cropMatrix(roi, spec.input_size, mirror);
    const input = this.input(picture, matrix, spec, "replicate");
    const track = decodeTrack(this.contract, await this.timed(this.networks.tracker(input)), matrix, previous);
    // A damaged or overflowing network's numbers may be none.
    const finite = [track.points, track.visibility, track.alignment].flat(2).every(Number.isFinite);
    return finite && track.posePresence >= least ? track : null;
  }

  /** What a network sees of a picture. */
  input(/** @type {Picture} */ picture, /** @type {Matrix} */ matrix,
    /** @type {{input_size: number, value_range: [number, number]}} */ { input_size: size, value_range: range },
    /** @type {"replicate" | "zero"} */ border) {
    return lightened(warp(picture, matrix, size, border, range), size, range, this.contract.exposure);
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
