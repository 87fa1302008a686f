"""Which findings are meant: the filters that maps, pages, exports and the API share."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, false, func, or_, select, union_all

from layers.field import in_force
from layers.store import spans
from layers.store.schema import (
    finding,
    finding_district,
    finding_link,
    network,
    placement,
    placement_decision,
)
from layers.store.spatial import intersects_bbox


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFilter:
    """Conditions that all hold; an empty filter means every finding that has not been withdrawn.

    `bbox` is west, south, east, north in degrees; the period holds its beginning and not its end;
    `categories` are pairs of scheme and code; `within` are areas of which one holds it; `street` is a
    street's id or its name on the newest streets; `late_days` asks for what was reported more than so many
    days after it was observed, imports aside.
    A finding that was merged as the duplicate of another counts there, and is asked for by `with_duplicates`.
    """

    bbox: tuple[float, float, float, float] | None = None
    observed_from: datetime | None = None
    observed_until: datetime | None = None
    categories: tuple[tuple[str, str], ...] | None = None
    street: str | None = None
    block_id: str | None = None
    district_id: int | None = None
    within: tuple[int, ...] | None = None
    uuids: tuple[str, ...] | None = None
    channel: str | None = None
    account_id: int | None = None
    import_run_id: int | None = None
    late_days: int | None = None
    with_withdrawn: bool = False
    with_duplicates: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions as SQL."""
        return [*self._on_record(), *self._on_place()]

    def _on_record(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if not self.with_withdrawn:
            found.append(finding.c.withdrawn_at.is_(None))
        if not self.with_duplicates:
            repeats = in_force.merged(finding_link.c.id).where(finding_link.c.second_id == finding.c.fid)
            found.append(~repeats.exists())
        if self.observed_from is not None:
            found.append(finding.c.observed_at >= self.observed_from)
        if self.observed_until is not None:
            found.append(finding.c.observed_at < self.observed_until)
        if self.categories is not None:
            found.append(_one_of(self.categories))
        if self.uuids is not None:
            found.append(finding.c.uuid.in_(self.uuids))
        if self.late_days is not None:
            late = spans.days(finding.c.observed_at, finding.c.received_at) > self.late_days
            found += [finding.c.import_run_id.is_(None), late]
        same = {"channel": self.channel, "account_id": self.account_id, "import_run_id": self.import_run_id}
        return found + [finding.c[name] == value for name, value in same.items() if value is not None]

    def _on_place(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.bbox is not None:
            found.append(intersects_bbox(finding, self.bbox))
        if self.district_id is not None:
            pair = finding_district
            inside = select(pair.c.finding_id).where(pair.c.district_id == self.district_id)
            found.append(finding.c.fid.in_(inside))
        if self.within is not None:
            pair = finding_district
            found.append(
                finding.c.fid.in_(select(pair.c.finding_id).where(pair.c.district_id.in_(self.within)))
            )
        if self.street is not None:
            # two selects, each with its index; of an OR inside one the planner would use neither
            by_id, by_name = _lying("street_id", self.street), _lying("street_name", self.street)
            found.append(finding.c.fid.in_(union_all(*by_id, *by_name)))
        if self.block_id is not None:
            found.append(finding.c.fid.in_(union_all(*_lying("block_id", self.block_id))))
        return found


def _one_of(categories: tuple[tuple[str, str], ...]) -> ColumnElement[bool]:
    codes: dict[str, list[str]] = {}
    for scheme, code in categories:
        codes.setdefault(scheme, []).append(code)
    return or_(
        false(),
        *(
            and_(finding.c.scheme == scheme, finding.c.code.in_(sorted(own)))
            for scheme, own in sorted(codes.items())
        ),
    )


def newest_network() -> ScalarSelect[int | None]:
    """Return the number of the newest streets as SQL."""
    return select(func.max(network.c.version)).scalar_subquery()


def _lying(column: str, value: str) -> list[Select[tuple[int]]]:
    """Return the findings that lie there by their placement, and those by a decision, which goes first."""
    decided = in_force.decisions(placement_decision.c.finding_id)
    placed = select(placement.c.finding_id).where(
        placement.c.network_version == newest_network(),
        placement.c[column] == value,
        placement.c.finding_id.not_in(decided),
    )
    return [
        placed,
        in_force.decisions(placement_decision.c.finding_id).where(placement_decision.c[column] == value),
    ]
