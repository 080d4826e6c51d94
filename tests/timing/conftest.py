"""A phone for the tests: the real adb client against a loopback device that runs a real interpreter."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
PROPERTIES = {
    "ro.product.model": "Loopback Phone",
    "ro.product.cpu.abilist": "x86_64,x86",
    "ro.build.version.release": "11",
    "ro.build.id": "TEST.1",
}


def _load(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def loopback() -> ModuleType:
    return _load("loopback_device")


@pytest.fixture(scope="session")
def program(tmp_path_factory) -> Path:
    """The stand-in for benchmark_model as one executable file, run by this interpreter."""
    path = tmp_path_factory.mktemp("program") / "benchmark_model"
    path.write_text(f"#!{sys.executable}\n{(HERE / 'benchmark_model_stand_in.py').read_text()}")
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory):
    """The adb program, and the environment of a server and a home of its own."""
    found = shutil.which("adb")
    if not found:
        pytest.skip("adb is not installed (apt-get install adb)")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"ANDROID_ADB_SERVER_PORT": str(port), "HOME": str(tmp_path_factory.mktemp("home"))}
    environment = os.environ | settings
    subprocess.run([found, "start-server"], capture_output=True, check=True, timeout=60, env=environment)
    yield found, settings
    subprocess.run([found, "kill-server"], capture_output=True, check=False, timeout=60, env=environment)


@pytest.fixture
def adb(adb_server, monkeypatch) -> str:
    """The adb program; for the time of a test, this process talks to the tests' own server."""
    found, settings = adb_server
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def make_device(adb, loopback, tmp_path):
    """Starts loopback devices: make_device(faults=..., shell_v2=..., connect=True, **properties)."""
    running = []

    def make(*, faults=None, shell_v2=True, connect=True, properties=None):
        root = tmp_path / f"device{len(running)}"
        merged = PROPERTIES | (properties or {})
        device = loopback.LoopbackDevice(root, properties=merged, shell_v2=shell_v2, faults=faults).__enter__()
        running.append(device)
        if connect:
            # A device that never answers would hold this command for ten seconds; being listed is enough.
            connecting = subprocess.Popen([adb, "connect", device.serial], stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 10
            while connecting.poll() is None and time.monotonic() < deadline:
                listed = subprocess.run([adb, "devices"], capture_output=True, text=True, check=True, timeout=30).stdout
                if device.faults.silent and device.serial in listed:
                    break
                time.sleep(0.02)
            connecting.kill()
            connecting.wait()
        return device

    yield make
    for device in running:
        subprocess.run([adb, "disconnect", device.serial], capture_output=True, check=False, timeout=30)
        device.__exit__()
