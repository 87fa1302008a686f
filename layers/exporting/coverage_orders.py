"""Coverage as a file that takes longer than an answer: ordered as a job, fetched like other exports."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from layers import jobs
from layers.analysis import coverage_choice, selection
from layers.analysis.coverage_choice import Asked
from layers.analysis.questions import Analyst
from layers.exporting import coverage, orders
from layers.people import Account
from layers.site import Site
from layers.worker import Work

# The only kind that does not stream; up to so many intervals it is made while the asker waits
GEOPACKAGE, SHORT = "gpkg", 10_000
_INSTANTS = ("since", "until")
_TUPLES = ("within",)


def is_short(analyst: Analyst, asked: Asked, kind: str) -> bool:
    """Tell whether a file can be answered at once."""
    return kind != GEOPACKAGE or len(coverage_choice.chosen(analyst, asked)) <= SHORT


def order(
    site: Site, account: Account, asked: Asked, *, now: datetime, kind: str = GEOPACKAGE, speak: str = "zh"
) -> int:
    """Order a file and return its job; what was made of the same passes already is made only once.

    What is asked has been narrowed to what the account may see.
    """
    coverage.check(kind)
    with site.store.read() as conn:
        at = selection.data_version(conn)
    payload = {"kind": kind, "asked": pack(asked), "speak": speak}
    facts = [payload, at, int(site.facts()["network"] or 0), account.id]
    key = f"{orders.COVERAGE} {hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"
    made = jobs.done(site, key)
    if made is not None and orders.has_file(site, made):
        return made.id
    with site.store.write() as conn:
        return jobs.put(conn, orders.COVERAGE, payload, now=now, key=key, account_id=account.id)


def make(site: Site, work: Work) -> dict[str, Any]:
    """Do the job of an export of coverage."""
    kind, asked, analyst = work.payload["kind"], unpack(work.payload["asked"]), Analyst(site)
    path = orders.place(site, work, coverage.LAYER, kind)
    if kind == GEOPACKAGE:
        n = coverage.write(analyst, asked, path, work.progress)
    else:
        n = coverage.write_streamed(analyst, asked, path, speak=work.payload["speak"])
    return {"file": path.name, "n": n, "n_bytes": path.stat().st_size}


def pack(asked: Asked) -> dict[str, Any]:
    """Return what is asked as it is kept in a job."""
    kept = {name: value for name, value in asdict(asked).items() if value is not None}
    return {name: value.isoformat() if name in _INSTANTS else value for name, value in kept.items()}


def unpack(kept: dict[str, Any]) -> Asked:
    """Return what was asked from what was kept in a job.

    >>> asked = Asked(since=datetime.fromisoformat("2020-09-25T00:00+08:00"), within=(3, 4), team="")
    >>> unpack(json.loads(json.dumps(pack(asked)))) == asked
    True
    """
    instants = {name: datetime.fromisoformat(kept[name]) for name in _INSTANTS if name in kept}
    tuples = {name: tuple(kept[name]) for name in _TUPLES if name in kept}
    return Asked(**{**kept, **instants, **tuples})
