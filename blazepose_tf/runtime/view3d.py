"""A page that shows world landmarks in the round: one file, no network, the numbers inside."""

from __future__ import annotations

import json

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Poses in the round</title>
<style>
:root{color-scheme:light dark}
body{margin:0;font:14px system-ui,sans-serif;display:flex;flex-direction:column;height:100vh}
canvas{flex:1;min-height:0;width:100%;touch-action:none;cursor:grab}
form{display:flex;gap:.7em;align-items:center;padding:.5em .8em}input[type=range]{flex:1}
</style></head><body>
<canvas aria-label="Skeleton; drag to turn it, scroll to come nearer"></canvas>
<form><button type="button">Play</button><input type="range" min="0" value="0" aria-label="Frame">
<output></output></form>
<script type="application/json" id="poses">@POSES@</script>
<script>
"use strict";
const poses = JSON.parse(document.getElementById("poses").textContent);
const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
const slider = document.querySelector("input"), button = document.querySelector("button");
const shown = document.querySelector("output");
let yaw = 0.5, pitch = -0.15, zoom = 1, started = null;
slider.max = poses.frames.length - 1;
function project(p) {  // x right, y down, z away; turned about mid-hip
  const cy = Math.cos(yaw), sy = Math.sin(yaw), cp = Math.cos(pitch), sp = Math.sin(pitch);
  const x = cy * p[0] + sy * p[2], z = cy * p[2] - sy * p[0];
  const far = 4 + cp * z + sp * p[1];
  const size = zoom * 1.6 * Math.min(canvas.width, canvas.height) / far;
  return [canvas.width / 2 + size * x, canvas.height / 2 + size * (cp * p[1] - sp * z), far];
}
function line(a, b, color, width) {
  pen.strokeStyle = color; pen.lineWidth = width * devicePixelRatio; pen.beginPath();
  pen.moveTo(a[0], a[1]); pen.lineTo(b[0], b[1]); pen.stroke();
}
function draw() {
  canvas.width = canvas.clientWidth * devicePixelRatio; canvas.height = canvas.clientHeight * devicePixelRatio;
  const frame = poses.frames[+slider.value];
  for (let i = -4; i <= 4; i++) {  // a grid of quarter metres below the hips
    line(project([i / 4, 1, -1]), project([i / 4, 1, 1]), "#8885", 1);
    line(project([-1, 1, i / 4]), project([1, 1, i / 4]), "#8885", 1);
  }
  for (const person of frame.people) {
    const points = person.map(project);
    const edges = poses.edges.map(([a, b]) => [a, b, points[a][2] + points[b][2]]).sort((a, b) => b[2] - a[2]);
    for (const [a, b] of edges) {
      const side = poses.keypoints[a].includes("left") ? "#e08030" : "#3080e0";
      const both = poses.keypoints[a].split("_")[0] === poses.keypoints[b].split("_")[0];
      line(points[a], points[b], both ? side : "#888", 4);
    }
  }
  shown.value = frame.time === null ? "" : (frame.time / 1000).toFixed(2) + " s";
}
function play(now) {
  if (started === null) return;
  const last = poses.frames.length - 1, period = (poses.frames[last].time || last * 33) + 33;
  const time = (now - started) % period;
  let i = poses.frames.findIndex((f, n) => (f.time === null ? n * 33 : f.time) > time);
  slider.value = i < 0 ? last : Math.max(0, i - 1);
  draw(); requestAnimationFrame(play);
}
button.onclick = () => {
  const was = started; started = was === null ? performance.now() : null;
  button.textContent = was === null ? "Pause" : "Play";
  if (was === null) requestAnimationFrame(play);
};
button.hidden = slider.hidden = poses.frames.length < 2;
slider.oninput = draw; onresize = draw;
canvas.onpointerdown = e => canvas.setPointerCapture(e.pointerId);
canvas.onpointermove = e => {
  if (!e.buttons) return;
  yaw += e.movementX / 150; pitch = Math.max(-1.5, Math.min(1.5, pitch - e.movementY / 150)); draw();
};
canvas.onwheel = e => {
  e.preventDefault(); zoom = Math.max(0.3, Math.min(5, zoom * Math.exp(-e.deltaY / 600))); draw();
};
draw();
</script></body></html>
"""


def page(document: str) -> str | None:
    """The page of a native JSON document (`results.source_json`); None where no frame has world landmarks."""
    content = json.loads(document)
    frames = []
    for frame in content["frames"]:
        people = frame.get("people", [frame])
        world = [[[round(v, 3) for v in point] for point in p["world"]] for p in people if "world" in p]
        frames.append({"time": frame["timestamp_ms"], "people": world})
    if not any(frame["people"] for frame in frames):
        return None
    poses = {"keypoints": content["keypoints"], "edges": content["edges"], "frames": frames}
    # A name that holds "</script>" must not end the element.
    return _PAGE.replace("@POSES@", json.dumps(poses, separators=(",", ":")).replace("<", "\\u003c"))
