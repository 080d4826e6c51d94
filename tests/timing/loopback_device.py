"""A device on the loopback interface that the real adb client talks to; what it is asked to do, it does on this host.

It speaks adb's transport protocol (CNXN, AUTH, OPEN, OKAY, WRTE, CLSE), the `shell` services with and without
`shell_v2`, and the sync service (STAT, SEND, RECV). Paths under /data/local/tmp, /sys and /proc/cpuinfo are mapped into
a private folder, and a private `bin` holds what a phone has and a host has not (getprop, dumpsys). `Faults` break it.

Source of the protocol: protocol.txt, SYNC.TXT and shell_protocol.h of the Android platform tools.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

COMMANDS = b"CNXN AUTH OPEN OKAY WRTE CLSE".split()
CNXN, AUTH, OPEN, OKAY, WRTE, CLSE = (int.from_bytes(name, "little") for name in COMMANDS)
VERSION = 0x01000000  # the version with checksums; every client still speaks it
MAX_DATA = 256 * 1024
STDIN, STDOUT, STDERR, EXIT = 0, 1, 2, 3  # packet ids of shell_v2


@dataclass
class Faults:
    """What goes wrong. Everything is off by default.

    Attributes:
        unauthorized: the user has not accepted this computer's key.
        silent: connections are accepted and never answered ("offline").
        drop_push_after: bytes of a push after which the cable is pulled; each pull takes one from `drops`.
        drop_shell: substring of a shell command that pulls the cable; each pull takes one from `drops`.
        drops: how many times the cable is pulled.
        gone_after_drop: the device refuses every connection once the cable was pulled.
        storage_full_after: bytes of a push after which the storage is full (-1: never).
    """

    unauthorized: bool = False
    silent: bool = False
    drop_push_after: int = -1
    drop_shell: str = ""
    drops: int = 1
    gone_after_drop: bool = False
    storage_full_after: int = -1


class CableError(ConnectionError):
    """The connection ended, by fault or by the client."""


class LoopbackDevice:
    """A device listening on 127.0.0.1; use as a context manager.

    Args:
        root: private folder that becomes the device's file system.
        properties: what getprop answers, e.g. {"ro.product.cpu.abi": "x86_64"}.
        shell_v2: whether the device offers exit codes and a separate stderr (Android 7 and later).
        faults: what goes wrong.
    """

    def __init__(self, root: Path, *, properties: dict[str, str], shell_v2: bool = True, faults: Faults | None = None):
        self.root = Path(root)
        self.properties = dict(properties)
        self.shell_v2 = shell_v2
        self.faults = faults or Faults()
        self.commands: list[str] = []
        self.gone = False
        self._sockets: set[socket.socket] = set()
        self._server: socket.socket | None = None

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    @property
    def storage(self) -> Path:
        """What the device calls /data/local/tmp."""
        return self.root / "data" / "local" / "tmp"

    def __enter__(self) -> LoopbackDevice:
        self.storage.mkdir(parents=True, exist_ok=True)
        (self.root / "bin").mkdir(exist_ok=True)
        cases = "".join(f'"{name}") echo "{value}";;\n' for name, value in self.properties.items())
        self.install("getprop", f'#!/bin/sh\ncase "$1" in\n{cases}esac\n')
        while self._server is None:
            server = socket.create_server(("127.0.0.1", 0))
            # adb takes ports 5555..5585 for emulators and would register a second device.
            if 5550 <= server.getsockname()[1] <= 5600:
                server.close()
            else:
                self._server = server
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc) -> None:
        self.gone = True
        self._server.close()
        self.pull_cable()

    def install(self, name: str, script: str) -> None:
        """Puts an executable into the device's PATH."""
        path = self.root / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    def write(self, path: str, text: str) -> None:
        """Writes a file of the device, such as a node of /sys, which end with a newline."""
        host = self.host_path(path)
        host.parent.mkdir(parents=True, exist_ok=True)
        host.write_text(text + "\n")

    def host_path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def pull_cable(self) -> None:
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def maybe_drop(self) -> None:
        """Pulls the cable if there are drops left, and ends the calling service."""
        if self.faults.drops > 0:
            self.faults.drops -= 1
            self.gone = self.gone or self.faults.gone_after_drop
            self.pull_cable()
            raise CableError("cable pulled")

    def shell_command(self, command: str) -> list[str]:
        """The host's command line for a command of the device, with the device's paths and programs."""
        self.commands.append(command)
        mapped = command
        for prefix in ("/data/local/tmp", "/sys/", "/proc/cpuinfo"):
            mapped = mapped.replace(prefix, f"{self.root}{prefix}")
        return ["/bin/sh", "-c", f'PATH="{self.root}/bin:$PATH"; cd "{self.storage}"; {mapped}']

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            if self.gone:
                connection.close()
                continue
            self._sockets.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            Transport(self, connection).serve()
        except (OSError, struct.error):
            pass
        finally:
            self._sockets.discard(connection)
            connection.close()


