"""A hundred submissions a second, every third with a photo; and the most that is taken, beside a bare view.

Server and load share the machine.  The load is open: a submission is due at its instant whether or not those
before it have been answered, and its time counts from then, so that a server that stalls is charged for all
who wait.  A photo is sent when its finding has been answered, and counts from there.

The most is measured closed: as many clients as the server has threads, each sending its next finding when
the last is answered, for the product and for a Flask view that does nothing but one durable insert, behind
the same server with as many processes and threads, one after the other, twice in turn.
"""

import hashlib
import http.client
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from statistics import median
from uuid import uuid4

import numpy as np
from PIL import Image

from tests.prove import _served
from tests.prove.faults import body_of

PER_SECOND, EVERY = 100, 3
FULL_S, SMALL_S = 600, 10
MOST_FULL_S, MOST_SMALL_S = 20, 4
P99_S = 0.1
N_SENDERS, N_PHOTOS = 64, 24
PHOTO_PX = (1600, 1200)


@dataclass
class Measured:
    """Seconds from when it was due until it was answered; and what else was answered than taken."""

    findings: list[float] = field(default_factory=list)
    photos: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    uuids: set[str] = field(default_factory=set)
    sums: set[str] = field(default_factory=set)


def run(small: bool) -> str:
    """Load a server; return what it took to answer, and the most it takes beside the bare view."""
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        token = _served.make_site(home)
        with _served.serving(home) as port:
            _most(port, token, 2)
            measured, took_s = _steady(port, token, SMALL_S if small else FULL_S)
        missing = _missing(home, measured)
        most = _compared(Path(folder), home, token, MOST_SMALL_S if small else MOST_FULL_S)
    report = _told(measured, took_s, most, before)
    if measured.others:
        raise AssertionError(f"{report}\n\nnot taken: {measured.others}")
    if missing:
        raise AssertionError(f"{report}\n\nacknowledged and not there: {missing}")
    return report


def _missing(home: Path, measured: Measured) -> list[str]:
    """Return which findings and photos were acknowledged and are in no row or no file."""
    with closing(sqlite3.connect(home / "site.gpkg")) as conn:
        rows = {uuid for (uuid,) in conn.execute("SELECT uuid FROM finding")}
        named = {sha256 for (sha256,) in conn.execute("SELECT sha256 FROM photo")}
    files = {path.stem for path in (home / "photos" / "original").glob("*/*") if path.stat().st_size}
    return sorted((measured.uuids - rows) | (measured.sums - (named & files)))


def _photos() -> list[bytes]:
    """Return pictures with the grain of a camera; a few bytes at its end make each the only one."""
    rng = np.random.default_rng(5)
    made = []
    for _ in range(N_PHOTOS):
        coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize(PHOTO_PX)
        grain = rng.normal(0, 6, (PHOTO_PX[1], PHOTO_PX[0], 1))
        pixels = np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)
        file = BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=80)
        made.append(file.getvalue())
    return made


def _steady(port: int, token: str, for_s: float) -> tuple[Measured, float]:
    """Send so many submissions a second; return how long each took and how long all took."""
    measured, photos, n = Measured(), _photos(), int(PER_SECOND * for_s)
    rows, begins = iter(range(n)), time.monotonic() + 0.5
    turn = threading.Lock()

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with turn:
                row = next(rows, None)
            if row is None:
                break
            due = begins + row / PER_SECOND
            time.sleep(max(due - time.monotonic(), 0.0))
            uuid = str(uuid4())
            if not _put(connection, token, f"/findings/{uuid}", body_of(uuid), measured):
                continue
            answered = time.monotonic()
            measured.findings.append(answered - due)
            measured.uuids.add(uuid)
            if row % EVERY == 0:
                photo = photos[row % N_PHOTOS] + uuid.encode()
                if _put(connection, token, f"/findings/{uuid}/photos", photo, measured, "image/jpeg"):
                    measured.photos.append(time.monotonic() - answered)
                    measured.sums.add(hashlib.sha256(photo).hexdigest())
        connection.close()

    _together(send, N_SENDERS)
    return measured, time.monotonic() - begins


