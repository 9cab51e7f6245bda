"""Processes that outlive the command that started them, known by pid and start time.

A pid alone is no identity: after a crash or a reboot it may be somebody else's. The kernel's start time
(field 22 of /proc/PID/stat, in clock ticks since boot) together with the boot's id makes it one.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ekiben.localcluster.errors import ClusterError

# They are meant to outlive us; while we live, their ends are collected, and nobody warns that they still run.
_children: list[subprocess.Popen[bytes]] = []
_children_lock = threading.Lock()
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Identity:
    """One process of one boot of this machine."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """Return the identity of a running process; None where there is none, or only a zombie."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        state, started = parse_stat(stat)
        return None if state in "ZX" else cls(pid, started, boot_id())

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Identity.of(self.pid) == self


def parse_stat(text: str) -> tuple[str, int]:
    """Return (state, start time in ticks) of a line of /proc/PID/stat, whose second field may contain anything."""
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def boot_id() -> str:
    """Return what tells this boot from every other one."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def read(pid_file: Path) -> Identity | None:
    """Return what a pid file says, running or not; None where it is missing or broken."""
    try:
        data = json.loads(pid_file.read_text())
        return Identity(int(data["pid"]), int(data["started"]), str(data["boot"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running(pid_file: Path) -> Identity | None:
    """Return the process of a pid file if it runs."""
    identity = read(pid_file)
    return identity if identity is not None and identity.alive() else None


def start(
    name: str, command: Sequence[str], *, pid_file: Path, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own and write down who it is.

    The log of an earlier run is kept as `NAME.log.1`.

    Raises:
        ClusterError: it could not be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, env=dict(environment), cwd="/", close_fds=True,
            )  # fmt: skip
        except OSError as error:
            raise ClusterError(name, f"could not be started: {error}") from error
    identity = Identity.of(process.pid)
    if identity is None:
        raise ClusterError(name, f"ended at once with exit code {process.wait()}", log=log)
    write_atomically(pid_file, json.dumps(asdict(identity)))
    with _children_lock:  # components are started side by side, from several threads
        _children[:] = [*(child for child in _children if child.poll() is None), process]
    return process


def stop(identities: Iterable[Identity], *, grace_seconds: float) -> list[Identity]:
    """Ask the processes to end, kill those that have not after `grace_seconds`; returns the ones still there.

    Each is held by a pidfd before its start time is compared, so that a pid that is reused in between is never hit.
    """
    held: dict[int, Identity] = {}
    for identity in identities:
        try:
            descriptor = os.pidfd_open(identity.pid)
        except OSError:
            continue
        if identity.alive():
            held[descriptor] = identity
        else:
            os.close(descriptor)
    try:
        _signal(held, signal.SIGTERM)
        left = _wait(set(held), grace_seconds)
        _signal(left, signal.SIGKILL)
        left = _wait(left, 5)
        return [held[descriptor] for descriptor in left]
    finally:
        for descriptor in held:
            os.close(descriptor)


def _signal(descriptors: Iterable[int], number: signal.Signals) -> None:
    for descriptor in descriptors:
        try:
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            continue


def _wait(descriptors: set[int], seconds: float) -> set[int]:
    left, deadline = set(descriptors), time.monotonic() + seconds
    while left and (remaining := deadline - time.monotonic()) > 0:
        ended, _, _ = select.select(left, [], [], remaining)
        left -= set(ended)
    return left


def command_of(pid: int) -> list[str]:
    """Return a process's command line; empty where it has ended."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return []
    return text.split("\0")[:-1]


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 where it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
