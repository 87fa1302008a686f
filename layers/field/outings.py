"""What follows from a track that has come: its course is read once, for all that stands on it."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from layers.field import alongside, coverage
from layers.field.courses import course
from layers.store.schema import track

if TYPE_CHECKING:
    from layers.site import Site


def follow(site: "Site", fid: int, *, now: datetime) -> None:
    """Keep what a stored track covered, and place the findings made on it with its evidence.

    Whatever is cut short here is made up for by `coverage.derive` and `alongside.place_all`.
    """
    version = int(site.facts()["network"])
    if not version:
        return
    with site.store.read() as conn:
        row = conn.execute(select(track).where(track.c.fid == fid)).mappings().one()
    followed = course(site, version, row)
    alongside.place(site, fid, now=now, followed=followed)
    coverage.keep(site, version, row, followed)
