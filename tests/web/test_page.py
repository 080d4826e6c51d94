"""The page in a real browser: it follows a film, says what is wrong in one line, and finds what Python finds."""

from __future__ import annotations

import base64
import shutil

import cv2
import numpy as np
import pytest

# The engine looks for a GPU, finds none in a browser without a screen, and says so.
NO_GPU = ("No available adapters", "Failed to create default WebGPU device")
READY = "document.getElementById('sample')?.disabled === false || document.getElementById('error')?.hidden === false"
# Reads the sample film frame by frame: frames are sought, so that a slow machine misses none.
FILM = """(async () => {
  SHOW
  const engine = await import("@litertjs/core");
  engine.unloadLiteRt();
  const site = await (await fetch("contract.json")).json();
  const { openNetworks } = await import("./engine.js"), { PoseLoop } = await import("./loop.js");
  const loop = new PoseLoop(site, (await openNetworks(site, { accelerator: "wasm" })).networks);
  const video = document.createElement("video"), canvas = document.createElement("canvas");
  Object.assign(video, { muted: true, src: URL.createObjectURL(await (await fetch("sample.webm")).blob()) });
  await new Promise((resolve) => (video.onloadeddata = resolve));
  const { videoWidth: width, videoHeight: height } = video;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true }), results = [];
  for (const milliseconds of TIMES) {
    await show(video, milliseconds / 1000 + 0.01);
    context.drawImage(video, 0, 0);
    const { source, landmarks, visibility } = await loop.frame(context.getImageData(0, 0, width, height), milliseconds);
    results.push({ source, landmarks, visibility });
  }
  return results;
})()"""
PICTURE = """(() => {
  const bytes = Uint8Array.from(atob("BASE64"), (c) => c.charCodeAt(0)), files = new DataTransfer();
  files.items.add(new File([bytes], "picture.png", { type: "image/png" }));
  const input = document.getElementById("file");
  input.files = files.files;
  input.dispatchEvent(new Event("change"));
})()"""
STILL = """(async () => {
  const engine = await import("@litertjs/core");
  engine.unloadLiteRt();
  const site = await (await fetch("contract.json")).json();
  const { openNetworks } = await import("./engine.js"), { PoseLoop } = await import("./loop.js");
  const loop = new PoseLoop(site, (await openNetworks(site, { accelerator: "wasm" })).networks);
  const bytes = Uint8Array.from(atob("BASE64"), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes])), { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { source, roi, landmarks, visibility } = await loop.still(context.getImageData(0, 0, width, height));
  return { source, roi, landmarks, visibility };
})()"""


@pytest.fixture(scope="module")
def page(chromium, site):
    """The open page and its address."""
    with chromium.served(site) as address, chromium.Browser() as browser:
        browser.open(address)
        browser.wait(READY)
        yield browser, address


def _film(chromium, times_ms: list[float]) -> str:
    """The script that reads the sample's frames of these times."""
    return FILM.replace("SHOW", chromium.SHOW).replace("TIMES", str(times_ms))


def _text(browser, name: str) -> str:
    return browser.run(f"document.getElementById('{name}').textContent")


def _noise(browser) -> list[str]:
    return [line for line in browser.console if not line.startswith(NO_GPU)]


def _rows(browser) -> list[list[str]]:
    return browser.run("[...document.querySelectorAll('#angles tr')].map(r => [...r.children].map(c => c.textContent))")