@dataclass
class Stream:
    """One opened service: `local` is the device's id, `remote` the client's."""

    local: int
    remote: int
    inbox: bytearray = field(default_factory=bytearray)
    closed: bool = False
    acknowledged: bool = True
    child: subprocess.Popen | None = None


class Transport:
    """One connection of an adb server."""

    def __init__(self, device: LoopbackDevice, connection: socket.socket):
        self.device = device
        self.connection = connection
        self.streams: dict[int, Stream] = {}
        self.changed = threading.Condition()
        self.sending = threading.Lock()

    def serve(self) -> None:
        try:
            while True:
                command, arg0, arg1, data = self._receive()
                self._handle(command, arg0, arg1, data)
        finally:
            with self.changed:
                for stream in self.streams.values():
                    self._close(stream)
                self.changed.notify_all()

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self.connection.recv(count - len(data))
            if not part:
                raise CableError("the client went away")
            data += part
        return bytes(data)

    def _receive(self) -> tuple[int, int, int, bytes]:
        command, arg0, arg1, length, _, _ = struct.unpack("<6I", self._read(24))
        return command, arg0, arg1, self._read(length)

    def send(self, command: int, arg0: int, arg1: int, data: bytes = b"") -> None:
        header = struct.pack("<6I", command, arg0, arg1, len(data), sum(data) & 0xFFFFFFFF, command ^ 0xFFFFFFFF)
        with self.sending:
            self.connection.sendall(header + data)

    def _handle(self, command: int, arg0: int, arg1: int, data: bytes) -> None:
        faults = self.device.faults
        if command in (CNXN, AUTH):
            if faults.silent:
                return
            if faults.unauthorized:
                # A token, then another one for the signature; the public key (type 3) waits for the user, for ever.
                if not (command == AUTH and arg0 == 3):
                    self.send(AUTH, 1, 0, os.urandom(20))
                return
            features = "shell_v2,cmd" if self.device.shell_v2 else "cmd"
            model = self.device.properties.get("ro.product.model", "loopback").replace(" ", "_")
            names = f"ro.product.name=loopback;ro.product.model={model};ro.product.device=loopback"
            banner = f"device::{names};features={features}"
            self.send(CNXN, VERSION, MAX_DATA, banner.encode())
        elif command == OPEN:
            stream = Stream(local=len(self.streams) + 1, remote=arg0)
            self.streams[stream.local] = stream
            self.send(OKAY, stream.local, stream.remote)
            service = data.rstrip(b"\0").decode()
            threading.Thread(target=self._run_service, args=(stream, service), daemon=True).start()
        elif command in (WRTE, OKAY, CLSE) and arg1 in self.streams:
            stream = self.streams[arg1]
            with self.changed:
                if command == WRTE:
                    stream.inbox += data
                    self.send(OKAY, stream.local, stream.remote)
                elif command == OKAY:
                    stream.acknowledged = True
                else:
                    self._close(stream)
                self.changed.notify_all()

    def _close(self, stream: Stream) -> None:
        stream.closed = True
        if stream.child and stream.child.poll() is None:
            # As adbd: a shell whose client went away gets SIGHUP, with its process group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(stream.child.pid, signal.SIGHUP)

    def _run_service(self, stream: Stream, service: str) -> None:
        try:
            kind, _, argument = service.partition(":")
            if kind.split(",")[0] in ("shell", "exec"):
                Shell(self, stream, v2="v2" in kind.split(",")).run(argument)
            elif kind == "sync":
                Sync(self, stream).run()
            self.send(CLSE, stream.local, stream.remote)
        except OSError:
            pass

    def write(self, stream: Stream, data: bytes) -> None:
        """Sends data of a stream in order, one message at a time, each after the client's OKAY."""
        for start in range(0, len(data), MAX_DATA):
            with self.changed:
                self.changed.wait_for(lambda: stream.acknowledged or stream.closed)
                if stream.closed:
                    raise CableError("stream closed")
                stream.acknowledged = False
            self.send(WRTE, stream.local, stream.remote, data[start : start + MAX_DATA])

    def read(self, stream: Stream, count: int) -> bytes:
        with self.changed:
            self.changed.wait_for(lambda: len(stream.inbox) >= count or stream.closed)
            if len(stream.inbox) < count:
                raise CableError("stream closed")
            data = bytes(stream.inbox[:count])
            del stream.inbox[:count]
            return data


