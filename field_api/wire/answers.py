"""A finding as it is answered: what came, and all that was derived from it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from field_api.wire.errors import Problem
from field_api.wire.features import Collection, Feature, Geometry, Link
from field_api.wire.findings import AccuracyKind, Channel, Frame, Source
from field_api.wire.kinds import Outgoing
from layers.city.taxonomy import SCHOOL_KINDS, Taxonomy, kind_name
from layers.field.records import Finding, InDistrict, NearKeyPoint

# A finding is said to lie in a zone where that is more likely than not
_IN_ZONE = 0.5


class RawPosition(Outgoing):
    """The position as it came."""

    lon: float = Field(validation_alias="x")
    lat: float = Field(validation_alias="y")
    frame: Frame
    accuracy_m: float | None
    accuracy_kind: AccuracyKind
    source: Source
    fixed_at: datetime | None
    heading_deg: float | None
    speed_ms: float | None
    is_mock: bool


class Location(Outgoing):
    """Longitude and latitude on WGS 84."""

    lon: float
    lat: float


class Placement(Outgoing):
    """Where the finding lies on one version of the streets, with the probability of being right."""

    network_version: int
    method_version: str
    placed_at: datetime
    block_id: str | None
    street_id: str | None
    corridor_id: str | None
    street_name: str | None
    chainage_m: float | None = Field(description="Metres from the block's beginning")
    chainage_sd_m: float | None
    distance_m: float | None = Field(description="Metres from the block's line")
    side: str | None = Field(description="Left or right of the block's direction; null where not sure enough")
    p_block: float | None
    p_street: float | None
    p_corridor: float | None
    p_side: float | None
    p_none: float | None
    runner_up_block: str | None
    runner_up_p: float | None
    ambiguous: bool = Field(description="Do not count for this one block without review or weights")
    outside: bool = Field(description="No block near; not an error")
    s_used_m: float | None
    by_track: bool = Field(description="The course of the inspector's track was used as evidence")


class DecisionAnswer(Outgoing):
    """Where a person put the finding; without a block on none of the streets."""

    block_id: str | None
    street_id: str | None
    street_name: str | None
    chainage_m: float | None
    side: str | None
    network_version: int = Field(description="The streets on which it was decided")
    decided_by: str = Field(validation_alias="account_name")
    decided_at: datetime = Field(validation_alias="at")
    reason: str | None


class KeyPointNear(Outgoing):
    """A key point within reach, and the chance that the finding lies inside its zone."""

    id: int
    kind: str
    kind_name: str
    name: str | None
    distance_m: float
    measured_from: str
    radius_m: float
    p_inside: float


class Area(Outgoing):
    """An area that the finding lies in."""

    id: int
    code: str | None
    name: str | None


class PhotoAnswer(Outgoing):
    """The receipt of a photo: the device may delete its own once it holds this hash."""

    sha256: str
    role: str
    media_type: str
    n_bytes: int
    width_px: int
    height_px: int
    taken_at: datetime | None
    received_at: datetime
    reused: bool = Field(description="Another finding has the same photo, or nearly the same")
    away_m: float | None = Field(
        description="Metres from the finding to where the photo says it was taken; null where it does not say"
    )
    apart_s: float | None = Field(
        description="Seconds after the observation, negative before, by the photo's own clock"
    )
    doubts: list[Literal["far", "early", "late", "reused"]] = Field(
        description="What should be looked at, by the limits that the site has set"
    )


class FindingAnswer(Outgoing):
    """A finding with all that was understood of it; the same until somebody decides, or streets change."""

    uuid: UUID
    version: int
    inspector: str
    scheme: str
    code: str
    category: str | None = Field(description="The name of the code in the reader's language")
    category_kind: str | None
    channel: Channel
    observed_at: datetime
    received_at: datetime
    note: str | None
    n_items: int | None
    street_hint: str | None
    device: str | None
    withdrawn_at: datetime | None
    position: RawPosition
    location: Location
    placement: Placement | None = Field(description="Null only while the site has no streets")
    decision: DecisionAnswer | None = Field(
        description="A person's, which counts before the placement; null while nobody has decided"
    )
    key_points: list[KeyPointNear]
    zones: list[KeyPointNear] = Field(description="Schools whose zone it lies in, more likely than not")
    districts: dict[str, list[Area]] = Field(description="By level: grid, community, estate, campus, …")
    photos: list[PhotoAnswer]
    doubts: list[Literal["long_ago"]] = Field(
        description="`long_ago`: observed longer before it was received than phones are without a network"
    )
    duplicate_of: UUID | None = Field(description="The earlier finding that counts for both, once merged")

    @classmethod
    def of(cls, found: Finding, taxonomy: Taxonomy) -> "FindingAnswer":
        """Return the answer for a record."""
        category = taxonomy.categories.get((found.scheme, found.code))
        near = [_near(each) for each in found.key_points]
        said = {name: getattr(found, name) for name in _SAME}
        return cls.model_validate(
            {
                **said,
                "inspector": found.account_name,
                "category": category.name() if category else None,
                "category_kind": category.kind if category else None,
                "location": Location(lon=found.lon, lat=found.lat),
                "key_points": near,
                "zones": [each for each in near if each.kind in SCHOOL_KINDS and each.p_inside >= _IN_ZONE],
                "districts": _by_level(found.districts),
            }
        )


_SAME = (
    *("uuid", "version", "scheme", "code", "channel", "observed_at", "received_at", "note", "n_items"),
    *("street_hint", "device", "withdrawn_at", "position", "placement", "decision", "photos"),
    *("duplicate_of", "doubts"),
)


def _near(each: NearKeyPoint) -> KeyPointNear:
    known = {name: getattr(each, name) for name in type(each).__slots__}
    return KeyPointNear(kind_name=kind_name(each.kind), **known)


def _by_level(areas: tuple[InDistrict, ...]) -> dict[str, list[Area]]:
    found: dict[str, list[Area]] = {}
    for area in areas:
        found.setdefault(area.level, []).append(Area.model_validate(area))
    return found


class BatchAnswerItem(Outgoing):
    """What became of one finding of a batch: `status` is what it would have got alone."""

    row: int
    uuid: str | None
    status: int
    outcome: Literal["created", "same", "refused"]
    finding: FindingAnswer | None = None
    error: Problem | None = None


class BatchAnswer(Outgoing):
    """An answer for each finding of a batch, in its order."""

    n_created: int
    n_same: int
    n_refused: int
    items: list[BatchAnswerItem]


class FindingFeature(Feature):
    """A finding as a feature."""

    id: UUID
    properties: FindingAnswer

    @classmethod
    def of(cls, answer: FindingAnswer) -> "FindingFeature":
        """Return the feature of an answer."""
        place = [answer.location.lon, answer.location.lat]
        return cls(id=answer.uuid, geometry=Geometry(type="Point", coordinates=place), properties=answer)


class FindingCollection(Collection):
    """One page of findings."""

    features: list[FindingFeature]

    @classmethod
    def of(cls, answers: list[FindingAnswer], links: list[Link]) -> "FindingCollection":
        """Return a page of these answers."""
        features = [FindingFeature.of(answer) for answer in answers]
        return cls(features=features, links=links, number_returned=len(features))
