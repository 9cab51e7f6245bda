"""A process is known by pid and start time: a reused pid is nobody we know."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from ekiben.localcluster import processes
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.processes import Identity

_WAIT = "import signal; signal.pause()"
_STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


@pytest.fixture
def child():
    with subprocess.Popen([sys.executable, "-c", _WAIT]) as process:
        yield process
        process.kill()


def test_stat_with_a_hostile_program_name_is_parsed():
    stat = "7 (x) Z 9 ) R " + " ".join(str(n) for n in range(4, 60))
    assert processes.parse_stat(stat) == ("R", 22)


def test_own_process_is_alive():
    identity = Identity.of(os.getpid())
    assert identity is not None
    assert identity.alive()


def test_same_pid_with_another_start_time_is_not_alive(child):
    identity = Identity.of(child.pid)
    assert identity is not None
    assert not replace(identity, started=identity.started - 1).alive()


def test_same_pid_of_another_boot_is_not_alive(child):
    identity = Identity.of(child.pid)
    assert identity is not None
    assert not replace(identity, boot="another").alive()


def test_zombie_counts_as_ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Identity.of(process.pid) is None
    process.wait()


def test_stop_spares_a_process_that_only_has_the_same_pid(child):
    stranger = replace(Identity.of(child.pid), started=1)
    assert processes.stop([stranger], grace_seconds=0) == []
    assert child.poll() is None


def test_stop_kills_what_does_not_end_when_asked():
    with subprocess.Popen([sys.executable, "-c", _STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        assert processes.stop([Identity.of(process.pid)], grace_seconds=0.2) == []
        assert process.wait(10) == -signal.SIGKILL


def test_start_writes_down_who_it_is_and_keeps_the_last_log(tmp_path):
    log, pid_file = tmp_path / "logs/a.log", tmp_path / "pids/a.json"
    log.parent.mkdir()
    log.write_text("earlier")
    command = [sys.executable, "-c", _WAIT]
    process = processes.start("a", command, pid_file=pid_file, log=log, environment=dict(os.environ))
    try:
        identity = processes.running(pid_file)
        assert identity is not None
        assert identity.pid == process.pid
        assert os.getsid(process.pid) == process.pid
        assert (tmp_path / "logs/a.log.1").read_text() == "earlier"
    finally:
        process.kill()
        process.wait()
    assert processes.running(pid_file) is None


def test_start_of_a_missing_program_names_the_component(tmp_path):
    with pytest.raises(ClusterError, match="etcd: could not be started"):
        processes.start("etcd", ["/nowhere/etcd"], pid_file=tmp_path / "p", log=tmp_path / "l.log", environment={})


@pytest.mark.parametrize("text", ["", "12", "{}", '{"pid": "x", "started": 1, "boot": ""}', "[1]"])
def test_broken_pid_file_is_no_process(tmp_path, text):
    file = tmp_path / "a.json"
    file.write_text(text)
    assert processes.read(file) is None


def test_pid_file_round_trip(tmp_path):
    identity = Identity(5, 6, "b")
    processes.write_atomically(tmp_path / "a.json", json.dumps(asdict(identity)))
    assert processes.read(tmp_path / "a.json") == identity
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
