"""`kill -9` at random moments under load: what was acknowledged is there, once, and the store is sound.

Eight clients hand in findings, every third with a photo, each over one connection.  At a random moment the
server, its worker and the worker of its jobs are killed at once.  Then, before anything is started again,
GDAL opens the file in a process of its own, and what `xuncha check` looks at must be sound: the store, the
chain of the history, the placements, every photo's file.  The server is started anew, and what had not
been answered is sent again and read back.

The machine lives on, so that this shows order and atomicity, not that the disk keeps what it was told to:
for that every commit and every photo is flushed (see the proof `load`, which counts).
"""

import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from uuid import UUID

from PIL import Image

from layers import checking
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.field.records import Finding
from layers.site import Site
from tests.conftest import own_schema
from tests.prove import _served

N_FULL, N_SMALL = 50, 3
N_CLIENTS = 8
SEED = 20260825
# A server lives until it has acknowledged so many, and a moment more
_MOST_TAKEN, _MOMENT_S, _PATIENCE_S = 60, 0.2, 60
_OBSERVED_AT = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
_GDAL = "import sys, pyogrio; print(pyogrio.read_info(sys.argv[1], layer='finding')['features'])"


@dataclass
class Ledger:
    """What one round sent: by finding its photo's hash or None; and which answers came."""

    sent: dict[str, str | None] = field(default_factory=dict)
    findings: set[str] = field(default_factory=set)
    photos: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


@dataclass
class Round:
    """What one kill left behind."""

    ledger: Ledger
    n_unanswered: int
    n_kept_unanswered: int
    faults: list[str]


def run(small: bool) -> str:
    """Kill servers under load; return what was lost, twice or broken: nothing, or the proof fails."""
    n = N_SMALL if small else N_FULL
    told = [_store("GeoPackage", None, n)]
    postgres = os.environ.get("XUNCHA_TEST_POSTGRES")
    if postgres:
        told.append(_store("PostGIS", postgres, n))
    report = "\n".join([_HEAD.format(n=n, clients=N_CLIENTS, seed=SEED), *(row for row, _ in told)])
    if not postgres:
        report += "\n\nPostGIS was not asked: XUNCHA_TEST_POSTGRES is not set."
    faults = [fault for _, found in told for fault in found]
    if faults:
        raise AssertionError(f"{report}\n\nfaults: {faults}")
    return report


_HEAD = """\
# Killed at random moments

{n} times `kill -9` of the server and all its processes while {clients} clients send as fast as they can,
seed {seed}. *Findings* and *photos* were acknowledged. *Unanswered* findings were on their way: whether
they were kept is chance, and after sending them again each is there once. *Lost, twice, unsound* must be
0: what was acknowledged and is not there; what is there twice; kills after which GDAL could not open the
file, or `xuncha check` found the store, the chain of the history, a placement or a photo's file wrong.

| store | kills | findings | photos | unanswered | of these kept | lost | twice | unsound |
|---|---|---|---|---|---|---|---|---|"""


def _store(name: str, postgres: str | None, n: int) -> tuple[str, list[str]]:
    with ExitStack() as at_the_end:
        folder = at_the_end.enter_context(tempfile.TemporaryDirectory())
        url = at_the_end.enter_context(own_schema(postgres)) if postgres else None
        home = Path(folder) / "home"
        token, before, rounds = _served.make_site(home, url), Ledger(), []
        for number in range(n):
            rounds.append(_round(home, token, number, before, is_file=url is None))
            before = rounds[-1].ledger
        with _served.serving(home) as port:
            rounds[-1].faults += _sent_again(port, token, before)
        rounds[-1].faults += _checked_by_command(home)
    faults = [f"{name}, kill {number}: {each}" for number, one in enumerate(rounds) for each in one.faults]
    counted = [sum(one) for one in zip(*(_figures(one) for one in rounds), strict=True)]
    kinds = [sum(f" {kind}" in fault for fault in faults) for kind in ("lost", "twice", "unsound")]
    return f"| {name} | {n} | {' | '.join(map(str, counted + kinds))} |", faults


def _figures(one: Round) -> tuple[int, int, int, int]:
    return len(one.ledger.findings), len(one.ledger.photos), one.n_unanswered, one.n_kept_unanswered


def _round(home: Path, token: str, number: int, before: Ledger, *, is_file: bool) -> Round:
    """Start the server, send again what the last kill left unanswered, then send until the next kill."""
    chance = random.Random(SEED + number)
    ledger, port = Ledger(), _served.free_port()
    process, over = _served.start(home, port), threading.Event()
    faults = _sent_again(port, token, before)
    clients = [
        threading.Thread(target=_hand_in, args=(port, token, ledger, over, chance.getrandbits(64)))
        for _ in range(N_CLIENTS)
    ]
    for one in clients:
        one.start()
    _wait_for(ledger, chance)
    _served.kill(process)
    over.set()
    for one in clients:
        one.join()
    faults += [f"was refused: {each}" for each in ledger.refused]
    if is_file:
        faults += _opened_by_gdal(home / "site.gpkg", len(ledger.findings))
    unanswered = ledger.sent.keys() - ledger.findings
    kept, unsound = _kept(home)
    faults += unsound + _compared(ledger, kept, home)
    n_kept = sum(1 for one in kept if one.uuid in unanswered)
    return Round(ledger, len(unanswered), n_kept, faults)


