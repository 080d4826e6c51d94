// @ts-check
/**
 * Skeleton and joint angles of a pose: the person's left in orange, right in cyan, uncertain points faded.
 *
 * @typedef {import("./loop.js").PoseResult} PoseResult
 * @typedef {import("./loop.js").TrackerSpec} TrackerSpec
 */

const LEFT = "#ff8a00", RIGHT = "#00d9e7", MIDDLE = "#f0f0f0", RIM = "#141414";
const FADED_BELOW = 0.5, HIDDEN_BELOW = 0.1;

/** Joint -> the three points, without their side, that make its angle. */
const JOINTS = {
  Elbow: ["shoulder", "elbow", "wrist"],
  Shoulder: ["elbow", "shoulder", "hip"],
  Hip: ["shoulder", "hip", "knee"],
  Knee: ["hip", "knee", "ankle"],
  Ankle: ["knee", "ankle", "foot_index"],
};

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
 * @param {PoseResult} pose @param {string[]} names
 * @returns {{joint: string, left: number | null, right: number | null}[]} null where a point is hidden or missing
 */
export function jointAngles(pose, names) {
  const angle = (/** @type {string} */ of, /** @type {string[]} */ parts) => {
    const indices = parts.map((part) => names.indexOf(`${of}_${part}`));
    if (indices.some((i) => i < 0 || !(pose.visibility[i] >= FADED_BELOW))) return null;
    const [[ax, ay], [bx, by], [cx, cy]] = indices.map((i) => pose.landmarks[i]);
    const turn = Math.atan2(ay - by, ax - bx) - Math.atan2(cy - by, cx - bx);
    return (180 / Math.PI) * Math.acos(Math.min(Math.max(Math.cos(turn), -1), 1));
  };
  return Object.entries(JOINTS).map(([joint, parts]) => ({
    joint,
    left: angle("left", parts),
    right: angle("right", parts),
  }));
}
