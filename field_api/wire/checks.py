"""Checked, nothing found: as a phone says it, and as it is answered."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from field_api.wire.answers import Location, RawPosition
from field_api.wire.findings import EXAMPLE as FINDING
from field_api.wire.findings import Position
from field_api.wire.kinds import Incoming, Instant, Name, Outgoing, Prose
from layers.field.checks import Check
from layers.field.reports import Position as StoredPosition

Extent = Literal["place", "block"]
EXAMPLE_WITHDRAWAL = {"reason": "wrong street"}
EXAMPLE = {"observed_at": FINDING["observed_at"], "extent": "block", "position": FINDING["position"]}


class CheckIn(Incoming):
    """Somebody looked, and nothing was amiss: both sides of the street, at the place or along the block."""

    observed_at: Instant
    position: Position
    extent: Extent = Field("place", description="place: 25 m to each side; block: crossing to crossing")
    note: Prose | None = None
    device: Name | None = None

    def check(self, uuid: UUID) -> Check:
        """Return the statement as the layers take it."""
        known = self.model_dump(exclude={"position"})
        return Check(uuid=str(uuid), position=self.position.record(), **known)


class WithdrawalIn(Incoming):
    """Why a check should not count: the wrong street was tapped, or something was there after all."""

    reason: Prose | None = None


class Stretch(Outgoing):
    """The stretch of a block that counts as inspected."""

    block_id: str
    street_name: str | None
    from_m: float
    to_m: float


class Withdrawal(Outgoing):
    """When, by whom and why a check was withdrawn."""

    at: datetime
    by: str
    reason: str | None


class CheckAnswer(Outgoing):
    """A check as it is kept, and what it covers."""

    uuid: UUID
    observed_at: datetime
    received_at: datetime
    extent: Extent
    note: str | None
    device: str | None
    position: RawPosition
    location: Location
    p_block: float | None = Field(description="Probability of the likeliest block")
    stretch: Stretch | None = Field(description="Null where the block is in doubt: it does not count")
    withdrawn: Withdrawal | None = Field(description="It counts no more; null while it stands")

    @classmethod
    def of(cls, found: dict[str, Any]) -> "CheckAnswer":
        """Return the answer for a record."""
        names = ("accuracy_m", "accuracy_kind", "frame", "fixed_at", "heading_deg", "speed_ms", "is_mock")
        raw = {name: found[name] for name in names}
        position = StoredPosition(x=found["raw_x"], y=found["raw_y"], source=found["position_source"], **raw)
        stretch = None
        if found["block_id"] is not None:
            ends = {f"{end}_m": found[f"{end}_mm"] / 1000 for end in ("from", "to")}
            stretch = {"block_id": found["block_id"], "street_name": found["street_name"], **ends}
        location = {"lon": found["geom"].x, "lat": found["geom"].y}
        withdrawn = None
        if found["withdrawn_at"] is not None:
            withdrawn = {name: found[f"withdrawn_{name}"] for name in ("at", "by", "reason")}
        derived = {"position": position, "location": location, "stretch": stretch, "withdrawn": withdrawn}
        return cls.model_validate({**found, **derived})