def _together(what: Callable[[], None], n: int) -> None:
    threads = [threading.Thread(target=what) for _ in range(n)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def _put(  # noqa: PLR0917  a request has that many parts
    connection: http.client.HTTPConnection,
    token: str,
    path: str,
    body: bytes,
    measured: Measured,
    kind: str = "application/json",
) -> bool:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    try:
        connection.request("PUT", _served.V1 + path, body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        measured.others[type(error).__name__] += 1
        connection.close()
        return False
    if answer.status != 201:
        measured.others[str(answer.status)] += 1
    return answer.status == 201


def _most(port: int, token: str, for_s: float) -> float:
    """Return how many findings a second are taken from clients that wait for each answer."""
    until, measured = time.monotonic() + for_s, Measured()

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.monotonic() < until:
            uuid = str(uuid4())
            if _put(connection, token, f"/findings/{uuid}", body_of(uuid), measured):
                measured.findings.append(0.0)
        connection.close()

    _together(send, 2 * (os.cpu_count() or 1))
    if measured.others:
        raise AssertionError(f"not taken: {measured.others}")
    return len(measured.findings) / for_s


def _compared(folder: Path, home: Path, token: str, for_s: float) -> dict[str, list[float]]:
    """Return the most of the product and of the bare view, measured in turn."""
    most: dict[str, list[float]] = {"product": [], "bare": []}
    for number in range(2):
        with _served.serving(home) as port:
            _most(port, token, 1)
            most["product"].append(_most(port, token, for_s))
        with _bare(folder / f"bare{number}.db") as port:
            _most(port, token, 1)
            most["bare"].append(_most(port, token, for_s))
    return most


@contextmanager
def _bare(file: Path) -> Iterator[int]:
    port, cores = _served.free_port(), os.cpu_count() or 1
    processes = min(2, cores)
    command = [
        *(sys.executable, "-m", "granian", "tests.prove._bare:app", "--factory", "--interface", "wsgi"),
        *("--port", str(port), "--log-level", "warning"),
        *("--workers", str(processes), "--blocking-threads", str(2 * cores // processes)),
    ]
    process = subprocess.Popen(command, env={**os.environ, "BARE_FILE": str(file)})
    try:
        _served.wait_until_up(process, port)
        yield port
    finally:
        _served.stop(process)


_HEAD = """\
# A hundred submissions a second

{n} findings at {per_second} a second, every {every}rd with a photo of {px} pixels ({kb:.0f} kB), sent by
{senders} clients on the machine of the server ({cores} cores). The machine's load before was {load:.1f}:
{quiet}. Times count from when a submission was due. Taken in
{took_s:.0f} s, {late:.1f} s after the last was due.

| what | number | median ms | 95 % ms | 99 % ms | longest ms | 99 % below {limit:.0f} ms |
|---|---|---|---|---|---|---|
"""


def _told(measured: Measured, took_s: float, most: dict[str, list[float]], load: float) -> str:
    n = len(measured.findings)
    head = _HEAD.format(
        n=n,
        per_second=PER_SECOND,
        every=EVERY,
        px="{}×{}".format(*PHOTO_PX),
        kb=median(len(one) for one in _photos()[:3]) / 1000,
        senders=N_SENDERS,
        cores=os.cpu_count(),
        load=load,
        quiet="quiet" if load < 0.5 else "other programs ran, the times are theirs too",
        took_s=took_s,
        late=took_s - (n - 1) / PER_SECOND,
        limit=1000 * P99_S,
    )
    rows = [_row("finding", measured.findings), _row("photo", measured.photos)]
    product, bare = (median(most[name]) for name in ("product", "bare"))
    return (
        head
        + "\n".join(rows)
        + f"\n\nThe most that is taken: {product:.0f} findings a second, {bare:.0f} durable inserts of the "
        f"bare view: {product / bare:.2f} of it. Each run: product "
        f"{', '.join(f'{one:.0f}' for one in most['product'])}; bare "
        f"{', '.join(f'{one:.0f}' for one in most['bare'])}."
    )


def _row(what: str, times: list[float]) -> str:
    at = np.percentile(np.array(times or [np.nan]), (50, 95, 99, 100)) * 1000
    verdict = "met" if at[2] < 1000 * P99_S else "MISSED"
    return f"| {what} | {len(times)} | {' | '.join(f'{one:.0f}' for one in at)} | {verdict} |"