class Shell:
    """Runs one command; shell_v2 separates stdout, stderr and the exit code."""

    def __init__(self, transport: Transport, stream: Stream, *, v2: bool):
        self.transport = transport
        self.stream = stream
        self.v2 = v2

    def run(self, command: str) -> None:
        device = self.transport.device
        drop = device.faults.drop_shell and device.faults.drop_shell in command
        child = subprocess.Popen(
            device.shell_command(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if self.v2 else subprocess.STDOUT,
            start_new_session=True,
        )
        self.stream.child = child
        pumps = [threading.Thread(target=self._pump, args=(child.stdout, STDOUT), daemon=True)]
        if self.v2:
            pumps.append(threading.Thread(target=self._pump, args=(child.stderr, STDERR), daemon=True))
        for pump in pumps:
            pump.start()
        if drop:
            time.sleep(0.02)  # the command is under way, and cannot have ended
            device.maybe_drop()
        code = child.wait()
        for pump in pumps:
            pump.join()
        if self.v2:
            self.transport.write(self.stream, struct.pack("<BIB", EXIT, 1, code & 0xFF))

    def _pump(self, pipe, packet: int) -> None:
        try:
            while data := pipe.read1(32768):
                self.transport.write(self.stream, struct.pack("<BI", packet, len(data)) + data if self.v2 else data)
        except OSError:
            pass


class Sync:
    """The file service: STAT, SEND and RECV until QUIT."""

    def __init__(self, transport: Transport, stream: Stream):
        self.transport = transport
        self.stream = stream
        self.device = transport.device

    def run(self) -> None:
        while True:
            request, length = struct.unpack("<4sI", self.transport.read(self.stream, 8))
            argument = self.transport.read(self.stream, length).decode()
            if request == b"QUIT":
                return
            if request == b"STAT":
                self._stat(self.device.host_path(argument))
            elif request == b"SEND":
                path, _, mode = argument.rpartition(",")
                self._receive_file(self.device.host_path(path), int(mode))
            elif request == b"RECV":
                self._send_file(self.device.host_path(argument))
            else:
                self._fail(f"unknown sync request {request!r}")

    def _reply(self, data: bytes) -> None:
        self.transport.write(self.stream, data)

    def _fail(self, message: str) -> None:
        self._reply(struct.pack("<4sI", b"FAIL", len(message)) + message.encode())

    def _stat(self, path: Path) -> None:
        try:
            info = path.stat()
            values = (info.st_mode, info.st_size & 0xFFFFFFFF, int(info.st_mtime))
        except OSError:
            values = (0, 0, 0)
        self._reply(struct.pack("<4s3I", b"STAT", *values))

    def _receive_file(self, path: Path, mode: int) -> None:
        faults, received, error = self.device.faults, 0, ""
        target = path if path.parent.is_dir() else None
        if target is None:
            error = "couldn't create file: No such file or directory"
        with open(target or os.devnull, "wb") as file:
            while True:
                chunk, length = struct.unpack("<4sI", self.transport.read(self.stream, 8))
                if chunk == b"DONE":
                    break
                file.write(self.transport.read(self.stream, length))
                received += length
                if 0 <= faults.drop_push_after < received:
                    self.device.maybe_drop()
                if 0 <= faults.storage_full_after < received and not error:
                    error = "couldn't write file: No space left on device"
        if error:
            path.unlink(missing_ok=True)
            self._fail(error)
        else:
            path.chmod(stat.S_IMODE(mode) or 0o644)
            self._reply(struct.pack("<4sI", b"OKAY", 0))

    def _send_file(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            self._fail(f"open failed: {error.strerror}")
            return
        for start in range(0, len(data), 65536):
            part = data[start : start + 65536]
            self._reply(struct.pack("<4sI", b"DATA", len(part)) + part)
        self._reply(struct.pack("<4sI", b"DONE", 0))
