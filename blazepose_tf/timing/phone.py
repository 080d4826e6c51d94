"""A visit to a phone: one private folder with the program and the models, and a phone left as it was.

The folder lies under /data/local/tmp and carries a lease: a time until which somebody still works there, renewed with
every command. A watchdog on the phone ends the benchmark and deletes the folder when the lease is over, so that a
pulled cable, a killed process or a crashed computer leave nothing behind. Ctrl-C and errors delete it at once. Nothing
else on the phone is changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.timing.adb import AdbError, ConnectionLostError, Device, StorageFullError, quote

BASE = "/data/local/tmp"
PREFIX = "blazepose-benchmark-"
PROGRAM = "benchmark_model"
# ELF machine numbers and the names Android gives them.
_MACHINES = {183: "arm64-v8a", 40: "armeabi-v7a", 62: "x86_64", 3: "x86"}
# Cores to pin per model (ro.product.model): the fast cluster. Pixel 2: Snapdragon 835, cores 4..7 are the big ones.
_BIG_CORES = {"Pixel 2": "f0", "Pixel 2 XL": "f0"}
_THROTTLED_BELOW = 0.95  # of the highest frequency the core is built for
_STATUS_MODERATE = 2  # Android's thermal status from which the processor is slowed down


class Phone:
    """A prepared phone; use as a context manager.

    Args:
        device: from `adb.select_device`.
        program: path of benchmark_model on this computer.
        models: .tflite files to copy.
        lease_s: seconds after which an abandoned phone cleans up, beyond the running command's own limit.
        report: receives lines for the user.
    """

    def __init__(
        self,
        device: Device,
        program: Path | str,
        models: Sequence[Path | str],
        *,
        lease_s: int = 60,
        report: Callable[[str], None] = lambda line: None,
    ):
        if lease_s < 1:
            raise ValueError(f"lease_s must be at least 1. Received: lease_s={lease_s}")
        self.device = device
        self.folder = f"{BASE}/{PREFIX}{secrets.token_hex(4)}"
        self.lease_s = lease_s
        self.report = report
        self._program = Path(program)
        self._files = {PROGRAM: self._program} | {f"model_{i}.tflite": Path(m) for i, m in enumerate(models)}
        self._hashes = {name: files.sha256(path) for name, path in self._files.items()}
        self.info: dict[str, str] = {}

    def __enter__(self) -> Phone:
        self.info = self.device.retrying(self._read_info)
        check_abi(self._program, self.info["abis"].split(","))
        try:
            self.device.retrying(self._prepare)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *exc) -> None:
        self._leave()

    @property
    def default_cores(self) -> str:
        """Mask of the fast cores where the model is known, else empty (no pinning)."""
        return _BIG_CORES.get(self.info["model"], "")

    def describe(self, cores: str) -> dict:
        """The `device` entry of a document. The serial appears as a hash only."""
        count = int(self.info["cores"]) if self.info["cores"].isdigit() else None
        memory = re.search(r"\d+", self.info["memory"])
        return {
            "kind": "adb",
            "id": self.info["serial_hash"],
            "model": self.info["model"] or "unknown",
            "abi": self.info["abis"].split(",")[0],
            "os": f"Android {self.info['release']} ({self.info['build']})",
            "cores": count,
            "affinity": cores_of_mask(cores) if cores else None,
            "governor": self.info["governor"] or None,
            "memory_mb": int(memory[0]) // 1024 if memory else None,
        }

    def run(self, model: int, flags: Sequence[str], *, cores: str = "", timeout: float = 300) -> str:
        """Runs benchmark_model on the model of that number; returns what it printed.

        Raises:
            ConnectionLostError: the phone went away and did not come back.
            CommandError: the program failed.
        """
        command = " ".join(quote(word) for word in (f"./{PROGRAM}", f"--graph=model_{model}.tflite", *flags))
        if cores:
            command = f"taskset {quote(cores)} {command}"

        def attempt() -> str:
            # The phone may have been restarted, or have cleaned up, while it was away.
            if not self.device.shell(f"cat {self.folder}/lease", check=False).strip().isdigit():
                self._prepare()
            lease = self._lease(timeout)
            script = f"echo $$ > run.pid; exec {command}"
            script = f"{lease}; cd {self.folder} && sh -c {quote(script)}"
            return self.device.shell(script, timeout=timeout, shown=command)

        return self.device.retrying(attempt)

    def state(self) -> dict:
        """Frequencies (MHz), their limits, temperatures (Celsius), thermal status and battery, as far as readable."""
        return parse_state(self.device.retrying(lambda: self.device.shell(_STATE_SCRIPT, check=False)))

    def wait_until_cool(self, *, cores: str, limit_s: float = 300, poll_s: float = 5) -> dict:
        """Waits while the phone throttles; returns its last state, throttled or not when the time is over."""
        start = time.monotonic()
        while True:
            state = self.state()
            reason = throttling(state, cores)
            if reason is None or time.monotonic() - start >= limit_s:
                return state
            self.report(f"the phone throttles ({reason}); waiting for it to cool down")
            self.device.retrying(lambda: self.device.shell(self._lease(poll_s), check=False))
            time.sleep(poll_s)

    def _lease(self, seconds: float) -> str:
        until, lease = int(seconds) + self.lease_s, f"{self.folder}/lease"
        # Renamed into place: a watchdog that met an empty file would take the lease for over.
        return f"[ -d {self.folder} ] && echo $(( $(date +%s) + {until} )) > {lease}.new && mv {lease}.new {lease}"

    def _read_info(self) -> dict[str, str]:
        names = ("model", "abis", "abi", "release", "build", "serial", "cores", "governor", "memory")
        output = self.device.shell(_INFO_SCRIPT)
        values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        info = {name: values.get(name, "").strip() for name in names}
        info["abis"] = info["abis"] or info["abi"]
        if not info["abis"]:
            raise AdbError(
                f"phone {self.device.serial} does not say what processor it has. It said: {output.strip()!r}"
            )
        info["serial_hash"] = hashlib.sha256(self.device.serial.encode()).hexdigest()[:12]
        return info

    def _prepare(self) -> None:
        shell = self.device.shell
        self._sweep()
        needed = sum(path.stat().st_size for path in self._files.values())
        free = _free_bytes(shell(f"df -k {BASE}", check=False))
        if free is not None and free < needed:
            raise StorageFullError(
                f"phone {self.device.serial} has {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB are needed: "
                "free some storage on it"
            )
        shell(f"umask 077; mkdir -p {self.folder}; {self._lease(600)}")
        # Detached from the shell, so that it survives the connection.
        shell(f"setsid sh -c {quote(self._watchdog())} < /dev/null > /dev/null 2>&1 &")
        for name, path in self._files.items():
            target = f"{self.folder}/{name}"
            if self._hash(target) != self._hashes[name]:
                self.report(f"copying {path.name} ({path.stat().st_size / 1e6:.1f} MB)")
                self.device.push(path, target)
                if self._hash(target) not in (self._hashes[name], None):
                    raise ConnectionLostError(f"{path.name} arrived damaged on phone {self.device.serial}")
        shell(f"chmod 700 {self.folder}/{PROGRAM}")

    def _hash(self, path: str) -> str | None:
        """sha256 of a file on the phone: "" where there is no file, None where the phone has no sha256sum."""
        output = self.device.shell(f"[ -f {path} ] && sha256sum {path} || echo absent", check=False).strip()
        if output.endswith("absent") and "not found" not in output:
            return ""
        match = re.match(r"\\?([0-9a-f]{64})\b", output)
        return match[1] if match else None

    def _watchdog(self) -> str:
        pause = max(1, min(5, self.lease_s // 4))
        return (
            f"while [ -d {self.folder} ]; do sleep {pause}; t=0; read t < {self.folder}/lease; "
            f'if [ "$(date +%s)" -gt "${{t:-0}}" ]; then {_remove(self.folder)}; fi; done'
        )

    def _sweep(self) -> None:
        """Deletes folders of earlier visits whose lease is over (their watchdog ended with a reboot)."""
        self.device.shell(
            f"for d in {BASE}/{PREFIX}*; do [ -d $d ] || continue; t=0; read t < $d/lease; "
            f'[ "$d" != {self.folder} ] && [ "$(date +%s)" -gt "${{t:-0}}" ] && rm -rf $d; done; true',
            check=False,
        )

    def _leave(self) -> None:
        """Ends what runs and deletes the folder; a second Ctrl-C waits until that is done."""
        with _undisturbed():
            try:
                self.device.shell(_remove(self.folder), check=False, timeout=20)
            except AdbError as error:
                self.report(f"could not clean up ({error}); the phone deletes {self.folder} by itself, if it has it")


def _remove(folder: str) -> str:
    return f"[ -f {folder}/run.pid ] && kill $(cat {folder}/run.pid) 2> /dev/null; rm -rf {folder}"


def check_abi(program: Path, abis: Sequence[str]) -> None:
    """Checks that a program was built for the phone.

    Args:
        program: an ELF file, or a script (which is let through).
        abis: what the phone runs, such as ["arm64-v8a", "armeabi-v7a"].

    Raises:
        AdbError: it was built for another processor, or is no program at all.
    """
    with open(program, "rb") as file:
        head = file.read(20)
    if head.startswith(b"#!"):
        return
    if not head.startswith(b"\x7fELF") or len(head) < 20:
        raise AdbError(
            f"{program} is no Android program (neither ELF nor a script); tools/android/README.md builds one"
        )
    machine = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    built = _MACHINES.get(machine, f"machine {machine}")
    if built not in abis:
        raise AdbError(f"{program} was built for {built}, the phone runs {', '.join(abis)}: build it for that")


def cores_of_mask(mask: str) -> list[int]:
    """Core numbers of a hexadecimal taskset mask: "f0" -> [4, 5, 6, 7].

    Raises:
        ValueError: no hexadecimal number, or no core.
    """
    try:
        value = int(mask, 16)
    except ValueError:
        value = 0
    if value <= 0:
        raise ValueError(f"cores must be a hexadecimal mask such as f0. Received: {mask!r}")
    return [i for i in range(value.bit_length()) if value >> i & 1]


def parse_state(output: str) -> dict:
    """The output of the state script as numbers; what a phone does not show is absent."""
    state: dict = {"frequency_mhz": {}, "limit_mhz": {}, "built_mhz": {}, "temperature_c": {}}
    for line in output.splitlines():
        words = line.split()
        if line.startswith("cpu ") and len(words) == 5:
            for key, value in zip(("frequency_mhz", "limit_mhz", "built_mhz"), words[2:], strict=True):
                if value.isdigit():
                    state[key][words[1]] = int(value) // 1000
        elif line.startswith("zone ") and len(words) == 3 and words[2].lstrip("-").isdigit():
            heat = int(words[2])  # millidegrees, on some phones degrees or tenths
            state["temperature_c"][words[1]] = (
                heat / 1000 if abs(heat) >= 1000 else heat / 10 if abs(heat) > 150 else heat
            )
        elif match := re.match(r"\s*Thermal Status:\s*(\d+)", line):
            state["thermal_status"] = int(match[1])
        elif match := re.match(r"\s*(level|temperature|USB powered|AC powered):\s*(\S+)", line):
            state.setdefault("battery", {})[match[1]] = match[2]
    return state


def throttling(state: dict, cores: str) -> str | None:
    """Why the phone runs slower than it could, or None: thermal status, or a pinned core's limit is lowered."""
    status = state.get("thermal_status", 0)
    if status >= _STATUS_MODERATE:
        return f"thermal status {status}"
    used = [str(core) for core in cores_of_mask(cores)] if cores else list(state["built_mhz"])
    for core in used:
        built, limit = state["built_mhz"].get(core), state["limit_mhz"].get(core)
        if built and limit and limit < _THROTTLED_BELOW * built:
            return f"core {core} limited to {limit} of {built} MHz"
    return None


