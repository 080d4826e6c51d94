// @ts-check
/** The page: a film, a camera or a picture in, skeleton, angles and frames/s out. All of the pose is loop.js's. */

import { drawPose, jointAngles } from "./drawing.js";
import { openNetworks } from "./engine.js";
import { PoseLoop } from "./loop.js";

/** Of the time between two frames' ends, in frames. */
const AVERAGED = 30;

const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const canvas = /** @type {HTMLCanvasElement} */ ($("canvas"));
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
const fileInput = /** @type {HTMLInputElement} */ ($("file"));
const buttons = ["sample", "camera", "pause"].map((id) => /** @type {HTMLButtonElement} */ ($(id)));
const pauseButton = buttons[2];
const video = document.createElement("video");
Object.assign(video, { muted: true, playsInline: true, loop: true });

/** @type {import("./engine.js").Site} */
let site;
/** @type {PoseLoop} */
let loop;
/** @type {{total: number, interval: number}[]} */
let times = [];
let lastEnd = 0;
/** Numbers the sources: what an older one still delivers is dropped. */
let current = 0;

function say(/** @type {string} */ text) {
  if ($("state").textContent !== text) $("state").textContent = text;
}

function showError(/** @type {string} */ text) {
  $("error").textContent = text;
  $("error").hidden = false;
}

/** One line for what went wrong with a source. */
function reason(/** @type {any} */ error) {
  const lines = /** @type {Record<string, string>} */ ({
    NotAllowedError: "The camera may not be used: allow it for this page in the browser's settings.",
    NotFoundError: "This device has no camera.",
    NotReadableError: "The camera is in use by another program.",
    InsecureContext: "The camera needs a page served over https or from localhost.",
    FilmUnreadable: "The browser cannot read this film: it knows MP4 with H.264 and WebM with VP8, VP9 or AV1.",
    PictureUnreadable: "The browser cannot read this picture: it knows JPEG, PNG, WebP and AVIF.",
  });
  return lines[error?.name] ?? `It failed: ${error?.message ?? error}`;
}

const named = (/** @type {string} */ name) => Object.assign(new Error(name), { name });

function stopSource() {
  current++;
  video.pause();
  const stream = /** @type {MediaStream | null} */ (video.srcObject);
  stream?.getTracks().forEach((track) => track.stop());
  if (video.src.startsWith("blob:")) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
}

/** Another source instead of what was: its number. */
function open(/** @type {string} */ name) {
  stopSource();
  $("error").hidden = true;
  setPaused(false);
  pauseButton.disabled = true;
  loop.reset();
  times = [];
  $("rate").textContent = $("time").textContent = "–";
  say(`Opening: ${name}`);
  return current;
}

function fail(/** @type {any} */ error) {
  stopSource();
  say("Choose a source");
  showError(reason(error));
}

/** Plays what `attach` gives to the video element. */
async function start(/** @type {string} */ name, /** @type {() => Promise<void>} */ attach) {
  const own = open(name);
  try {
    await attach();
    await video.play();
  } catch (error) {
    const unread = /** @type {any} */ (error)?.name === "NotSupportedError";
    if (own === current) fail(unread ? named("FilmUnreadable") : error);
    return;
  }
  if (own !== current) return;
  pauseButton.disabled = false;
  next(own);
}

/** Reads one picture, which is looked at as closely as it takes. */
async function readPicture(/** @type {File} */ file) {
  const own = open(file.name);
  try {
    const picture = await createImageBitmap(file).catch(() => Promise.reject(named("PictureUnreadable")));
    if (own !== current) return;
    const pose = await loop.still(draw(picture, picture.width, picture.height));
    if (own !== current) return;
    $("time").textContent = pose.milliseconds.total.toFixed(0);
    showPose(pose, pose.roi ? "A person" : "Nobody is found in this picture");
  } catch (error) {
    if (own === current) fail(error);
  }
}

