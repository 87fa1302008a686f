"""A job that takes as long as it is told, and a process that does such jobs."""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from layers.errors import BusyError, InvalidError
from layers.site import Site
from layers.worker import Work, Worker

HANDLERS = {name: f"tests.layers.counting:{name}" for name in ("count", "refuse", "stumble", "crash")}
LEASE = timedelta(seconds=1.5)


def count(_site: Site, work: Work) -> dict[str, object]:
    """Count to a number with a rest after each, and leave a line in a file at the end."""
    n = int(work.payload["n"])
    for at in range(1, n + 1):
        work.progress("counting", at, n)
        time.sleep(float(work.payload.get("rest_s", 0)))
    if "file" in work.payload:
        with Path(work.payload["file"]).open("a", encoding="utf-8") as file:
            file.write(f"{work.job.id}\n")
    return {"n": n}


def refuse(_site: Site, _work: Work) -> None:
    """Find that the job can never be done."""
    raise InvalidError("%(given)s is not a number", given="x", field="n")


def stumble(_site: Site, _work: Work) -> None:
    """Find that the job cannot be done now."""
    raise BusyError("The store is busy; try again later")


def crash(_site: Site, _work: Work) -> None:
    """Be wrong."""
    raise ZeroDivisionError("a fault")


if __name__ == "__main__":
    site = Site.open(Path(sys.argv[1]), now=datetime.now(UTC))
    Worker(site, lambda: datetime.now(UTC), lease=LEASE, handlers=HANDLERS).run()
