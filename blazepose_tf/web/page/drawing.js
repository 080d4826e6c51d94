// @ts-check
/**
 * Skeleton and joint angles of a pose: the person's left in orange, right in cyan, uncertain points faded.
 *
 * @typedef {import("./loop.js").PoseResult} PoseResult
 * @typedef {import("./loop.js").TrackerSpec} TrackerSpec
 */

const LEFT = "#ff8a00", RIGHT = "#00d9e7", MIDDLE = "#f0f0f0", RIM = "#141414";
const FADED_BELOW = 0.5, HIDDEN_BELOW = 0.1;

const side = (/** @type {string} */ name) => (/(^|_)left(_|$)/.test(name) ? LEFT : /(^|_)right(_|$)/.test(name) ? RIGHT : MIDDLE);

/** @param {CanvasRenderingContext2D} context @param {PoseResult} pose @param {TrackerSpec} spec */
export function drawPose(context, pose, spec) {
  if (!pose.roi) return;
  const { width, height } = context.canvas, { landmarks, visibility } = pose;
  const line = Math.max(1.5, Math.min(Math.min(width, height) / 250, pose.roi[2] / spec.roi_scale / 160));
  context.lineCap = "round";
  const opacity = (/** @type {number} */ seen) => (seen >= FADED_BELOW ? 1 : 0.4);
  for (const [rim, extra] of [[true, line], [false, 0]]) {
    for (const [a, b] of spec.edges) {
      const seen = Math.min(visibility[a], visibility[b]);
      if (seen < HIDDEN_BELOW) continue;
      const [first, second] = [side(spec.keypoint_names[a]), side(spec.keypoint_names[b])];
      context.globalAlpha = opacity(seen);
      context.lineWidth = line + Number(extra);
      context.strokeStyle = rim ? RIM : first === MIDDLE ? second : second === MIDDLE || first === second ? first : MIDDLE;
      context.beginPath();
      context.moveTo(...landmarks[a]);
      context.lineTo(...landmarks[b]);
      context.stroke();
    }
  }
  landmarks.forEach(([x, y], k) => {
    if (visibility[k] < HIDDEN_BELOW) return;
    context.globalAlpha = opacity(visibility[k]);
    context.fillStyle = side(spec.keypoint_names[k]);
    context.beginPath();
    context.arc(x, y, 1.25 * line, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
}

/**
 * Angle of each joint in the picture's plane, in degrees from 0 (folded) to 180 (straight).
 * @param {Pick<PoseResult, "landmarks" | "visibility">} pose
 * @param {TrackerSpec["angles"]} angles name -> indices of the point before, the joint, and the point after
 * @returns {Map<string, number | null>} null where a point is hidden
 */
export function jointAngles(pose, angles) {
  return new Map(Object.entries(angles).map(([name, indices]) => {
    if (!indices.every((i) => pose.visibility[i] >= FADED_BELOW)) return [name, null];
    const [[ax, ay], [bx, by], [cx, cy]] = indices.map((i) => pose.landmarks[i]);
    const turn = Math.atan2(ay - by, ax - bx) - Math.atan2(cy - by, cx - bx);
    return [name, (180 / Math.PI) * Math.acos(Math.min(Math.max(Math.cos(turn), -1), 1))];
  }));
}
