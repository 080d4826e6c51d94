"""examples/service.py as a server of its own, with 50 clients at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime import PosePipeline
from blazepose_tf.runtime.poses import PoseResult

pytest.importorskip("fastapi", reason="pip install 'blazepose_tf[service]'")
pytest.importorskip("uvicorn", reason="pip install 'blazepose_tf[service]'")

ROOT = Path(__file__).resolve().parents[2]
PICTURES = sorted((ROOT / "testdata" / "people" / "images").glob("*.jpg"))[:4]
CLIENTS = 50


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a running service with two pipelines."""
    log = tmp_path_factory.mktemp("service") / "log"
    command = [sys.executable, ROOT / "examples" / "service.py", "--port=0", "--workers=2"]
    with open(log, "w", encoding="utf-8") as errors, subprocess.Popen(command, stderr=errors) as server:
        try:
            for _ in range(600):
                text = log.read_text(encoding="utf-8")
                if "running on " in text:
                    break
                assert server.poll() is None, text
                time.sleep(0.1)
            yield text.split("running on ")[1].split()[0]
        finally:
            server.terminate()


def post(address: str, content: bytes) -> tuple[int, str]:
    request = urllib.request.Request(f"{address}/pose", data=content, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_fifty_clients_each_get_their_own_picture(address):
    contents = [path.read_bytes() for path in PICTURES]
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda i: post(address, contents[i % len(contents)]), range(2 * CLIENTS)))
    pipeline = PosePipeline(tracker="lite")
    expected = [pipeline(read_picture(path)) for path in PICTURES]
    assert any(result.found for result in expected)
    for i, (status, text) in enumerate(answers):
        found = PoseResult.from_json(text)
        assert status == 200 and found.image_size == expected[i % len(expected)].image_size
        np.testing.assert_allclose(found.landmarks, expected[i % len(expected)].landmarks, atol=0.01)


def test_what_is_no_picture_costs_a_line_and_nothing_else(address):
    assert post(address, b"no picture")[0] == 400
    assert post(address, b"")[0] == 400
    assert post(address, bytes(20_000_001))[0] == 413
    assert post(address, PICTURES[0].read_bytes())[0] == 200


def test_film_is_answered_frame_by_frame(address):
    client = pytest.importorskip("websockets.sync.client")
    with client.connect(address.replace("http", "ws") + "/film") as socket:
        for path in PICTURES[:2]:
            socket.send(path.read_bytes())
            assert json.loads(socket.recv(timeout=120))["source"] in ("detected", "tracked", "none")
