// The page's loop against the golden numbers: node golden.mjs FOLDER_OF_THE_PAGE FOLDER_OF_THE_NUMBERS
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [page, numbers] = process.argv.slice(2);
const module = (name) => import(pathToFileURL(`${page}/${name}`).href);
const read = (name) => JSON.parse(readFileSync(`${numbers}/${name}`, "utf8"));
const geometry = await module("geometry.js"), decoding = await module("decoding.js");
const { PoseLoop } = await module("loop.js"), { warp } = await module("warp.js");
const { lightened } = await module("exposure.js");
const { bodySize, FrameClock, PoseSmoother } = await module("filters.js");
let checks = 0;

function close(actual, expected, tolerance, what) {
  const a = [actual].flat(9), e = [expected].flat(9);
  if (a.length !== e.length) throw new Error(`${what}: ${a.length} numbers, expected ${e.length}`);
  a.forEach((value, i) => {
    checks++;
    if (!(Math.abs(value - e[i]) <= tolerance)) throw new Error(`${what}[${i}]: ${value}, expected ${e[i]}`);
  });
}

function picture(width, height) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = x >= Math.floor(width / 3) && x < width >> 1 && y >= height >> 2 && y < height >> 1;
      for (let k = 0; k < 3; k++) {
        const value = Math.min(2 * x + y + 20 * k + ((x * y) >> 4), 255);
        data[4 * (y * width + x) + k] = inside ? 255 - value : value;
      }
    }
  }
  return { width, height, data };
}

const flat = (matrix) => matrix.flat();

function detectorTensors(spec, anchors) {
  const count = decoding.gridAnchors(spec).length, values = 4 + 2 * spec.num_keypoints;
  const logits = new Float32Array(count).fill(-12), regressors = new Float32Array(count * values);
  for (const [anchor, logit, ...row] of anchors) {
    logits[anchor] = logit;
    regressors.set(row, anchor * values);
  }
  return { logits, regressors };
}

const trackerTensors = (call) =>
  Object.fromEntries(Object.entries(call).map(([name, values]) => [name, Float32Array.from([values].flat(9))]));

const crop = read("crop.json");
for (const { whole_image, roi, crop_size, mirror, matrix } of crop.matrices) {
  if (whole_image) close(geometry.wholeImage(...whole_image), roi, 0, "wholeImage");
  close(geometry.cropMatrix(roi, crop_size, mirror), flat(matrix), 1e-4, "cropMatrix");
}
for (const { picture: size, share, rois } of crop.parts) close(geometry.parts(...size, share), rois, 1e-4, "parts");
for (const { picture: size, matrix, crop_size, border, crop: expected } of crop.warps) {
  const actual = Array.from(warp(picture(...size), flat(matrix), crop_size, border, [0, 255]));
  // OpenCV places samples to 1/32 of a pixel; across the rectangle's side that is a few levels.
  close(actual, expected, 8, `warp ${size} ${border}`);
  close(actual.reduce((sum, v, i) => sum + Math.abs(v - expected[i]), 0) / actual.length, 0, 0.4, "warp, mean");
}
for (const { crop: dark, lightened: expected } of crop.exposure.cases) {
  for (const [low, high] of [[0, 1], [-1, 1], [0, 255]]) {
    const values = Float32Array.from(dark, (v) => (v / 255) * (high - low) + low);
    const actual = lightened(values, crop.exposure.size, [low, high], crop.exposure.settings);
    close(Array.from(actual, (v) => ((v - low) / (high - low)) * 255), expected, 1e-3, "lightened");
  }
}

const detection = read("detection.json"), spec = detection.contract.detector, grid = decoding.gridAnchors(spec);
close(grid, detection.grid, 0, "gridAnchors");
for (const { anchors, doubt, below, matrix, detections } of detection.cases) {
  const found = decoding.decodeDetections(spec, grid, detectorTensors(spec, anchors), flat(matrix), doubt, below);
  close(found.map((d) => [d.score, ...d.box, ...d.keypoints.flat()]),
    detections.map((d) => [d.score, ...d.box, ...d.keypoints.flat()]), 1e-3, "decodeDetections");
}

