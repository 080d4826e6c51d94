"""The adb command line as Python calls: devices and their states, shell with exit codes, push, reconnecting.

Two things the client does not tell by itself are told here. A shell whose connection broke ends with exit code 0 and
half its output: every command therefore prints a marker at its end, and a missing marker is a lost connection. Devices
without `shell_v2` (before Android 7) have no exit codes: the marker carries them.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

INSTALL = (
    "install it with `sudo apt-get install adb` (Debian, Ubuntu), `brew install android-platform-tools` (macOS), or "
    "from https://developer.android.com/tools/releases/platform-tools; or say where it is: --adb=PATH"
)
_MARKER = "blazepose-exit="
# What the client prints when the transport breaks; versions differ, so fragments.
_LOST = re.compile(
    r"device offline|device '[^']*' not found|no devices/emulators found|device still (?:connecting|authorizing)|"
    r"couldn't read from device|couldn't send|connection reset|broken pipe|protocol fault|error: closed|transport|"
    r"failed to read copy response|connect failed",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left on device|ENOSPC", re.IGNORECASE)
_STATES = {
    "unauthorized": "the phone has not accepted this computer: unlock it and confirm 'Allow USB debugging'",
    "authorizing": "the phone is still asking whether to accept this computer: unlock it and confirm",
    "offline": "the phone does not answer: replug the cable, or run `adb reconnect`",
    "connecting": "the phone does not answer: replug the cable, or run `adb reconnect`",
    "no permissions": "this user may not open the USB device: see https://developer.android.com/studio/run/device",
    "bootloader": "the phone is in its bootloader: boot Android",
    "recovery": "the phone is in recovery: boot Android",
    "sideload": "the phone is in sideload mode: boot Android",
}
T = TypeVar("T")


class AdbError(OSError):
    """Something between this computer and the phone went wrong; the message is for the user."""


class ConnectionLostError(AdbError):
    """The phone went away in the middle; trying again may help."""


class StorageFullError(AdbError):
    """The phone has no room for the file."""


class CommandError(AdbError):
    """A command ran on the phone and failed."""


@dataclass(frozen=True)
class Listed:
    """A line of `adb devices -l`."""

    serial: str
    state: str
    description: str


def find_adb(path: str = "") -> str:
    """The adb program.

    Args:
        path: the user's choice; otherwise PATH is searched.

    Raises:
        AdbError: there is none; says how to install it.
    """
    found = shutil.which(path or "adb")
    if not found:
        raise AdbError(f"adb was not found ({path or 'not in PATH'}): {INSTALL}")
    return found


def list_devices(adb: str) -> list[Listed]:
    """All devices that the adb server knows, in any state."""
    output = _run([adb, "devices", "-l"], timeout=30).stdout
    devices = []
    for line in output.splitlines():
        match = re.match(r"(\S+)\s+(no permissions|\S+)\s*(.*)$", line)
        if match and not line.startswith(("List of devices", "*")):
            devices.append(Listed(*match.groups()))
    return devices


def select_device(adb: str, serial: str = "") -> Device:
    """The device that the user means, ready to use.

    Args:
        adb: program from `find_adb`.
        serial: its serial; HOST:PORT is connected to if need be. Empty: the only device.

    Raises:
        AdbError: none, several to choose from, or one that is not ready; says what to do.
    """
    devices = list_devices(adb)
    if re.fullmatch(r"[^:]+:\d+", serial) and all(d.serial != serial for d in devices):
        answer = _run([adb, "connect", serial], timeout=30)
        devices = list_devices(adb)
        if all(d.serial != serial for d in devices):
            raise AdbError(f"adb could not connect to {serial}: {(answer.stdout + answer.stderr).strip()}")
    listing = "; ".join(f"{d.serial} ({d.state}{', ' + d.description if d.description else ''})" for d in devices)
    if not devices:
        raise AdbError("no phone found: connect one by USB and switch on 'USB debugging' in its developer options")
    if serial and all(d.serial != serial for d in devices):
        raise AdbError(f"no phone with the serial {serial!r}. adb sees: {listing}")
    if not serial and len(devices) > 1:
        raise AdbError(f"several phones are connected, choose one with --device=adb:SERIAL. adb sees: {listing}")
    chosen = next(d for d in devices if not serial or d.serial == serial)
    if chosen.state != "device":
        raise AdbError(f"phone {chosen.serial} is {chosen.state}: {_STATES.get(chosen.state, 'it is not ready')}")
    return Device(adb, chosen.serial)


class Device:
    """One phone.

    Args:
        adb: program from `find_adb`.
        serial: the phone's serial.
        retries: how often an operation is repeated after the connection broke.
        reconnect_s: how long to wait for a phone that went away.
        report: receives lines for the user.
    """

    def __init__(
        self,
        adb: str,
        serial: str,
        *,
        retries: int = 2,
        reconnect_s: float = 30,
        report: Callable[[str], None] = lambda line: None,
    ):
        self.serial = serial
        self.retries = retries
        self.reconnect_s = reconnect_s
        self.report = report
        self._adb = adb

    def shell(self, command: str, *, timeout: float = 60, check: bool = True, shown: str = "") -> str:
        """Runs a command with the phone's sh; returns stdout and stderr together.

        Args:
            command: shell text.
            timeout: seconds after which the phone counts as gone.
            check: whether another exit code than 0 is an error.
            shown: what the command is called in messages, instead of its text.

        Raises:
            ConnectionLostError: the connection broke, or there was no answer in time.
            CommandError: the command ended with another code than 0, if `check`.
        """
        # stderr joins stdout on the phone: the order of lines is kept and both forms of the service behave alike.
        script = f"( {command}\n) 2>&1; code=$?; echo; echo {_MARKER}$code"
        result = _run([self._adb, "-s", self.serial, "shell", script], timeout=timeout)
        output, marker, code = result.stdout.replace("\r\n", "\n").rpartition(_MARKER)
        if not marker or not code.strip().isdigit():
            reason = result.stderr.strip() or "the connection broke while a command ran"
            raise ConnectionLostError(f"phone {self.serial} went away: {reason}")
        output = output.removesuffix("\n")
        if check and int(code) != 0:
            end = " | ".join(line for line in output.strip().splitlines()[-4:]) or "(no output)"
            raise CommandError(f"on phone {self.serial}, exit code {int(code)} of `{shown or _short(command)}`: {end}")
        return output

    def push(self, source: Path | str, target: str, *, timeout: float = 600) -> None:
        """Copies a file to the phone.

        Raises:
            StorageFullError: no room.
            ConnectionLostError: the phone went away in the middle.
            AdbError: anything else that adb reports.
        """
        result = _run([self._adb, "-s", self.serial, "push", str(source), target], timeout=timeout)
        if result.returncode == 0:
            return
        message = (result.stderr + result.stdout).strip().splitlines() or ["no message"]
        text = next((line for line in message if "error" in line.lower()), message[0])
        if _FULL.search(text):
            raise StorageFullError(f"phone {self.serial} has no room for {Path(source).name}: free some storage on it")
        if _LOST.search(text):
            raise ConnectionLostError(f"phone {self.serial} went away while {Path(source).name} was copied: {text}")
        raise AdbError(f"copying {Path(source).name} to phone {self.serial} failed: {text}")

    def retrying(self, operation: Callable[[], T]) -> T:
        """Runs an operation, and again after reconnecting when the connection broke."""
        for attempt in range(1, self.retries + 1):
            try:
                return operation()
            except ConnectionLostError as error:
                self.report(f"{error}; reconnecting ({attempt} of {self.retries})")
                self.reconnect()
        return operation()

    def reconnect(self) -> None:
        """Waits until the phone answers again.

        Raises:
            ConnectionLostError: it did not within `reconnect_s`; names its state.
        """
        deadline, state = time.monotonic() + self.reconnect_s, "gone"
        while time.monotonic() < deadline:
            if ":" in self.serial:  # a network device has to be asked for, a USB device comes by itself
                _run([self._adb, "connect", self.serial], timeout=15)
            state = _run([self._adb, "-s", self.serial, "get-state"], timeout=15).stdout.strip() or "gone"
            if state == "device":
                try:
                    self.shell("true", timeout=10)
                    return
                except ConnectionLostError:
                    state = "offline"
            time.sleep(0.5)
        raise ConnectionLostError(
            f"phone {self.serial} did not come back within {self.reconnect_s:g} s ({state}): check the cable. What was "
            "copied to it, it deletes by itself"
        )


def quote(text: str) -> str:
    """A word for the phone's shell."""
    return shlex.quote(text)


def _run(command: list[str], *, timeout: float) -> subprocess.CompletedProcess:
    # A session of its own: Ctrl-C must reach this program only, which then ends what runs on the phone.
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConnectionLostError(f"no answer within {timeout:g} s from `{_short(' '.join(command))}`") from error
    except OSError as error:
        raise AdbError(f"{command[0]} cannot be started: {error}") from error


def _short(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= 100 else line[:97] + "..."
