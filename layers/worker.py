"""Whoever does the jobs: takes one after the other, holds its lease while it works, tells how far it is.

A fault of the program ends the worker, with its trace in the log; whoever watches it starts another, and
the job is tried again until it has had its attempts.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Protocol

from geo.errors import Explained
from layers import jobs
from layers.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NoSpaceError,
    NotFoundError,
    SettingError,
    UnreadableFileError,
    XunchaError,
)
from layers.importing.progress import Progress
from layers.jobs import LEASE, Job
from layers.site import Site

# Who does which kind; imported when the first of its kind comes
HANDLERS: Mapping[str, str] = {
    "datum": "layers.field.datum:follow_ordered",
    "derive": "layers.importing.city:derive_again",
    "export": "layers.exporting.orders:make",
    "export coverage": "layers.exporting.coverage_orders:make",
    "import": "layers.importing.uploads:bring",
    "import population": "layers.importing.population_uploads:bring",
    "look at import": "layers.importing.uploads:look",
    "reminders": "layers.reminding:remind",
    "undo import": "layers.importing.undoing:undo_ordered",
    "webhooks": "layers.webhooks.deliveries:deliver",
}
# What is done now and then while there is nothing else to do
DUTIES: tuple[tuple[timedelta, str], ...] = (
    (timedelta(seconds=1), "layers.webhooks.deliveries:look"),
    (timedelta(seconds=10), "layers.field.photos:copy_in_passing"),
    (timedelta(seconds=10), "layers.field.photos:compare_in_passing"),
    (timedelta(hours=1), "layers.reminding:look"),
    (timedelta(hours=1), "layers.jobs:forget_old"),
    (timedelta(hours=1), "layers.exporting.orders:forget_old"),
    (timedelta(hours=1), "layers.importing.uploads:forget_old"),
    (timedelta(hours=1), "layers.field.photo_parts:forget_old"),
    (timedelta(hours=6), "layers.field.retention:keep_as_said"),
    (timedelta(days=1), "layers.field.orphans:sweep"),
    (timedelta(days=1), "layers.importing.city:look"),
)
# Trying again would bring the same
_FOR_GOOD = (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    SettingError,
    UnreadableFileError,
)
_LOOK_EVERY_S = 0.5
_TOLD_EVERY_S = 0.5
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Work:
    """What a handler is given besides the site: the job, the time, and whom to tell how far it is."""

    job: Job
    clock: Clock
    progress: Progress

    @property
    def payload(self) -> Mapping[str, Any]:
        """Return what the job is about."""
        return self.job.payload


class Handler(Protocol):
    """Does one kind of job; it may be begun again after it was cut short anywhere."""

    def __call__(self, site: Site, work: Work) -> Mapping[str, Any] | None:
        """Do the job and return what is worth keeping of it."""


def named(place: str) -> Any:
    """Return a function by its module and name."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def ticking(now: datetime) -> Clock:
    """Return a clock that shows `now` and goes on from there."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


class Worker:
    """Does the jobs of one site, one at a time."""

    def __init__(
        self,
        site: Site,
        clock: Clock,
        *,
        lease: timedelta = LEASE,
        handlers: Mapping[str, str] = HANDLERS,
        duties: tuple[tuple[timedelta, str], ...] = DUTIES,
    ) -> None:
        self.site, self.clock, self.lease = site, clock, lease
        self.name = jobs.worker_name()
        self.stopping = threading.Event()
        self._handlers, self._duties = handlers, duties
        self._last_done: dict[str, datetime] = {}

    def run(self) -> None:
        """Work until told to stop."""
        while not self.stopping.is_set():
            try:
                idle = self.run_one() is None
                if idle:
                    self._do_duties()
            except (BusyError, NoSpaceError):
                idle = True
            if idle:
                self.stopping.wait(_LOOK_EVERY_S)

    def run_all(self) -> int:
        """Work until nothing is due; return how many jobs were done or tried."""
        n = 0
        while not self.stopping.is_set() and self.run_one() is not None:
            n += 1
        return n

    def run_one(self, only: int | None = None) -> Job | None:
        """Do the next job, or a certain one, and return it; None where there is none to be had."""
        job = jobs.take(self.site, self.name, now=self.clock(), lease=self.lease, only=only)
        if job is not None:
            self._do(job, None)
        return job

    def do(self, job_id: int, progress: Progress) -> bool:
        """Do a certain job for somebody who waits and sees how far it is; False if another has it."""
        job = jobs.take(self.site, self.name, now=self.clock(), lease=self.lease, only=job_id)
        if job is None:
            return False
        failed = self._do(job, progress)
        if failed is not None:
            raise failed
        return True

    def _do(self, job: Job, seen: Progress | None) -> Explained | None:
        """Do a job that was taken; return why it did not succeed."""
        handler: Handler = named(self._handlers[job.kind])
        with self._held(job) as lost:
            work = Work(job, self.clock, _Telling(self, job, lost, seen))
            try:
                result = handler(self.site, work)
            except (XunchaError, Explained) as error:
                self._failed(job, error)
                return error
            except KeyboardInterrupt:
                jobs.release(self.site, job, self.name)
                if not (self.stopping.is_set() or lost.is_set()):
                    raise
                return None
            except OSError as error:
                reason = XunchaError("%(what)s", what=error.strerror or str(error))
                self._failed(job, reason)
                return reason
            except BaseException as error:
                told = f"{type(error).__name__}: {error}"
                self._failed(job, XunchaError("A fault of the program: %(what)s", what=told))
                raise
        jobs.finish(self.site, job.id, self.name, result, now=self.clock())
        return None

    def _failed(self, job: Job, reason: Explained) -> None:
        for_good = isinstance(reason, _FOR_GOOD)
        jobs.fail(self.site, job, self.name, reason, now=self.clock(), for_good=for_good)

    @contextmanager
    def _held(self, job: Job) -> Iterator[threading.Event]:
        """Renew the lease of a job inside the block; the event is set if another worker has it by now."""
        lost, over = threading.Event(), threading.Event()

        def hold() -> None:
            while not over.wait(self.lease.total_seconds() / 3):
                try:
                    still = jobs.renew(self.site, job.id, self.name, now=self.clock(), lease=self.lease)
                except XunchaError:
                    # the store is busy; the next turn comes before the lease has run out
                    continue
                if not still:
                    lost.set()
                    return

        holder = threading.Thread(target=hold, daemon=True)
        holder.start()
        try:
            yield lost
        finally:
            over.set()
            holder.join()

    def _do_duties(self) -> None:
        for every, place in self._duties:
            now = self.clock()
            last = self._last_done.get(place)
            if last is None or now - last >= every:
                self._last_done[place] = now
                named(place)(self.site, now=now)


class _Telling:
    """Writes down how far a job is, not too often, and stops it where it has to stop."""

    def __init__(self, worker: Worker, job: Job, lost: threading.Event, seen: Progress | None) -> None:
        self._worker, self._job, self._lost, self._seen = worker, job, lost, seen
        self._step, self._told_at = "", 0.0

    def __call__(self, step: str, done: int, total: int | None) -> None:
        if self._worker.stopping.is_set() or self._lost.is_set():
            raise KeyboardInterrupt
        if self._seen is not None:
            self._seen(step, done, total)
        moment = time.monotonic()
        if step == self._step and moment - self._told_at < _TOLD_EVERY_S:
            return
        self._step, self._told_at = step, moment
        jobs.report(self._worker.site, self._job.id, self._worker.name, (step, done, total))