const landmarks = read("landmarks.json");
for (const { alignment, roi } of landmarks.regions) {
  close(geometry.regionOf(alignment, landmarks.contract.tracker.roi_scale), roi, 1e-4, "regionOf");
}
for (const { matrix, previous, expected } of landmarks.cases) {
  const track = decoding.decodeTrack(landmarks.contract, trackerTensors(landmarks.tensors), flat(matrix), previous);
  const known = (spread) => (spread ?? []).map((cells) => cells ?? -1);
  close(known(track.spread), known(expected.spread), 1e-3, "decodeTrack spread");
  close(track.points, expected.points, 1e-3, "decodeTrack points");
  close(track.alignment, expected.alignment, 1e-3, "decodeTrack alignment");
  close([...track.visibility, track.posePresence], [...expected.visibility, expected.pose_presence], 1e-4, "decodeTrack");
}

const filters = read("filters.json"), clock = new FrameClock(filters.contract.filters);
const smoother = new PoseSmoother(filters.contract.filters);
for (const { timestamp_ms, points, alignment, visibility, expected } of filters.frames) {
  const { seconds, gap } = clock.step(timestamp_ms);
  if (gap) smoother.reset();
  close([seconds, Number(gap)], [expected.seconds, Number(expected.gap)], 1e-5, "clock");
  close(smoother.landmarks(points, seconds, bodySize(alignment)), expected.points, 1e-3, "landmarks");
  close(smoother.alignment(alignment, seconds), expected.alignment, 1e-3, "alignment");
  close(smoother.visibility(visibility), expected.visibility, 1e-4, "visibility");
}

const body = read("angles.json"), { jointAngles } = await module("drawing.js");
const shown = jointAngles({ landmarks: body.points, visibility: body.points.map(() => 1) }, body.angles);
for (const [name, degrees] of Object.entries(body.degrees)) close(shown.get(name), degrees, 1e-3, name);

const film = read("film.json"), calls = [];
const next = (kind) => {
  const call = calls.shift();
  if (call?.kind !== kind) throw new Error(`the loop asks the ${kind}, the film has ${call?.kind} next`);
  return call;
};
const recorded = {
  detector: async () => detectorTensors(film.contract.detector, next("detector").anchors),
  tracker: async () => trackerTensors((({ kind, ...rest }) => rest)(next("tracker"))),
};
const following = new PoseLoop(film.contract, recorded);
function same(result, expected, what) {
  if (calls.length) throw new Error(`${what}: outputs that the loop did not ask for`);
  if (result.source !== expected.source || result.detectorRan !== expected.detector_ran) {
    throw new Error(`${what}: ${result.source}, expected ${expected.source}`);
  }
  close(result.roi ?? [], expected.roi ?? [], 2e-3, `${what} roi`);
  close(result.landmarks, expected.landmarks, 5e-3, `${what} landmarks`);
  close([...result.visibility, result.posePresence], [...expected.visibility, expected.pose_presence], 1e-4, what);
}
for (const [number, frame] of film.frames.entries()) {
  calls.push(...frame.calls);
  same(await following.frame(picture(...film.picture), frame.timestamp_ms), frame.expected, `frame ${number}`);
}
const stills = read("stills.json"), alone = new PoseLoop(stills.contract, recorded);
for (const [number, still] of stills.cases.entries()) {
  calls.push(...still.calls);
  same(await alone.still(picture(...still.picture)), still.expected, `picture ${number}`);
}
// Who does not want the closer look does not pay for it.
calls.push(film.frames[0].calls[0]);
await new PoseLoop(film.contract, recorded, false).frame(picture(...film.picture), 0);
if (calls.length) throw new Error("the closer look that was not wanted");
// A network whose outputs are no numbers sees nobody, whichever of them it is.
for (const name of ["landmarks", "pose_presence", "alignment"]) {
  const frame = film.frames.find(({ expected }) => expected.source === "detected");
  const outputs = trackerTensors((({ kind, ...rest }) => rest)(frame.calls.at(-1)));
  outputs[name][0] = NaN;
  const blind = new PoseLoop(film.contract, {
    detector: async () => detectorTensors(film.contract.detector, frame.calls[0].anchors),
    tracker: async () => outputs,
  });
  const { source, landmarks: none } = await blind.frame(picture(...film.picture), 0);
  if (source !== "none" || none.length) throw new Error(`${name} that is no number: ${source}`);
}
console.log(`${checks} numbers`);
