"""Checked, nothing found: what somebody says to have looked at, taken once and kept for ever.

A check counts as an inspection of both sides of a stretch of a block, like what a track covers, until it is
withdrawn (`layers.field.check_withdrawals`).
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, select

from geo import coverage
from geo.crs import LonLat
from layers import history
from layers.city.networks import Network
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.field import placements
from layers.field.corrections import Corrections
from layers.field.findings import Outcome
from layers.field.reports import (
    LONGEST,
    Position,
    check_instant,
    check_position,
    check_text,
    check_uuid,
    plain,
)
from layers.people import Account, demand, may
from layers.store import frames
from layers.store.schema import account, check_stretch, check_withdrawal, street_check
from layers.store.types import to_millisecond, to_text

if TYPE_CHECKING:
    from layers.site import Site

# Of a check that was withdrawn: when, by whom and why
withdrawer = account.alias("withdrawer")
WITHDRAWN = (
    check_withdrawal.c.at.label("withdrawn_at"),
    withdrawer.c.name.label("withdrawn_by"),
    check_withdrawal.c.reason.label("withdrawn_reason"),
)
# Raised when the same position would be another stretch
METHOD_VERSION = "check-1"
EXTENTS = ("place", "block")
# How far somebody who stands still sees to either side, metres along the street
REACH_M = 25.0
# From this probability of the block on its stretch counts as looked at, as with tracks
SURE = coverage.Rules().p
_OF_POSITION = ("frame", "accuracy_m", "accuracy_kind", "fixed_at", "heading_deg", "speed_ms", "is_mock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A statement as it came: who stood there saw nothing amiss, at the place or along the whole block."""

    uuid: str
    observed_at: datetime
    position: Position
    extent: str = "place"
    note: str | None = None
    device: str | None = None


