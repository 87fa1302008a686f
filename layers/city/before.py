"""What rows of the city's layers were before an import, and putting them back."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Connection, Table, delete, insert, select, update

from layers.store.schema import district, gate, import_run, kerb, key_point, licence
from layers.store.schema import layer_before as table

# In the order in which rows are put back
LAYERS: Mapping[str, Table] = {one.name: one for one in (key_point, gate, district, kerb, licence)}


def note_made(conn: Connection, run: int, layer: Table, keys: Iterable[int]) -> None:
    """Note that an import made rows."""
    rows = [{"run_id": run, "layer": layer.name, "row_id": int(key)} for key in keys]
    if rows:
        conn.execute(insert(table), rows)


def note(conn: Connection, run: int, layer: Table, there: pd.DataFrame, content: Sequence[str]) -> None:
    """Note rows as they are before an import changes or removes them.

    Parameters
    ----------
    there : DataFrame
        `fid`, `removed_at` (NaT where it is in force), and the columns of `content`.
    """
    shapes = [shapely.to_wkb(one) for one in there["geom"]]
    names = [name for name in content if name != "geom"]
    rows = [
        {
            "run_id": run,
            "layer": layer.name,
            "row_id": int(fid),
            "content": dict(zip(names, map(_plain, values), strict=True)),
            "shape": shape,
            "removed_at": None if pd.isna(gone) else gone,
        }
        for fid, gone, shape, values in zip(
            there["fid"],
            there["removed_at"],
            shapes,
            there[names].itertuples(index=False, name=None),
            strict=True,
        )
    ]
    if rows:
        conn.execute(insert(table), rows)


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def is_known(conn: Connection, run: int) -> bool:
    """Tell whether it is known what was before an import: of older ones it is not."""
    return conn.execute(select(table.c.id).where(table.c.run_id == run).limit(1)).first() is not None


def later(conn: Connection, run: int) -> int | None:
    """Return an import that changed the same rows after this one and was not taken back."""
    mine = table.alias()
    chosen = (
        select(table.c.run_id)
        .join(mine, (mine.c.layer == table.c.layer) & (mine.c.row_id == table.c.row_id))
        .join(import_run, import_run.c.id == table.c.run_id)
        .where(mine.c.run_id == run, table.c.run_id > run, import_run.c.undone_at.is_(None))
    )
    found: int | None = conn.execute(chosen.order_by(table.c.run_id.desc()).limit(1)).scalar()
    return found


def put_back(conn: Connection, run: int, *, now: datetime) -> dict[str, int]:
    """Make the rows of an import what they were; return how many of each layer.

    Rows that it made are removed, as a source removes what it no longer has; the licences that it named are
    forgotten, a person's word since then stays.
    """
    counts: Counter[str] = Counter()
    kept = conn.execute(select(table).where(table.c.run_id == run).order_by(table.c.id)).all()
    for name, layer in LAYERS.items():
        own = [row for row in kept if row.layer == name]
        made = [row.row_id for row in own if row.content is None]
        _take_away(conn, layer, made, now)
        for row in own:
            if row.content is not None:
                values = {**row.content, "geom": shapely.from_wkb(row.shape), "removed_at": row.removed_at}
                conn.execute(update(layer).where(layer.c.fid == row.row_id).values(values))
        counts[name] += len(own)
    return dict(counts)


def _take_away(conn: Connection, layer: Table, keys: Sequence[int], now: datetime) -> None:
    for some in _chunks(keys):
        if layer is licence:
            conn.execute(delete(licence).where(licence.c.id.in_(some)))
        else:
            gone = layer.c.fid.in_(some) & layer.c.removed_at.is_(None)
            conn.execute(update(layer).where(gone).values(removed_at=now))


def _chunks(keys: Sequence[int], size: int = 5000) -> Iterable[Sequence[int]]:
    return (keys[at : at + size] for at in range(0, len(keys), size))
