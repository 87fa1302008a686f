"""Jobs on both stores, done by workers in this process and in others that are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from layers import history, jobs, language
from layers.errors import ConflictError, InvalidError
from layers.field import findings, placements
from layers.people import Account
from layers.site import Site
from layers.store import schema
from layers.worker import Worker, ticking
from tests.conftest import report
from tests.layers.counting import HANDLERS

ROOT = Path(__file__).parents[2]
WAITS_AT_MOST_S = 60


def put(site: Site, kind: str = "count", now: datetime | None = None, **given: Any) -> int:
    payload = given.pop("payload", {"n": 3})
    with site.store.write() as conn:
        return jobs.put(conn, kind, payload, now=now or datetime.now(UTC), **given)


def worker(site: Site, now: datetime) -> Worker:
    return Worker(site, ticking(now), handlers=HANDLERS)


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + WAITS_AT_MOST_S
    while not holds():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.05)


@contextmanager
def at_work(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """Have a worker in a process of its own."""
    command = [sys.executable, "-m", "tests.layers.counting", str(site.settings.home)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_job_is_done_and_tells_how_far_it_is(site: Site, now: datetime) -> None:
    job = put(site, now=now)
    assert jobs.get(site, job).state(now) == "waiting"
    assert worker(site, now).run_all() == 1
    done = jobs.get(site, job)
    assert (done.state(now), done.result, done.attempts) == ("done", {"n": 3}, 1)
    assert (done.progress_text, done.progress_done, done.progress_total) == ("counting", 1, 3)
    assert worker(site, now).run_all() == 0


def test_the_same_work_waits_once(site: Site, now: datetime) -> None:
    first = put(site, now=now, key="a")
    assert put(site, now=now, key="a") == first
    assert put(site, now=now, key="b") != first
    assert put(site, now=now) != put(site, now=now)
    worker(site, now).run_all()
    assert put(site, now=now, key="a") > first


def test_work_that_is_wanted_again_while_it_is_done_is_done_once_more(site: Site, now: datetime) -> None:
    job = put(site, now=now, key="a", again=True)
    taken = jobs.take(site, "w", now=now)
    assert taken is not None
    assert put(site, now=now, key="a", again=True) == job
    assert jobs.finish(site, job, "w", None, now=now)
    assert jobs.get(site, job).state(now) == "waiting"
    assert worker(site, now).run_all() == 1
    assert jobs.get(site, job).state(now) == "done"


def test_of_many_workers_one_gets_each_job(site: Site, now: datetime) -> None:
    made = [put(site, now=now) for _ in range(20)]
    start = threading.Barrier(8)

    def taking(name: int) -> list[int]:
        start.wait()
        got = []
        while (job := jobs.take(site, str(name), now=now)) is not None:
            got.append(job.id)
        return got

    with ThreadPoolExecutor(8) as pool:
        got = [job for some in pool.map(taking, range(8)) for job in some]
    assert sorted(got) == made


def test_a_job_that_cannot_be_done_is_given_up_and_can_be_tried_again(
    site: Site, supervisor: Account, now: datetime
) -> None:
    job = put(site, "refuse", now)
    worker(site, now).run_all()
    failed = jobs.get(site, job)
    assert failed.state(now) == "failed"
    with language.using("en"):
        assert failed.reason == "x is not a number"
    with language.using("zh"):
        assert failed.reason == "x 不是数字"
    jobs.retry(site, job, by=supervisor.id, now=now)
    assert jobs.get(site, job).state(now) == "waiting"
    with pytest.raises(ConflictError):
        jobs.retry(site, job, by=supervisor.id, now=now)
    with site.store.read() as conn:
        assert [line["action"] for line in history.of(conn, "job", str(job))] == ["retry"]


def test_a_job_that_stumbles_is_tried_again_later_and_ever_later(site: Site, now: datetime) -> None:
    job = put(site, "stumble", now)
    pauses = []
    for _ in range(jobs.MOST_ATTEMPTS - 1):
        assert worker(site, now).run_one() is not None
        due = jobs.get(site, job).not_before
        pauses.append(round((due - now).total_seconds()))
        now = due
    assert pauses == [10, 20, 40, 80, 160, 320, 640]
    worker(site, now).run_one()
    assert jobs.get(site, job).state(now) == "failed"


def test_a_fault_of_the_program_ends_the_worker_and_not_the_job(site: Site, now: datetime) -> None:
    job = put(site, "crash", now)
    with pytest.raises(ZeroDivisionError):
        worker(site, now).run_all()
    assert jobs.get(site, job).state(now) == "waiting"
    with language.using("en"):
        assert jobs.get(site, job).reason == "A fault of the program: ZeroDivisionError: a fault"


def test_a_job_that_kills_every_worker_is_given_up(site: Site, now: datetime) -> None:
    job = put(site, now=now)
    with site.store.write() as conn:
        worn = {"attempts": jobs.MOST_ATTEMPTS, "leased_by": "gone", "leased_until": now}
        conn.execute(update(schema.job).where(schema.job.c.id == job).values(worn))
    assert jobs.take(site, "w", now=now) is None
    assert jobs.get(site, job).state(now) == "failed"


def test_a_lease_is_renewed_and_nobody_else_takes_the_job_meanwhile(site: Site, now: datetime) -> None:
    job = put(site, payload={"n": 30, "rest_s": 0.1})
    with at_work(site):
        wait_until(lambda: jobs.get(site, job).attempts == 1)
        while jobs.get(site, job).finished_at is None:
            assert jobs.take(site, "thief", now=datetime.now(UTC)) is None
            time.sleep(0.1)
    assert jobs.get(site, job).attempts == 1


def test_a_killed_worker_s_job_is_finished_by_another(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "done.txt"
    job = put(site, payload={"n": 40, "rest_s": 0.05, "file": str(file)})
    with at_work(site) as first:
        wait_until(lambda: (jobs.get(site, job).progress_done or 0) > 1)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert jobs.get(site, job).finished_at is None
        with at_work(site):
            wait_until(lambda: jobs.get(site, job).finished_at is not None)
    assert jobs.get(site, job).attempts == 2
    assert file.read_text(encoding="utf-8") == f"{job}\n"


def test_a_worker_that_slept_through_its_lease_leaves_the_job_to_the_next(site: Site) -> None:
    job = put(site, payload={"n": 1000, "rest_s": 0.05})
    with at_work(site) as sleeper:
        wait_until(lambda: jobs.get(site, job).attempts == 1)
        os.kill(sleeper.pid, signal.SIGSTOP)
        wait_until(lambda: jobs.take(site, "next", now=datetime.now(UTC)) is not None)
        os.kill(sleeper.pid, signal.SIGCONT)
        other = put(site)
        wait_until(lambda: jobs.get(site, other).finished_at is not None)
    assert jobs.get(site, job).leased_by == "next"


def test_a_worker_that_is_told_to_stop_gives_its_job_back(site: Site, now: datetime) -> None:
    job = put(site, now=now, payload={"n": 1000, "rest_s": 0.01})
    one = worker(site, now)
    threading.Timer(0.3, one.stopping.set).start()
    assert one.run_all() == 1
    assert (jobs.get(site, job).state(now), jobs.get(site, job).attempts) == ("waiting", 0)


def test_an_import_that_was_cut_short_is_derived_by_the_worker(
    town: Site, inspector: Account, now: datetime
) -> None:
    findings.put(town, inspector, report(1, 90, 205, now), now=now)
    with town.store.write() as conn:
        conn.execute(schema.placement.delete())
        jobs.put(conn, "derive", {"streets": True, "around": True}, now=now)
    Worker(town, ticking(now)).run_all()
    placed = findings.get(town, report(1, 90, 205, now).uuid).placement
    assert placed is not None
    assert placed.method_version == placements.METHOD_VERSION


def test_what_was_done_long_ago_is_forgotten(site: Site, now: datetime) -> None:
    put(site, now=now)
    worker(site, now).run_all()
    assert jobs.forget_old(site, now=now + timedelta(days=29)) == 0
    assert jobs.forget_old(site, now=now + timedelta(days=31)) == 1


def test_whoever_waits_for_a_job_is_told_why_it_failed(site: Site, now: datetime) -> None:
    job = put(site, "refuse", now)
    with pytest.raises(InvalidError, match="not a number"):
        worker(site, now).do(job, lambda step, done, total: None)
