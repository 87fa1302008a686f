"""What files over a page may hold: who may bring it, what their columns may mean, what holds of all rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers import unpacking
from layers.errors import InvalidError
from layers.field import gpx
from layers.importing import packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of rows.

    Attributes
    ----------
    act : str
        What an account must be allowed to do.
    mapped : tuple of str
        Fields that a column may be named for.
    constants : tuple of str
        Fields that may be the same for all rows.
    required : tuple of str
        Fields without which no row can be read: from a column or the same for all rows; `frame` among them.
    is_layer : bool
        A layer of the city: the rows take the place of those that the same source had before.
    """

    name: str
    act: str = "jobs"
    mapped: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    is_layer: bool = False

    def asks(self, found: Mapping[str, Any]) -> bool:
        """Tell whether what is required is asked for: of GPX tracks everything is known."""
        return bool(found.get("known")) or not self.mapped

    def has_columns(self, path: Path) -> bool:
        """Tell whether the rows of a file have columns that may be named."""
        return bool(self.mapped) and not (self.name == "tracks" and path.suffix.lower() == ".gpx")


_PLACE = ("lon", "lat", "lonlat")
FINDINGS = Kind(
    name="findings",
    mapped=(*_PLACE, "observed_at", "code", "note", "accuracy_m", "street_hint"),
    constants=("source", "scheme", "code"),
    required=("observed_at", "code", "frame"),
)
PHOTOS = Kind(name="photos", constants=("code",), required=("code",))
TRACKS = Kind(
    name="tracks",
    mapped=(*_PLACE, "time", "track", "person", "accuracy_m"),
    constants=("person", "mode", "device"),
    required=("time", "frame"),
)
KERBS = Kind(
    name="kerbs",
    act="rules",
    mapped=(*_PLACE, "kind", "name", "n_bays", "id"),
    constants=("kind",),
    required=("kind",),
    is_layer=True,
)
KEY_POINTS = Kind(
    name="key_points",
    act="rules",
    mapped=(*_PLACE, "kind", "name", "licensed_on", "licence_until", "id"),
    constants=("kind",),
    required=("kind",),
    is_layer=True,
)
# Areas limit what accounts see
DISTRICTS = Kind(
    name="districts",
    act="accounts",
    mapped=("level", "name", "code", "id"),
    constants=("level",),
    required=("level",),
    is_layer=True,
)
# By the names under which runs and profiles keep them
KINDS: Mapping[str, Kind] = {
    one.name: one for one in (FINDINGS, PHOTOS, TRACKS, KERBS, KEY_POINTS, DISTRICTS)
}
# Those that a person chooses among; photos are seen to be photos
CHOSEN = (FINDINGS, TRACKS, KERBS, KEY_POINTS, DISTRICTS)

LAYERS = tuple(one.name for one in KINDS.values() if one.is_layer)


def get(name: str) -> Kind:
    """Return a kind by its name, or refuse it."""
    if name not in KINDS:
        raise InvalidError(
            "%(field)s: %(given)s is not known; known: %(known)s",
            field="what",
            given=name[:20],
            known=", ".join(one.name for one in CHOSEN),
        )
    return KINDS[name]


def of(path: Path, said: str | None) -> Kind:
    """Return of which kind the rows of a file are: as was said, else as it shows."""
    if said:
        return get(said)
    if packed.holds_photos(path):
        return PHOTOS
    if path.suffix.lower() == ".gpx":
        unpacking.require_plain(path)
        with path.open("rb") as file:
            return TRACKS if gpx.is_of_tracks(file) else FINDINGS
    return FINDINGS
