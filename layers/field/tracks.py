"""Tracks of patrols as they came; what they covered is read from them by `layers.field.coverage`."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, LargeBinary, func, insert, select, update

from geo.assign import ACCURACY_KINDS
from geo.crs import check_lonlat
from geo.errors import CoordinateError
from geo.matching import Trace
from layers import history
from layers.city import versions
from layers.errors import BusyError, ConflictError, InvalidError, NotFoundError
from layers.field import coverage, outings
from layers.field.courses import course
from layers.field.findings import Outcome
from layers.field.fixes import fixes_of
from layers.field.reports import CLOCK_AHEAD, LONGEST, check_frame, check_text, check_uuid
from layers.people import Account, demand, may
from layers.store import frames
from layers.store.schema import track

if TYPE_CHECKING:
    from layers.site import Site

MODES = ("foot", "bicycle", "vehicle")
MOST_FIXES = 1_000_000
_ATTEMPTS = 5
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """An outing as it came: a position, a Unix time (seconds) and an accuracy (metres or NaN) per fix."""

    uuid: str
    lon: Floats
    lat: Floats
    time: Floats
    accuracy_m: Floats
    frame: str
    accuracy_kind: str = "unknown"
    mode: str | None = None
    device: str | None = None

    def in_order(self) -> Floats:
        """Return the fixes by time, shape (n, 4): lon, lat, time, accuracy."""
        columns = [
            np.asarray(part, dtype=np.float64) for part in (self.lon, self.lat, self.time, self.accuracy_m)
        ]
        if len({part.shape for part in columns}) != 1 or columns[0].ndim != 1:
            raise InvalidError("A track needs a position, a time and an accuracy for each fix", field="fixes")
        # -0.0 and 0.0 are one number with two patterns of bits
        fixes = np.column_stack(columns) + 0.0
        ordered: Floats = fixes[np.argsort(fixes[:, 2], kind="stable")]
        return ordered


def content_hash(sent: Track) -> str:
    """Return a hash of all that a track says, whatever the order of its fixes."""
    digest = hashlib.sha256(np.ascontiguousarray(sent.in_order(), dtype="<f8").tobytes())
    digest.update(
        "\x1f".join(str(part) for part in (sent.frame, sent.accuracy_kind, sent.mode, sent.device)).encode()
    )
    return digest.hexdigest()


def check(sent: Track, *, now: datetime) -> None:
    """Refuse a track that cannot be true, naming the field and the row."""
    check_uuid(sent.uuid)
    check_text("device", sent.device, LONGEST["device"])
    check_frame(sent.frame)
    if sent.accuracy_kind not in ACCURACY_KINDS:
        raise InvalidError(
            "%(given)s is no kind of accuracy", field="accuracy_kind", given=sent.accuracy_kind
        )
    if sent.mode is not None and sent.mode not in MODES:
        raise InvalidError(
            "%(field)s: %(given)s is not known; known: %(known)s",
            field="mode",
            given=sent.mode,
            known=", ".join(MODES),
        )
    fixes = sent.in_order()
    if not 2 <= len(fixes) <= MOST_FIXES:
        raise InvalidError(
            "A track has 2 to %(most)s fixes; this one has %(n)s",
            field="fixes",
            most=MOST_FIXES,
            n=len(fixes),
        )
    _check_fixes(np.column_stack([sent.lon, sent.lat]), np.asarray(sent.time, dtype=np.float64), now)


def _check_fixes(lonlat: Floats, time: Floats, now: datetime) -> None:
    try:
        check_lonlat(lonlat)
    except CoordinateError as error:
        params: dict[str, Any] = dict(error.params)
        raise InvalidError(error.message, field="fixes", **params) from error
    latest = (now + CLOCK_AHEAD).timestamp()
    wrong = ~(np.isfinite(time) & (time >= 0) & (time <= latest))
    if wrong.any():
        raise InvalidError(
            "row %(row)s: the time of the fix lies before 1970 or in the future",
            field="fixes",
            row=int(np.argmax(wrong)),
        )


def look(site: "Site", account: Account, sent: Track, *, now: datetime) -> Outcome:
    """Return what would become of a track, or refuse it as `put` does, and write nothing."""
    demand(account, "report")
    check(sent, now=now)
    with site.store.read() as conn:
        known = _is_known(conn, account, sent.uuid, content_hash(sent))
    return Outcome.SAME if known else Outcome.CREATED


def put(
    site: "Site",
    account: Account,
    sent: Track,
    *,
    now: datetime,
    import_run_id: int | None = None,
    by: int | None = None,
) -> Outcome:
    """Take one track of a person; the same again changes nothing.

    Parameters
    ----------
    by : int, optional
        The account that hands it in, where that is not the person's own.

    Raises
    ------
    InvalidError
        Naming the field, and the row of a fix.
    ConflictError
        The id is known with other content, or belongs to somebody else.
    """
    demand(account, "report")
    check(sent, now=now)
    digest = content_hash(sent)
    values = _values(sent, digest, account, import_run_id, now)
    for _ in range(_ATTEMPTS):
        with site.store.read() as conn:
            if _is_known(conn, account, sent.uuid, digest):
                return Outcome.SAME
        facts = site.facts()
        fixes = fixes_of(values, site.corrections_as_of(facts))
        try:
            with site.store.write() as conn:
                if not _is_still(facts, versions.read(conn, lock=True)):
                    continue
                geom = {"geom": shapely.LineString(fixes.lonlat)}
                fid = _insert(conn, {**values, **geom}, by or account.id, now)
        except ConflictError:
            # its twin came in between; look again
            continue
        outings.follow(site, fid, now=now)
        return Outcome.CREATED
    raise BusyError("Streets or key points are being changed; try again later")


def _is_still(facts: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether streets and corrections are still those that a track was read by."""
    return all(facts[name] == found[name] for name in ("network", "datum"))