def test_the_sample_film_is_followed(page):
    browser, address = page
    assert _text(browser, "accelerator") == "WebAssembly, one thread"
    browser.run("document.getElementById('sample').click()")
    browser.wait("Number(document.getElementById('rate').textContent) > 0")
    assert _text(browser, "state") == "Following a person"
    rows = _rows(browser)
    assert [row[0] for row in rows] == ["Elbow", "Knee", "Hip", "Shoulder"]
    shown = [float(value) for row in rows for value in row[1:] if value != "–"]
    assert len(shown) >= 6
    assert all(0 <= value <= 180 for value in shown)
    browser.run("document.getElementById('pause').click()")
    assert browser.run("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    assert _noise(browser) == []
    asked = [url for url in browser.requests if not url.startswith((address, f"blob:{address}"))]
    assert asked == [], "the page asks its own origin only"


def test_a_request_elsewhere_is_refused(page, chromium, site):
    browser, _ = page
    with chromium.served(site) as other, pytest.raises(RuntimeError, match="Failed to fetch"):
        browser.run(f"fetch('{other}contract.json', {{mode: 'no-cors'}})")
    browser.console.clear()


def test_a_file_that_is_no_film_costs_one_line(page):
    browser, _ = page
    browser.run("""(() => {
      const files = new DataTransfer(), input = document.getElementById("file");
      files.items.add(new File(["nothing of the kind"], "film.mp4", { type: "video/mp4" }));
      input.files = files.files;
      input.dispatchEvent(new Event("change"));
    })()""")
    browser.wait("!document.getElementById('error').hidden")
    assert _text(browser, "error").startswith("The browser cannot read this film")
    assert _text(browser, "state") == "Choose a source"


def _png(image: np.ndarray) -> str:
    return base64.b64encode(cv2.imencode(".png", image[..., ::-1])[1].tobytes()).decode("ascii")


def _film_frame(site, number: int) -> np.ndarray:
    from blazepose_tf.media.videos import VideoReader

    with VideoReader(site / "sample.webm") as video:
        return list(video)[number].image


def test_a_picture_is_read(page, site):
    browser, _ = page
    browser.run(PICTURE.replace("BASE64", _png(_film_frame(site, 20))))
    browser.wait("document.getElementById('state').textContent === 'A person'")
    assert _text(browser, "rate") == "–"
    assert float(_text(browser, "time")) > 0
    assert any(value != "–" for row in _rows(browser) for value in row[1:])
    browser.run(PICTURE.replace("BASE64", base64.b64encode(b"no picture").decode()))
    browser.wait("!document.getElementById('error').hidden")
    assert _text(browser, "error").startswith("The browser cannot read this picture")
    assert _noise(browser) == []


def test_a_camera_without_a_person(page):
    browser, _ = page
    browser.run("document.getElementById('camera').click()")  # the browser's own test picture
    browser.wait("document.getElementById('state').textContent === 'Looking for a person'")
    assert browser.run("document.getElementById('error').hidden")
    assert {value for row in _rows(browser) for value in row[1:]} == {"–"}
    assert _noise(browser) == []


def test_every_control_has_a_name_and_takes_the_keyboard(page):
    browser, _ = page
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    controls = [n for n in nodes if n.get("role", {}).get("value") in ("button", "image", "status", "table")]
    names = {n["name"]["value"] for n in controls if n["role"]["value"] == "button"}
    assert len(names) == 4
    assert all(names)
    assert {n["role"]["value"] for n in controls} >= {"button", "image", "table"}
    order = browser.run("""(() => {
      const all = [...document.querySelectorAll("button, input")];
      return all.filter((e) => e.tabIndex === 0 && !e.disabled).map((e) => e.id);
    })()""")
    assert order == ["sample", "camera", "file", "pause"]


def test_without_its_models_the_page_says_so(chromium, site, tmp_path):
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    (broken / "models/tracker.tflite").write_bytes(b"no model")
    with chromium.served(broken) as address, chromium.Browser() as browser:
        browser.open(address)
        browser.wait(READY)
        assert _text(browser, "error").startswith("The models cannot be loaded: ")
        assert _text(browser, "state") == "Not ready"
        assert browser.run("document.getElementById('sample').disabled")


def test_threads_are_used_where_the_server_allows_them(chromium, site):
    with chromium.served(site, isolated=True) as address, chromium.Browser() as browser:
        browser.open(address)
        browser.wait(READY)
        assert _text(browser, "accelerator") == "WebAssembly, threads"
        browser.run("document.getElementById('sample').click()")
        browser.wait("document.getElementById('state').textContent === 'Following a person'")
        assert _noise(browser) == []


@pytest.mark.slow
def test_webgpu_gives_the_same(chromium, site):
    """On an adapter in software, which a machine without a GPU has, too."""
    film = _film(chromium, [0, 33, 67])
    with chromium.served(site) as address, chromium.Browser(software_gpu=True) as browser:
        browser.open(address)
        browser.wait(READY, 200)
        if _text(browser, "accelerator") != "WebGPU":
            pytest.skip("this Chromium has no WebGPU adapter in software")
        found = [browser.run(film.replace('"wasm"', f'"{name}"'), 300) for name in ("wasm", "webgpu")]
        assert _noise(browser) == []
    assert [r["source"] for r in found[1]] == ["detected", "tracked", "tracked"]
    wasm, gpu = (np.array([r["landmarks"] for r in results]) for results in found)
    assert np.abs(wasm - gpu).max() < 0.05  # measured: 0.012


def test_the_film_gives_the_landmarks_of_the_python_runtime(page, site, chromium):
    from blazepose_tf.media.videos import VideoReader
    from blazepose_tf.runtime.pipeline import PosePipeline

    browser, _ = page
    pipeline = PosePipeline(site / "models/detector.tflite", site / "models/tracker.tflite")
    with VideoReader(site / "sample.webm") as video:
        frames = list(video)
    expected = [pipeline(frame.image, frame.timestamp_ms) for frame in frames]
    results = browser.run(_film(chromium, [frame.timestamp_ms for frame in frames]), 300)
    assert [r["source"] for r in results] == [e.source for e in expected]
    assert sum(e.found for e in expected) > 50
    pairs = [(r, e) for r, e in zip(results, expected, strict=True) if e.found]
    distance = np.stack([np.linalg.norm(np.asarray(r["landmarks"]) - e.landmarks, axis=1) for r, e in pairs])
    seen = np.stack([np.abs(np.asarray(r["visibility"]) - e.visibility) for r, e in pairs])
    print(f"pixels: median {np.median(distance):.3f}, worst frame's median {np.median(distance, 1).max():.3f}, ")
    print(f"95 % {np.percentile(distance, 95):.3f}, largest {distance.max():.3f}; visibility {seen.max():.4f}")
    # Frame by frame: the decoders' colours differ by a level or two, the networks' arithmetic by less.
    assert np.median(distance, axis=1).max() <= 0.5
    assert np.percentile(distance, 99) <= 2.0
    assert np.median(seen) <= 0.01


def test_pictures_give_what_the_python_runtime_gives(page, site):
    from blazepose_tf.runtime.pipeline import PosePipeline

    browser, _ = page
    frame = _film_frame(site, 20)
    # The same person small and at the rim, where it takes a closer look; and nobody.
    wide = np.full((720, 960, 3), frame[0, 0], np.uint8)
    wide[-260:-20, -340:-20] = frame
    pipeline = PosePipeline(site / "models/detector.tflite", site / "models/tracker.tflite")
    for image in (frame, wide, np.full_like(frame, 90)):
        expected, found = pipeline(image), browser.run(STILL.replace("BASE64", _png(image)), 100)
        assert found["source"] == expected.source
        if expected.found:
            assert np.abs(np.asarray(found["roi"]) - expected.roi).max() < 0.5
            # Crops round differently, and a point whose map is flat follows that further than the others do.
            apart = np.abs(np.asarray(found["landmarks"]) - expected.landmarks)
            assert np.median(apart) < 0.1 and apart.max() < 2.0
            seen = np.abs(np.asarray(found["visibility"]) - expected.visibility)
            # So does a visibility between yes and no: half a pixel of the region moves that of an eye by 0.03.
            assert np.median(seen) < 0.005 and seen.max() < 0.05
    assert pipeline(frame).found