def _wait_for(ledger: Ledger, chance: random.Random) -> None:
    n, until = chance.randint(0, _MOST_TAKEN), time.monotonic() + _PATIENCE_S
    while len(ledger.findings) < n and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(chance.uniform(0, _MOMENT_S))


def _hand_in(port: int, token: str, ledger: Ledger, over: threading.Event, seed: int) -> None:
    """Send findings until the server is gone; every third with a photo."""
    chance = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    n = 0
    while not over.is_set():
        uuid, n = str(UUID(int=chance.getrandbits(128), version=4)), n + 1
        photo = photo_of(uuid) if n % 3 == 0 else None
        ledger.sent[uuid] = sha256(photo).hexdigest() if photo else None
        try:
            _send(connection, token, uuid, photo, ledger)
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return


def _send(
    connection: http.client.HTTPConnection, token: str, uuid: str, photo: bytes | None, ledger: Ledger
) -> None:
    status, told = _put(connection, token, f"/findings/{uuid}", body_of(uuid), "application/json")
    if status not in (200, 201):
        ledger.refused.append(f"{status} {told}")
        return
    ledger.findings.add(uuid)
    if photo is None:
        return
    status, told = _put(connection, token, f"/findings/{uuid}/photos", photo, "image/jpeg")
    if status not in (200, 201):
        ledger.refused.append(f"{status} {told}")
        return
    ledger.photos.add(uuid)


def _put(
    connection: http.client.HTTPConnection, token: str, path: str, body: bytes, kind: str
) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    connection.request("PUT", _served.V1 + path, body, headers)
    answer = connection.getresponse()
    told = answer.read()
    # half an answer is none
    json.loads(told)
    return answer.status, told


def body_of(uuid: str) -> bytes:
    """Return a finding somewhere on the streets, the same for the same id."""
    chance = random.Random(uuid)
    west, south = _served.CORNER
    lon, lat = (corner + chance.random() * _served.SPAN for corner in (west, south))
    position = {"lon": lon, "lat": lat, "frame": "wgs84", "accuracy_m": 9.0, "accuracy_kind": "r68"}
    about = {"scheme": "gbt30428-2013-event", "code": "0406", "observed_at": _OBSERVED_AT}
    return json.dumps({**about, "position": position, "note": "占道经营"}).encode()


def photo_of(uuid: str, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a small photo that no other finding has."""
    file = BytesIO()
    Image.new("RGB", size, f"#{uuid[:6]}").save(file, "JPEG", comment=uuid.encode())
    return file.getvalue()


def _opened_by_gdal(path: Path, least: int) -> list[str]:
    command = [sys.executable, "-c", _GDAL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or int(done.stdout) < least:
        return [f"unsound: GDAL: {done.stdout} {done.stderr[-300:]}"]
    return []


def _checked_by_command(home: Path) -> list[str]:
    command = [sys.executable, "-m", "xuncha", "check", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [f"unsound: {done.stdout[-300:]} {done.stderr[-300:]}"] if done.returncode else []


def _kept(home: Path) -> tuple[list[Finding], list[str]]:
    """Return every finding of the store, read behind the server's back, and what `xuncha check` looks for."""
    site = Site.open(home, now=datetime.now(UTC))
    state = checking.soundness(site)
    found, after = [], None
    while True:
        page = findings.page(site, FindingFilter(), after=after, limit=1000)
        found += page.findings
        after = page.next
        if after is None:
            break
    n = checking.count(site, "findings")
    site.close()
    unsound = [] if state.is_sound and n == len(found) else [f"unsound: {state}, {n} rows"]
    return found, unsound


def _compared(ledger: Ledger, kept: list[Finding], home: Path) -> list[str]:
    """Return what was acknowledged and is lost, or is there twice."""
    times = Counter(one.uuid for one in kept)
    photos = {one.uuid: [photo.sha256 for photo in one.photos] for one in kept}
    faults = [f"twice: {uuid}" for uuid, n in times.items() if n > 1]
    faults += [f"lost: {uuid}" for uuid in ledger.findings if uuid not in times]
    for uuid in ledger.photos & times.keys():
        sha = str(ledger.sent[uuid])
        if photos[uuid].count(sha) != 1:
            faults.append(f"{'twice' if sha in photos[uuid] else 'lost'}: photo {sha}")
        elif sha256((home / "photos" / "original" / sha[:2] / f"{sha}.jpg").read_bytes()).hexdigest() != sha:
            faults.append(f"lost: the bytes of photo {sha}")
    return faults


def _sent_again(port: int, token: str, ledger: Ledger) -> list[str]:
    """Send everything that was not answered once more, and look whether it is there, once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    faults = []
    for uuid, sha in ledger.sent.items():
        if uuid in ledger.findings and (sha is None or uuid in ledger.photos):
            continue
        _send(connection, token, uuid, photo_of(uuid) if sha else None, ledger)
        told = _served.ask(port, "GET", f"/findings/{uuid}", None, {"Authorization": f"Bearer {token}"})[1]
        if [photo["sha256"] for photo in told.get("photos", ["lost"])] != ([sha] if sha else []):
            faults.append(f"lost: {uuid} after sending it again: {told}")
    connection.close()
    return faults + [f"was refused: {each}" for each in ledger.refused]
