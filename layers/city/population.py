"""Where people live: a raster of counts kept with the site, of which the newest is in force."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
from sqlalchemy import ColumnElement, Connection, insert, select

from geo.people import Cells
from layers import history
from layers.errors import ConflictError
from layers.store.schema import population, population_withdrawn

if TYPE_CHECKING:
    from layers.site import Site


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """The people of a site, and where the numbers come from."""

    id: int
    source: str
    attribution: str | None
    added_at: datetime
    cells: Cells


def add(
    site: "Site",
    cells: Cells,
    source: str,
    attribution: str | None,
    *,
    content_hash: str,
    now: datetime,
    account_id: int | None = None,
) -> bool:
    """Keep a raster as the one in force; tell whether it is new."""
    row = {
        "source": source,
        "attribution": attribution,
        "content_hash": content_hash,
        "crs": cells.crs.to_wkt(),
        "west": cells.west,
        "north": cells.north,
        "cell_width": cells.width,
        "cell_height": cells.height,
        "n_rows": cells.values.shape[0],
        "n_columns": cells.values.shape[1],
        "people": cells.total,
        "cells": zlib.compress(cells.values.astype("<f4").tobytes()),
        "added_at": now,
        "account_id": account_id,
    }
    same = ("content_hash", "source", "attribution", "west", "north", "n_rows", "n_columns")
    with site.store.write() as conn:
        there = conn.execute(_newest(*(population.c[name] for name in same))).first()
        if there is not None and all(getattr(there, name) == row[name] for name in same):
            return False
        conn.execute(insert(population).values(row))
        history.append(
            conn,
            at=now,
            account_id=account_id,
            action="replace",
            noun="population",
            noun_id=source,
            details={"people": round(cells.total), "content_hash": content_hash},
        )
    return True


def newest(conn: Connection) -> Population | None:
    """Return the population in force; None where there is none."""
    row = conn.execute(_newest(population)).first()
    if row is None:
        return None
    values = np.frombuffer(zlib.decompress(row.cells), "<f4").reshape(row.n_rows, row.n_columns)
    crs = pyproj.CRS.from_user_input(row.crs)
    cells = Cells(values.astype(np.float64), row.west, row.north, row.cell_width, row.cell_height, crs)
    return Population(
        id=row.id, source=row.source, attribution=row.attribution, added_at=row.added_at, cells=cells
    )


def is_known(conn: Connection) -> bool:
    """Tell whether there is any."""
    return conn.execute(_newest(population.c.id)).first() is not None


def every(conn: Connection) -> Sequence[Any]:
    """Return all that were ever kept, the newest first, without cells; `withdrawn_at` if taken back."""
    columns = [population.c[name] for name in ("id", "source", "attribution", "people", "added_at")]
    both = population.outerjoin(population_withdrawn, population_withdrawn.c.population_id == population.c.id)
    chosen = select(*columns, population_withdrawn.c.at.label("withdrawn_at")).select_from(both)
    return conn.execute(chosen.order_by(population.c.id.desc())).all()


def take_back(site: "Site", number: int, *, by: int, now: datetime) -> None:
    """Take a raster back; its row stays, and the newest of the others is in force.

    Raises
    ------
    ConflictError
        There is none of this number, or it was taken back before.
    """
    with site.store.write() as conn:
        there = conn.execute(select(population.c.source).where(population.c.id == number, _counts())).first()
        if there is None:
            raise ConflictError("There is no such population, or it has been taken back already")
        conn.execute(insert(population_withdrawn).values(population_id=number, account_id=by, at=now))
        history.append(
            conn,
            at=now,
            account_id=by,
            action="take back",
            noun="population",
            noun_id=there.source,
            details={"population": number},
        )


def _counts() -> "ColumnElement[bool]":
    """Return the condition of not having been taken back."""
    return population.c.id.not_in(select(population_withdrawn.c.population_id))


def _newest(*columns: Any) -> Any:
    return select(*columns).where(_counts()).order_by(population.c.id.desc()).limit(1)