def _free_bytes(output: str) -> int | None:
    """The "Available" column of `df -k`, in bytes."""
    lines = [line.split() for line in output.strip().splitlines()]
    for line in reversed(lines):
        if len(line) >= 4 and line[-3].isdigit() and line[-2].endswith("%"):
            return int(line[-3]) * 1024
    return None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Holds Ctrl-C and SIGTERM back; only the main thread may change handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)


_INFO_SCRIPT = """
echo model=$(getprop ro.product.model)
echo abis=$(getprop ro.product.cpu.abilist)
echo abi=$(getprop ro.product.cpu.abi)
echo release=$(getprop ro.build.version.release)
echo build=$(getprop ro.build.id)
echo cores=$(ls -d /sys/devices/system/cpu/cpu[0-9]* 2> /dev/null | wc -l)
echo governor=$(cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor 2> /dev/null)
echo memory=$(grep MemTotal: /proc/meminfo 2> /dev/null)
"""
_STATE_SCRIPT = """
for c in /sys/devices/system/cpu/cpu[0-9]*; do
  n=${c##*cpu}; c=$c/cpufreq
  echo cpu $n $(cat $c/scaling_cur_freq $c/scaling_max_freq $c/cpuinfo_max_freq 2> /dev/null)
done
for z in /sys/class/thermal/thermal_zone*; do
  [ -r $z/temp ] && echo zone $(cat $z/type 2> /dev/null | tr ' ' _) $(cat $z/temp 2> /dev/null)
done
dumpsys thermalservice 2> /dev/null | grep 'Thermal Status:' | head -n 1
dumpsys battery 2> /dev/null | grep -E '(level|temperature|powered):'
"""
