"""The worker beside a real server: started with it, started again when killed, gone with it."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from layers import jobs, language
from layers.site import Site
from layers.terminal import log
from layers.terminal.running import run
from tests.test_command_line import begin, begin_words, free_port, wait_for

pytestmark = pytest.mark.xdist_group("api server")


def started_by(server: int, word: bytes) -> list[int]:
    """Return the processes that the server has started with a word in their command."""
    children = Path(f"/proc/{server}/task/{server}/children")
    if not children.exists():
        pytest.skip("no /proc on this machine")
    every = [Path(f"/proc/{server}/task/{task}/children") for task in os.listdir(f"/proc/{server}/task")]
    pids = [int(pid) for one in every for pid in one.read_text().split()]
    return [pid for pid in pids if word in Path(f"/proc/{pid}/cmdline").read_bytes()]


def workers_of(server: int) -> list[int]:
    """Return the processes that the server has started to do jobs."""
    return started_by(server, b"\0work\0")


def wait_until(holds: Callable[[], object], at_most_s: float = 60) -> None:
    until = time.monotonic() + at_most_s
    while not holds():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def put(home: Path) -> int:
    site = Site.open(home, now=datetime.now(UTC))
    with site.store.write() as conn:
        job = jobs.put(conn, "derive", {"streets": False, "around": False}, now=datetime.now(UTC))
    site.close()
    return job


def is_done(home: Path, job: int) -> bool:
    site = Site.open(home, now=datetime.now(UTC))
    done = jobs.get(site, job).finished_at is not None
    site.close()
    return done


def test_the_server_keeps_a_worker_until_it_ends(tmp_path: Path) -> None:
    home, port = tmp_path / "site", free_port()
    subprocess.run([*begin_words(), "init", str(home)], check=True, cwd=Path(__file__).parents[1])
    process = begin("serve", home, "--port", port)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/v1/health", process)
        first = put(home)
        wait_until(lambda: is_done(home, first))
        (worker,) = workers_of(process.pid)
        os.kill(worker, signal.SIGKILL)
        second = put(home)
        wait_until(lambda: is_done(home, second))
        (again,) = workers_of(process.pid)
        assert again != worker
        assert "worker ended with code -9" in (home / "log" / "xuncha.log").read_text(encoding="utf-8")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    wait_until(lambda: not is_alive(again))


def test_a_server_outlives_one_of_its_processes(tmp_path: Path) -> None:
    home, port = tmp_path / "site", free_port()
    subprocess.run([*begin_words(), "init", str(home)], check=True, cwd=Path(__file__).parents[1])
    process = begin("serve", home, "--port", port, "--processes", 2)

    def answering() -> set[int]:
        return {pid for pid in started_by(process.pid, b"spawn_main") if is_alive(pid)}

    try:
        wait_for(f"http://127.0.0.1:{port}/api/v1/health", process)
        wait_until(lambda: len(answering()) == 2)
        killed, kept = sorted(answering())
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: not is_alive(killed))
        wait_until(lambda: len(answering()) == 2)
        assert kept in answering()
        wait_for(f"http://127.0.0.1:{port}/api/v1/health", process)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def test_the_worker_of_a_server_that_was_killed_ends_too(tmp_path: Path) -> None:
    home, port = tmp_path / "site", free_port()
    subprocess.run([*begin_words(), "init", str(home)], check=True, cwd=Path(__file__).parents[1])
    process = begin("serve", home, "--port", port)
    wait_for(f"http://127.0.0.1:{port}/api/v1/health", process)
    (worker,) = workers_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    wait_until(lambda: not is_alive(worker))


def test_a_worker_by_itself_does_what_is_due_and_ends(tmp_path: Path) -> None:
    home = tmp_path / "site"
    subprocess.run([*begin_words(), "init", str(home)], check=True, cwd=Path(__file__).parents[1])
    job = put(home)
    done = subprocess.run(
        [*begin_words(), "work", str(home), "--once"],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout.strip().startswith("1 ") or "1 项" in done.stdout
    assert is_done(home, job)


def test_other_programs_are_looked_after_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "site"

    def say(*words: str) -> str:
        assert run([*words, "--home", str(home)]) == 0
        return capsys.readouterr().out

    assert run(["init", str(home)]) == 0
    with language.using("en"):
        assert "shown this once" in say("webhook", "add", "https://a.example/", "--event", "finding.*")
        assert "1\ton\thttps://a.example/\tfinding.*\t0 told" in say("webhook", "list")
        assert say("webhook", "replay", "1", "--since", "2026-08-01").startswith("0 deliveries")
        assert "is off" in say("webhook", "off", "1")
        assert "\toff\t" in say("webhook", "list")
        assert "is on" in say("webhook", "on", "1")


def test_what_another_process_begins_as_the_log_is_written_on(tmp_path: Path) -> None:
    one, other = (log.handler(tmp_path) for _ in range(2))
    assert isinstance(one, RotatingFileHandler)
    for number in range(2):
        other.emit(record(f"before {number}"))
    one.doRollover()
    other.emit(record("after"))
    assert (tmp_path / "log" / "xuncha.log").read_text().split()[-1] == "after"
    assert "before 1" in (tmp_path / "log" / "xuncha.log.1").read_text()
    for each in (one, other):
        each.close()


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("xuncha", logging.WARNING, __file__, 0, "%s", (text,), None)
