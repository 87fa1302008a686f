"""The finding that has just been written, told from what was written: nothing is read back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import numpy as np

from layers.city.districts import Districts
from layers.city.nearness import KeyPoints, Near
from layers.field import evidence, placements
from layers.field.placements import Derived, Surroundings
from layers.field.records import Finding, InDistrict, NearKeyPoint, Placement
from layers.field.reports import Position
from layers.people import Account
from layers.store.types import to_millisecond

_SAID = ("uuid", "import_run_id", "channel", "scheme", "code", "note", "n_items", "street_hint", "device")
_OF_POSITION = tuple(one.name for one in fields(Position))
_STORED_AS = {"x": "raw_x", "y": "raw_y", "source": "position_source"}


def first_of(
    account: Account,
    columns: Mapping[str, Sequence[Any]],
    derived: Derived,
    around: Surroundings,
    *,
    fid: int,
    now: datetime,
) -> Finding:
    """Return the first finding of a batch as `findings.get` would, before anybody changes anything."""
    position = {name: columns[_STORED_AS.get(name, name)][0] for name in _OF_POSITION}
    place = columns["geom"][0]
    observed, received = to_millisecond(columns["observed_at"][0]), to_millisecond(now)
    is_imported = columns["import_run_id"][0] is not None
    return Finding(
        **{name: columns[name][0] for name in _SAID},
        fid=fid,
        version=1,
        account_id=account.id,
        account_name=account.name,
        observed_at=observed,
        received_at=received,
        withdrawn_at=None,
        position=Position(**position | {"fixed_at": _instant(position["fixed_at"])}),
        lon=place.x,
        lat=place.y,
        placement=_placement(derived, around, now),
        decision=None,
        key_points=_near(derived.near, around.key_points),
        districts=_areas(derived, around.districts),
        photos=(),
        doubts=evidence.of_report(observed, received, around.settings, is_imported=is_imported),
    )


def _instant(at: datetime | None) -> datetime | None:
    return None if at is None else to_millisecond(at)


def _placement(derived: Derived, around: Surroundings, now: datetime) -> Placement | None:
    if derived.placement is None or around.network is None:
        return None
    return Placement(
        network_version=around.network.version,
        method_version=placements.METHOD_VERSION,
        placed_at=to_millisecond(now),
        track_id=None,
        **{name: _plain(values[0]) for name, values in derived.placement.items()},
    )


def _near(near: Near, known: KeyPoints | None) -> tuple[NearKeyPoint, ...]:
    mine = np.flatnonzero(near.row == 0)
    if known is None or not len(mine):
        return ()
    order = mine[np.lexsort((near.key_point_id[mine], near.distance_m[mine]))]
    rows = known.fid.searchsorted(near.key_point_id[order])
    return tuple(
        NearKeyPoint(
            id=int(near.key_point_id[at]),
            kind=known.kind[row],
            name=_plain(known.place_name[row]),
            distance_m=float(near.distance_m[at]),
            measured_from=near.measured_from[at],
            radius_m=float(near.radius_m[at]),
            p_inside=float(near.p_inside[at]),
        )
        for at, row in zip(order, rows, strict=True)
    )


def _areas(derived: Derived, known: Districts) -> tuple[InDistrict, ...]:
    ids = np.sort(derived.district_id[derived.district_row == 0])
    if not len(ids):
        return ()
    rows = known.frame.iloc[known.fid.searchsorted(ids)]
    return tuple(
        InDistrict(id=int(fid), level=level, code=_plain(code), name=_plain(name))
        for fid, level, code, name in zip(ids, rows["level"], rows["code"], rows["name"], strict=True)
    )


def _plain(value: Any) -> Any:
    """Return a plain Python value, None for NaN: as the store gives it."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if plain != plain else plain  # noqa: PLR0124  # only NaN differs from itself
