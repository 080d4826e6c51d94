"""A headless Chromium of one's own, spoken to through two pipes (Chrome DevTools Protocol); no package needed.

As a program it takes the pictures of docs/browser.md:

    python tools/browser.py --site=site --output=docs/browser
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: the tests may run as root, and open nothing but their own page. The rest keeps the browser from calling
# its maker.
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--remote-debugging-pipe"),
)

_NO_GPU = ("--disable-gpu",)
# WebGPU computed by the processor: slow, but the same path.
_SOFTWARE_GPU = (
    *("--enable-unsafe-webgpu", "--enable-features=Vulkan,WebGPU"),
    *("--use-webgpu-adapter=swiftshader", "--use-vulkan=swiftshader"),
)


def program() -> str | None:
    """Path of an installed Chromium."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


# Of scripts that look at a film's frames one by one. `seeked` comes before the picture on a busy machine: what is drawn
# then is the frame before.
SHOW = """
  const show = async (video, seconds) => {
    const presented = new Promise((resolve) => (video.requestVideoFrameCallback(resolve), setTimeout(resolve, 2000)));
    video.currentTime = seconds;
    await new Promise((resolve) => (video.onseeked = resolve));
    await presented;
  };
"""


class Browser:
    """One tab.

    Attributes:
        console: warnings, errors and uncaught exceptions of the page.
        requests: addresses that the page asked for.
    """

    def __init__(self, *, software_gpu: bool = False):
        """Starts it; `software_gpu`: with WebGPU, computed by the processor."""
        self._profile = tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True)
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def place() -> None:  # the browser reads from 3 and writes to 4
            first, second = os.dup(to_browser), os.dup(from_browser)
            os.dup2(first, 3)
            os.dup2(second, 4)

        flags = (*_FLAGS, *(_SOFTWARE_GPU if software_gpu else _NO_GPU))
        command = [program(), *flags, f"--user-data-dir={self._profile.name}", "about:blank"]
        self._process = subprocess.Popen(
            command, preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer, self._number, self._session = b"", 0, None
        self.console: list[str] = []
        self.requests: list[str] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def _receive(self, deadline: float) -> dict:
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self._read, 1 << 20)
            if not part:
                raise ConnectionError("the browser ended")
            self._buffer += part
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, seconds: float = 60.0, **parameters) -> dict:
        """One command of the protocol; what happens meanwhile is written down."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer.get("method"), answer.get("params", {}))

    def _note(self, event: str | None, about: dict) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.console.append(" ".join(str(a.get("value", a.get("description"))) for a in about["args"]))
        elif event == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.console.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.console.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")

    def run(self, script: str, seconds: float = 60.0):
        """Value of a JavaScript expression, awaited."""
        result = self.call(
            "Runtime.evaluate", seconds, expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def open(self, address: str) -> None:
        """Goes there; the page may still be loading."""
        self.call("Page.navigate", url=address)

    def wait(self, condition: str, seconds: float = 60.0) -> None:
        """Until the JavaScript expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s: {condition}. Console: {self.console}")
            time.sleep(0.1)

    def screenshot(self, path: Path, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Writes a PNG of the page at a size in CSS pixels."""
        self.look(width, height, dark=dark, phone=phone)
        time.sleep(0.5)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def look(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Sets size and colour scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def cpu_seconds(self) -> float:
        """CPU time of the browser's processes so far (Linux): what a busy machine does not stretch."""
        parents, ticks = {}, {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
            except OSError:
                continue  # it ended meanwhile
            parents[int(path.parent.name)] = int(fields[1])
            ticks[int(path.parent.name)] = int(fields[11]) + int(fields[12])
        total, family = 0, {self._process.pid}
        while family:
            total += sum(ticks.get(pid, 0) for pid in family)
            family = {pid for pid, parent in parents.items() if parent in family}
        return total / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Ends the browser."""
        for pipe in (self._write, self._read):
            os.close(pipe)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_) -> None:
        self.close()


class _Quiet(SimpleHTTPRequestHandler):
    headers_of_all: tuple[tuple[str, str], ...] = ()

    def end_headers(self) -> None:
        for name, value in self.headers_of_all:
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_) -> None:
        pass


@contextmanager
def served(folder: Path, *, isolated: bool = False) -> Iterator[str]:
    """Address of a folder on this machine; `isolated` sends the headers that allow threads."""
    names = ("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Embedder-Policy", "require-corp")
    handler = type("Handler", (_Quiet,), {"headers_of_all": names if isolated else ()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def main() -> None:
    """Opens the page, plays its sample film and writes what it looks like."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, required=True, help="folder of blazepose export --format=web")
    parser.add_argument("--output", type=Path, required=True, help="existing folder for the pictures")
    args = parser.parse_args()
    if not (args.site / "index.html").is_file() or not args.output.is_dir():
        parser.error(f"expected an exported page in {args.site} and a folder {args.output}")
    with served(args.site) as address, Browser() as browser:
        browser.look(960, 660)
        browser.open(address)
        browser.wait("document.getElementById('sample')?.disabled === false")
        browser.run("document.getElementById('sample').click()")
        browser.wait("Number(document.getElementById('rate').textContent) > 0")
        time.sleep(4.0)  # the mean of some frames
        browser.run("document.getElementById('pause').click()")
        for name, look in (
            ("light.png", {"width": 960, "height": 660}),
            ("dark.png", {"width": 960, "height": 660, "dark": True}),
            ("phone.png", {"width": 390, "height": 780, "phone": True}),
        ):
            browser.screenshot(args.output / name, **look)


if __name__ == "__main__":
    main()