def content_hash(sent: Check) -> str:
    """Return a hash of all that a check says."""
    said = asdict(sent)
    # a whole number and the same with a fraction are one
    said["position"] = {name: plain(value) for name, value in said["position"].items()}
    text = json.dumps(said, default=_as_text, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return to_text(to_millisecond(value))
    raise TypeError(f"a check cannot hold {type(value).__name__}")


def look(site: "Site", account: Account, sent: Check, *, now: datetime) -> Outcome:
    """Return what would become of a check, or refuse it as `put` does, and write nothing."""
    demand(account, "report")
    _check(site, sent, now)
    with site.store.read() as conn:
        known = _is_known(conn, account, sent.uuid, content_hash(sent))
    return Outcome.SAME if known else Outcome.CREATED


def put(site: "Site", account: Account, sent: Check, *, now: datetime) -> Outcome:
    """Take one check; the same again changes nothing.

    Raises
    ------
    InvalidError
        Naming the field that cannot be true.
    ConflictError
        The id is known with other content, or belongs to somebody else.
    """
    demand(account, "report")
    _check(site, sent, now)
    digest = content_hash(sent)
    with site.store.read() as conn:
        if _is_known(conn, account, sent.uuid, digest):
            return Outcome.SAME
    values = _values(sent, site.corrections)
    with site.store.write() as conn:
        # its twin may have come in between
        if _is_known(conn, account, sent.uuid, digest):
            return Outcome.SAME
        own = {"content_hash": digest, "account_id": account.id, "received_at": now}
        conn.execute(insert(street_check).values(**values, **own))
        history.append(
            conn,
            at=now,
            account_id=account.id,
            action="create",
            noun="check",
            noun_id=sent.uuid,
            version=1,
            details={history.SEAL: digest},
        )
    derive(site)
    return Outcome.CREATED


def _check(site: "Site", sent: Check, now: datetime) -> None:
    check_uuid(sent.uuid)
    if sent.extent not in EXTENTS:
        raise InvalidError(
            "%(field)s: %(given)s is not known; known: %(known)s",
            field="extent",
            given=sent.extent[:60],
            known=", ".join(EXTENTS),
        )
    for name in ("note", "device"):
        check_text(name, getattr(sent, name), LONGEST[name])
    check_instant("observed_at", sent.observed_at, now)
    check_position(sent.position, now, site.bounds())


def _is_known(conn: Connection, account: Account, uuid: str, digest: str) -> bool:
    known = select(street_check.c.content_hash, street_check.c.account_id)
    row = conn.execute(known.where(street_check.c.uuid == uuid)).first()
    if row is None:
        return False
    mine = row.account_id == account.id or may(account, "see all")
    if mine and row.content_hash == digest:
        return True
    raise ConflictError("The check %(uuid)s is known with other content", field="uuid", uuid=uuid)


def _values(sent: Check, corrections: Corrections) -> dict[str, Any]:
    position = sent.position
    values = {name: getattr(sent, name) for name in ("uuid", "observed_at", "extent", "note", "device")}
    values |= {name: plain(getattr(position, name)) for name in _OF_POSITION}
    values |= {"raw_x": plain(position.x), "raw_y": plain(position.y), "position_source": position.source}
    return {**values, "geom": shapely.Point(_lonlat(pd.DataFrame([values]), corrections)[0])}


def _lonlat(rows: pd.DataFrame, corrections: Corrections) -> LonLat:
    """Return where each check was made, in WGS 84, by the true frame of its device."""
    said = ("device", "observed_at", "frame", "position_source")
    frame_of = corrections.frames(*(rows[name].tolist() for name in said))
    return placements.lonlat_of(rows["raw_x"].tolist(), rows["raw_y"].tolist(), frame_of)


def derive(site: "Site") -> int:
    """Find the stretches of the checks that have none yet on the newest streets; return how many."""
    facts = site.facts()
    network = site.network_or_none(facts)
    if network is None:
        return 0
    own = on_streets(network.version, int(facts["datum"]))
    there = select(check_stretch.c.id).where(check_stretch.c.check_id == street_check.c.fid, own).exists()
    with site.store.read() as conn:
        rows = pd.DataFrame(
            frames.read(conn, select(street_check).where(~there).order_by(street_check.c.fid))
        )
    if rows.empty:
        return 0
    found = _stretches(site, network, rows, site.corrections_as_of(facts))
    n = len(found)
    fixed = {
        "network_version": np.full(n, network.version),
        "datum": np.full(n, int(facts["datum"])),
        "method_version": [METHOD_VERSION] * n,
    }
    try:
        with site.store.write() as conn:
            frames.insert_many(conn, check_stretch, {**fixed, **{str(name): found[name] for name in found}})
    except ConflictError:
        # another process has just read the same checks, with the same result
        return 0
    return n


def on_streets(version: int, datum: int) -> ColumnElement[bool]:
    """Return the condition that a stretch is of these streets and corrections, as read today."""
    return and_(
        check_stretch.c.network_version == version,
        check_stretch.c.datum == datum,
        check_stretch.c.method_version == METHOD_VERSION,
    )


def _stretches(site: "Site", network: Network, rows: pd.DataFrame, corrections: Corrections) -> pd.DataFrame:
    """Return the columns of the stretch of each check; without a block where that is in doubt."""
    names = ("accuracy_m", "accuracy_kind", "position_source", "heading_deg", "speed_ms")
    columns = {name: rows[name].tolist() for name in names}
    nothing = [None] * len(rows)
    of = placements.positions(
        site.settings,
        {**columns, "street_hint": nothing, "import_run_id": nothing},
        _lonlat(rows, corrections),
    )
    placed = placements.place(network, of, site.settings)
    sure = (np.nan_to_num(placed["p_block"]) >= SURE) & ~placed["outside"]
    block_id = pd.Series(placed["block_id"], dtype=object).where(sure, None)
    length = network.blocks.set_index("block_id").geometry.length.reindex(block_id).to_numpy()
    whole = (rows["extent"] == "block").to_numpy()
    low = np.where(whole, 0.0, np.maximum(placed["chainage_m"] - REACH_M, 0.0))
    high = np.where(whole, length, np.minimum(placed["chainage_m"] + REACH_M, length))
    return pd.DataFrame(
        {
            "check_id": rows["fid"].to_numpy(np.int64),
            "block_id": block_id,
            "street_name": pd.Series(placed["street_name"], dtype=object).where(sure, None),
            "p_block": placed["p_block"],
            **{
                name: pd.array(np.where(sure, np.round(ends * 1000), np.nan), dtype="Int64")
                for name, ends in (("from_mm", low), ("to_mm", high))
            },
        }
    )


def table(site: "Site") -> pd.DataFrame:
    """Return what checks cover on the newest streets, with the `account_id` of each.

    The columns of `geo.coverage.checked`; the recording is the id of the check.
    """
    derive(site)
    facts = site.facts()
    network = site.network
    chosen = (
        select(
            street_check.c.uuid.label("check_id"),
            street_check.c.account_id,
            street_check.c.observed_at.label("at"),
            check_stretch.c.block_id,
            check_stretch.c.from_mm,
            check_stretch.c.to_mm,
        )
        .join(check_stretch, check_stretch.c.check_id == street_check.c.fid)
        .where(on_streets(network.version, int(facts["datum"])), check_stretch.c.block_id.is_not(None))
        .where(~_withdrawn())
    )
    with site.store.read() as conn:
        rows = pd.DataFrame(frames.read(conn, chosen.order_by(street_check.c.fid)))
    if rows.empty:
        return coverage.merge().assign(account_id=pd.Series(dtype="int64"))
    for end in ("from", "to"):
        rows[f"{end}_m"] = rows.pop(f"{end}_mm") / 1000
    found = coverage.checked(rows, network.blocks)
    return found.assign(account_id=rows.set_index("check_id")["account_id"].reindex(found["recording"]).array)


def _withdrawn() -> ColumnElement[bool]:
    """Return the condition that a check was taken back."""
    of = check_withdrawal.c.check_id == street_check.c.fid
    return select(check_withdrawal.c.id).where(of).exists()


def version(site: "Site") -> tuple[int, int, int]:
    """Return what changes whenever `table` does, on the same streets."""
    with site.store.read() as conn:
        last = conn.execute(select(func.max(street_check.c.fid))).scalar()
        withdrawn = conn.execute(select(func.max(check_withdrawal.c.id))).scalar()
    return int(last or 0), int(withdrawn or 0), int(site.facts()["datum"])


def get(site: "Site", uuid: str) -> dict[str, Any]:
    """Return one check as it came, with its stretch on the newest streets, None before there are any.

    And, if it was withdrawn, when, by whom and why: `withdrawn_at, withdrawn_by, withdrawn_reason`.
    """
    facts = site.facts()
    on = and_(
        check_stretch.c.check_id == street_check.c.fid,
        on_streets(int(facts["network"]), int(facts["datum"])),
    )
    columns = [check_stretch.c[name] for name in ("block_id", "street_name", "p_block", "from_mm", "to_mm")]
    joined: Select[Any] = (
        select(street_check, *columns, *WITHDRAWN)
        .outerjoin(check_stretch, on)
        .outerjoin(check_withdrawal, check_withdrawal.c.check_id == street_check.c.fid)
        .outerjoin(withdrawer, withdrawer.c.id == check_withdrawal.c.account_id)
    )
    with site.store.read() as conn:
        row = conn.execute(joined.where(street_check.c.uuid == uuid)).mappings().first()
    if row is None:
        raise NotFoundError("There is no check %(uuid)s", uuid=uuid)
    return dict(row)
