// @ts-check
/**
 * The networks' tensors as detections and tracks: the port of blazepose_tf.codecs, and of how two looks become one.
 *
 * @typedef {import("./loop.js").Point} Point
 * @typedef {import("./loop.js").Roi} Roi
 * @typedef {import("./loop.js").Matrix} Matrix
 * @typedef {import("./loop.js").Contract} Contract
 * @typedef {import("./loop.js").DetectorSpec} DetectorSpec
 * @typedef {import("./loop.js").DetectorOutputs} DetectorOutputs
 * @typedef {import("./loop.js").TrackerOutputs} TrackerOutputs
 * @typedef {import("./loop.js").Detection} Detection
 * @typedef {import("./loop.js").Track} Track
 * @typedef {import("./loop.js").Merging} Merging
 */

import { apply, invert } from "./geometry.js";
import { refine } from "./refine.js";

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

/**
 * People of a detector's tensors, best first; `doubt` is taken off the logits. With `below` instead of those above the
 * threshold those below it, by so many nats at most.
 * @returns {Detection[]}
 */
export function decodeDetections(/** @type {DetectorSpec} */ spec, /** @type {Point[]} */ anchors,
  /** @type {DetectorOutputs} */ { regressors, logits }, /** @type {Matrix} */ matrix, doubt = 0, below = 0) {
  const threshold = nats(spec.score_threshold), values = 4 + 2 * spec.num_keypoints;
  const found = /** @type {{corners: number[], score: number}[]} */ ([]);
  anchors.forEach(([x, y], i) => {
    const logit = logits[i] - doubt;
    if (!(logit >= threshold - below && (below === 0 || logit < threshold))) return;
    const v = Array.from(regressors.slice(i * values, (i + 1) * values));
    if (!v.every(Number.isFinite)) return;
    const points = v.slice(4).map((value, j) => value + (j % 2 ? y : x));
    const corners = [v[0] + x - v[2] / 2, v[1] + y - v[3] / 2, v[0] + x + v[2] / 2, v[1] + y + v[3] / 2, ...points];
    found.push({ corners, score: sigmoid(logit) });
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

/** The logit of a score. */
export function nats(/** @type {number} */ score) {
  const sure = clamp(score, 1e-6, 1 - 1e-6);
  return Math.log(sure / (1 - sure));
}

/** The probability whose logit is so many nats above that of another one. */
export const raised = (/** @type {number} */ probability, /** @type {number} */ by) =>
  1 / (1 + ((1 - probability) / probability) * Math.exp(-by));

/** Nats by which people are looked at in turn: those of the score, and `front` for a size that is e times as large. */
export function prominence(/** @type {Detection} */ { keypoints: [center, rim], score }, /** @type {number} */ front) {
  return nats(score) + front * Math.log(Math.max(Math.hypot(rim[0] - center[0], rim[1] - center[1]), 1e-6));
}

/** How far two alignments are apart, in radii of the larger body circle: the mean distance of their points. */
export function apart(/** @type {number[]} */ p, /** @type {number[]} */ q, at = 0) {
  const distance = (/** @type {number} */ i) => Math.hypot(p[i] - q[i], p[i + 1] - q[i + 1]);
  const radius = (/** @type {number[]} */ c) => Math.hypot(c[at + 2] - c[at], c[at + 3] - c[at + 1]);
  return (distance(at) + distance(at + 2)) / 2 / Math.max(radius(p), radius(q), 1e-6);
}

/** Landmarks in picture pixels of a tracker's tensors. @returns {Track} */
export function decodeTrack(/** @type {Contract} */ contract, /** @type {TrackerOutputs} */ outputs,
  /** @type {Matrix} */ matrix, /** @type {Point[] | null} */ previous) {
  const spec = contract.tracker, raw = outputs.landmarks, values = spec.depth ? 4 : 3; // x, y, depth, visibility
  let points = spec.keypoint_names.map((_, k) => /** @type {Point} */ ([raw[values * k], raw[values * k + 1]]));
  let spread = /** @type {(number | null)[] | null} */ (null);
  if (outputs.heatmaps) {
    const inverse = invert(matrix), before = previous && previous.map(([x, y]) => apply(inverse, x, y));
    ({ points, spread } = refine(points, outputs.heatmaps, spec, contract.refinement, before));
  }
  // The points of a mirrored crop are those of the other side.
  const mirrored = matrix[0] * matrix[4] - matrix[1] * matrix[3] < 0;
  /** @template T @param {T[]} rows @returns {T[]} */
  const sided = (rows) => (mirrored && spec.sides ? spec.sides.map((k) => rows[k]) : rows);
  const a = outputs.alignment;
  return {
    points: sided(points.map(([x, y]) => apply(matrix, x, y))),
    visibility: sided(points.map((_, k) => sigmoid(raw[values * (k + 1) - 1]))),
    posePresence: sigmoid(outputs.pose_presence[0]),
    alignment: [apply(matrix, a[0], a[1]), apply(matrix, a[2], a[3])],
    spread: spread && sided(spread),
  };
}

/**
 * One reading of two looks: a point lies between both, by the inverse squares of its spreads; where they mean two
 * places, it is the one of the look with less spread.
 * @param {Track} first @param {Track} second in the person's own region
 * @param {Merging} settings @returns {Track}
 */
export function ofBoth(first, second, { one_place, first: factor, unsupported }) {
  const far = one_place * Math.hypot(...second.alignment[1].map((v, i) => v - second.alignment[0][i]));
  const spreads = [first, second].map(({ spread }) => second.points.map((_, k) => (spread ? spread[k] ?? unsupported : 1)));
  const shares = second.points.map(([x, y], k) => {
    const p = factor * spreads[0][k], q = spreads[1][k];
    const apart = Math.hypot(first.points[k][0] - x, first.points[k][1] - y);
    return apart <= far ? q ** 2 / (p ** 2 + q ** 2) : p < q ? 1 : 0;
  });
  const between = (/** @type {number} */ p, /** @type {number} */ q, /** @type {number} */ k) => q + shares[k] * (p - q);
  return {
    ...second,
    points: second.points.map(([x, y], k) => [between(first.points[k][0], x, k), between(first.points[k][1], y, k)]),
    visibility: second.visibility.map((v, k) => between(first.visibility[k], v, k)),
  };
}
