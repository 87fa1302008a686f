"""Requests nobody thought of: schemathesis over the whole OpenAPI document, against the running server.

Two rounds, with seeds declared before any run: ids as they come, so that most are of nothing; then the ids of
a finding, a track and a photo that are there, so that the calls reach what lies behind.  No answer may be a
5xx, and every answer must have a status, a type and a shape that the document promises.  What else the checks
find is printed: some of it is meant (a code that the schema cannot know is unknown is refused).
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from tests.prove import _served

SEEDS = (20260823, 20260824)
N_FULL, N_SMALL = 100, 15
FINDING = "0b8e4c1e-6d0f-4c57-9f4e-3a1b8d2c7e90"
TRACK = "c2d5b4a8-90f1-4a3e-b6d7-2e8c5f1a0b39"
# What schemathesis calls a failure and is meant: codes, schemes and places that no schema can rule out are
# refused; a batch with bad items in it is taken, and the items are refused one by one
REFUSED, TAKEN = "RejectedPositiveData", "AcceptedNegativeData"
BATCH = "POST /api/v1/findings"

# 413 is a refusal too: a form of more than ten parts is too large before it is anything else
_CHECKS = """\
[checks]
negative_data_rejection.expected-statuses = ["4xx"]
"""


@dataclass(frozen=True)
class Round:
    """What one round of schemathesis reported."""

    name: str
    seed: int
    report: dict[str, Any]
    printed: str


def run(small: bool) -> str:
    """Fuzz a running server; return the table of what was sent and what was found."""
    n = N_SMALL if small else N_FULL
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        token = _served.make_site(home)
        with _served.serving(home) as port:
            sha256 = _send_known(port, token)
            rounds = [
                _fuzz(Path(folder), port, token, name, seed, known, n)
                for (name, known), seed in zip(_rounds(sha256), SEEDS, strict=True)
            ]
    report = _told(rounds, n)
    faults = [row for each in rounds for row in _failures(each) if not _is_meant(*row[1:])]
    if faults:
        told = "\n".join(each.printed for each in rounds if any(row[0] == each.name for row in faults))
        raise AssertionError(f"{report}\n\n{told}\n\nfaults: {faults}")
    return report


def _send_known(port: int, token: str) -> str:
    """Send the finding, the track and the photo that the second round asks for; return the photo's hash."""
    then = datetime.now(UTC) - timedelta(hours=1)
    position = {"lon": 117.131, "lat": 39.22, "frame": "wgs84"}
    about = {"scheme": "gbt30428-2013-event", "code": "0406", "observed_at": then.isoformat()}
    fixes = [
        {"lon": 117.131 + step * 1e-4, "lat": 39.22, "at": (then + timedelta(seconds=step)).isoformat()}
        for step in range(9)
    ]
    photo = BytesIO()
    Image.new("RGB", (64, 48), "red").save(photo, "JPEG")
    headers = {"Authorization": f"Bearer {token}"}
    sent = [
        (f"/findings/{FINDING}", json.dumps({**about, "position": position}).encode(), "application/json"),
        (f"/tracks/{TRACK}", json.dumps({"frame": "wgs84", "fixes": fixes}).encode(), "application/json"),
        (f"/findings/{FINDING}/photos", photo.getvalue(), "image/jpeg"),
    ]
    told = [
        _served.ask(port, "PUT", path, body, {**headers, "Content-Type": kind}) for path, body, kind in sent
    ]
    if [status for status, _ in told] != [201, 201, 201]:
        raise AssertionError(f"what should be known was refused: {told}")
    return str(told[-1][1]["sha256"])


def _rounds(sha256: str) -> list[tuple[str, str]]:
    """Return the rounds, each with its configuration of schemathesis."""
    known = [
        ('include-path-regex = "/findings/"', f'"path.uuid" = "{FINDING}"'),
        ('include-path-regex = "/tracks/"', f'"path.uuid" = "{TRACK}"'),
        ('include-path-regex = "/photos/.sha256"', f'"path.sha256" = "{sha256}"'),
    ]
    rules = "\n".join(f"[[operations]]\n{which}\n[operations.parameters]\n{ids}\n" for which, ids in known)
    return [("any id", _CHECKS), ("ids that are there", _CHECKS + rules)]


def _fuzz(  # noqa: PLR0917  a round has that many parts
    folder: Path, port: int, token: str, name: str, seed: int, rules: str, n: int
) -> Round:
    settings, out = folder / f"{seed}.toml", folder / f"{seed}.json"
    settings.write_text(rules, encoding="utf-8")
    origin = f"http://127.0.0.1:{port}"
    document = f"{origin}{_served.V1}/openapi.json"
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings), "--no-color"),
        *("run", document, "--url", origin, "-H", f"Authorization: Bearer {token}"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
        *("--suppress-health-check", "all", "--max-examples", str(n), "--seed", str(seed)),
        *("--report", "json", "--report-json-path", str(out)),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if not out.exists():
        raise AssertionError(done.stdout[-2000:] + done.stderr[-2000:])
    return Round(name, seed, json.loads(out.read_text(encoding="utf-8")), done.stdout)


def _failures(each: Round) -> list[tuple[str, str, str]]:
    """Return (round, kind, operation) of everything that schemathesis calls a failure."""
    return [
        (each.name, str(group["type"]), str(operation))
        for group in each.report["failures"]
        for operation in group["operations"]
    ]


def _is_meant(kind: str, operation: str) -> bool:
    return kind == REFUSED or (kind == TAKEN and operation == BATCH)


_HEAD = """\
# Requests nobody thought of

schemathesis {version} over the whole OpenAPI document against the running server, every check it has, {n}
examples an operation beside its coverage cases. *Taken, refused, unknown, conflict* count requests that the
schema allows: 2xx, 422 and the like, 404, 409.

| round | seed | operation | taken | refused | unknown | conflict |
|---|---|---|---|---|---|---|
"""


def _told(rounds: list[Round], n: int) -> str:
    rows = [row for each in rounds for row in _operations(each)]
    head = _HEAD.format(version=rounds[0].report["schemathesis_version"], n=n)
    totals = [
        f"Round *{each.name}*: {each.report['test_cases']['generated']} requests in "
        f"{each.report['running_time']:.0f} s, {each.report['operations']['tested']} of "
        f"{each.report['operations']['total']} operations, "
        f"{each.report['test_cases']['unique_failures']} kinds of failure, of which "
        f"{sum(not _is_meant(*row[1:]) for row in _failures(each))} are faults."
        for each in rounds
    ]
    found = [
        f"| {name} | {kind} | {operation} | {'meant' if _is_meant(kind, operation) else '**fault**'} |"
        for name, kind, operation in (row for each in rounds for row in _failures(each))
    ]
    table = "\n".join(["| round | failure | operation | |", "|---|---|---|---|", *found])
    return "\n".join([head + "\n".join(rows), "", *totals, "", table])


def _operations(each: Round) -> list[str]:
    found = []
    for operation, phases in sorted(each.report["valid_rates"].items()):
        counts = [
            sum(phase[kind] for phase in phases.values())
            for kind in ("accepted", "rejected", "unreachable", "conflicts")
        ]
        found.append(f"| {each.name} | {each.seed} | {operation} | {' | '.join(map(str, counts))} |")
    return found