def _is_known(conn: Connection, account: Account, uuid: str, digest: str) -> bool:
    row = conn.execute(select(track.c.content_hash, track.c.account_id).where(track.c.uuid == uuid)).first()
    if row is None:
        return False
    mine = row.account_id == account.id or may(account, "see all")
    if mine and row.content_hash == digest:
        return True
    raise ConflictError("The track %(uuid)s is known with other content", field="uuid", uuid=uuid)


def _values(
    sent: Track, digest: str, account: Account, import_run_id: int | None, now: datetime
) -> dict[str, Any]:
    fixes = sent.in_order()
    return {
        "uuid": sent.uuid,
        "content_hash": digest,
        "account_id": account.id,
        "import_run_id": import_run_id,
        "device": sent.device,
        "mode": sent.mode,
        "frame": sent.frame,
        "accuracy_kind": sent.accuracy_kind,
        "started_at": datetime.fromtimestamp(fixes[0, 2], UTC),
        "ended_at": datetime.fromtimestamp(fixes[-1, 2], UTC),
        "received_at": now,
        "n_fixes": len(fixes),
        "fixes": zlib.compress(np.ascontiguousarray(fixes.T, dtype="<f8").tobytes()),
    }


def _insert(conn: Connection, values: dict[str, Any], by: int, now: datetime) -> int:
    fid: int = conn.execute(insert(track).values(**values).returning(track.c.fid)).scalar_one()
    history.append(
        conn,
        at=now,
        account_id=by,
        action="create",
        noun="track",
        noun_id=values["uuid"],
        version=1,
        details={history.SEAL: values["content_hash"]},
    )
    return fid


def overlaps(conn: Connection, account_id: int, uuid: str, begun: datetime, ended: datetime) -> int:
    """Return how many other tracks of a person were recorded while this one was: their ways count as well."""
    others = (track.c.account_id == account_id, track.c.uuid != uuid)
    at_once = (track.c.started_at < ended, track.c.ended_at > begun)
    return int(conn.execute(select(func.count()).where(*others, *at_once)).scalar_one())


def rederive(
    site: "Site", fid: int, *, account_id: int, details: Mapping[str, Any], now: datetime
) -> Trace | None:
    """Read a stored track anew: its line, and on the newest streets its course and coverage.

    Returns
    -------
    Trace or None
        The course; None without streets.  What was read on older streets stays as it was.
    """
    for _ in range(_ATTEMPTS):
        facts = site.facts()
        with site.store.read() as conn:
            row = conn.execute(select(track).where(track.c.fid == fid)).mappings().one()
        version = int(facts["network"])
        fixes = fixes_of(row, site.corrections_as_of(facts))
        followed = course(site, version, row) if version else None
        covered = coverage.covered(site, version, row, followed) if followed else None
        with site.store.write() as conn:
            if not _is_still(facts, versions.read(conn, lock=True)):
                continue
            conn.execute(
                update(track).where(track.c.fid == fid).values(geom=shapely.LineString(fixes.lonlat))
            )
            if covered is not None:
                coverage.replace(conn, fid, version, covered)
            history.append(
                conn,
                at=now,
                account_id=account_id,
                action="rederive",
                noun="track",
                noun_id=row["uuid"],
                details=details,
            )
        return followed
    raise BusyError("Streets or key points are being changed; try again later")


def get(site: "Site", uuid: str) -> dict[str, Any]:
    """Return what is stored of one track, its geometry among it, its raw fixes not."""
    columns = [column for column in track.c if not isinstance(column.type, LargeBinary)]
    with site.store.read() as conn:
        row = conn.execute(select(*columns).where(track.c.uuid == uuid)).mappings().first()
    if row is None:
        raise NotFoundError("There is no track %(uuid)s", uuid=uuid)
    return dict(row)


def frame(
    site: "Site", *, begun_from: datetime | None = None, begun_until: datetime | None = None
) -> gpd.GeoDataFrame:
    """Return the tracks that began in a period, as lines in longitude and latitude, by their beginning."""
    names = ("fid", "uuid", "account_id", "device", "mode", "started_at", "ended_at", "n_fixes", "geom")
    chosen = select(*(track.c[name] for name in names))
    if begun_from is not None:
        chosen = chosen.where(track.c.started_at >= begun_from)
    if begun_until is not None:
        chosen = chosen.where(track.c.started_at < begun_until)
    with site.store.read() as conn:
        return frames.read(conn, chosen.order_by(track.c.started_at, track.c.fid))