/** The canvas's pixels with what is drawn there. */
function draw(/** @type {CanvasImageSource} */ picture, /** @type {number} */ width, /** @type {number} */ height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/** Waits for the next frame that is shown. */
function next(/** @type {number} */ own) {
  const callback = (/** @type {number} */ now, /** @type {{mediaTime: number} | undefined} */ frame) => {
    onFrame(own, 1000 * (frame ? frame.mediaTime : video.currentTime)).catch(fail);
  };
  if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(callback);
  else requestAnimationFrame((now) => callback(now, undefined));
}

async function onFrame(/** @type {number} */ own, /** @type {number} */ milliseconds) {
  if (own !== current) return;
  const { videoWidth: width, videoHeight: height } = video;
  if (width && height) {
    const pose = await loop.frame(draw(video, width, height), milliseconds);
    if (own !== current) return;
    show(pose);
  }
  next(own);
}

function show(/** @type {import("./loop.js").PoseResult} */ pose) {
  const now = performance.now();
  times.push({ total: pose.milliseconds.total, interval: now - lastEnd });
  lastEnd = now;
  if (times.length > AVERAGED) times.shift();
  const mean = (/** @type {"total" | "interval"} */ what) => times.reduce((sum, t) => sum + t[what], 0) / times.length;
  const rate = 1000 / mean("interval");
  $("rate").textContent = times.length > 1 ? rate.toFixed(rate < 10 ? 1 : 0) : "–";
  $("time").textContent = mean("total").toFixed(1);
  showPose(pose, pose.roi ? "Following a person" : "Looking for a person");
}

function showPose(/** @type {import("./loop.js").PoseResult} */ pose, /** @type {string} */ state) {
  drawPose(context, pose, site.tracker);
  say(state);
  const label = pose.roi ? "Picture with the skeleton of a person" : "Picture without a person";
  if (canvas.getAttribute("aria-label") !== label) canvas.setAttribute("aria-label", label);
  showAngles(pose);
}

function showAngles(/** @type {import("./loop.js").PoseResult} */ pose) {
  const rows = $("angles"), angles = jointAngles(pose, site.tracker.angles);
  const joints = new Set([...angles.keys()].map((name) => name.replace(/^(left|right)_/, "")));
  const text = (/** @type {number | null | undefined} */ degrees) => degrees?.toFixed(0) ?? "–";
  [...joints].forEach((joint, i) => {
    const row = rows.children[i] ?? rows.appendChild(document.createElement("tr"));
    if (!row.children.length) {
      const head = document.createElement("th");
      head.scope = "row";
      row.append(head, document.createElement("td"), document.createElement("td"));
    }
    const values = [joint[0].toUpperCase() + joint.slice(1), ...["left", "right"].map((s) => text(angles.get(`${s}_${joint}`)))];
    values.forEach((value, k) => (row.children[k].textContent = value));
  });
}

function setPaused(/** @type {boolean} */ paused) {
  pauseButton.textContent = paused ? "Continue" : "Pause";
  pauseButton.setAttribute("aria-pressed", String(paused));
}

async function openCamera() {
  if (!navigator.mediaDevices) throw named("InsecureContext");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } }, audio: false });
}

async function openSample() {
  const answer = await fetch("sample.webm");
  if (!answer.ok) throw new Error(`sample.webm: the server answers ${answer.status}`);
  // As a whole: not every server can send the parts that looping asks for.
  video.src = URL.createObjectURL(await answer.blob());
}

function listen() {
  $("sample").addEventListener("click", () => start("the sample film", openSample));
  $("camera").addEventListener("click", () => start("the camera", openCamera));
  fileInput.addEventListener("change", () => {
    const file = fileInput.files?.[0];
    fileInput.value = "";
    if (file?.type.startsWith("image/")) readPicture(file);
    else if (file) start(file.name, async () => void (video.src = URL.createObjectURL(file)));
  });
  pauseButton.addEventListener("click", () => {
    const paused = !video.paused;
    if (paused) video.pause();
    else video.play();
    setPaused(paused);
  });
}

async function main() {
  try {
    if (typeof WebAssembly !== "object") throw new Error("this browser has no WebAssembly");
    const answer = await fetch("contract.json");
    if (!answer.ok) throw new Error(`contract.json: the server answers ${answer.status}`);
    site = await answer.json();
    const { networks, accelerator } = await openNetworks(site, {
      accelerator: new URLSearchParams(location.search).get("accelerator"),
    });
    loop = new PoseLoop(site, networks);
    $("accelerator").textContent = accelerator;
  } catch (error) {
    say("Not ready");
    showError(`The models cannot be loaded: ${/** @type {any} */ (error)?.message ?? error}`);
    return;
  }
  listen();
  for (const control of [buttons[0], buttons[1], fileInput]) control.disabled = false;
  say("Choose a source");
}

main();
