"""In which frame positions truly are: as declared, but for what a person corrected and nobody took back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from layers.store.schema import datum_correction

# The source of positions that a device's own receiver gave
MEASURED = "phone"
# The columns of findings from which `Corrections.frames` tells the true frame
SAID = ("device", "observed_at", "frame", "position_source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Positions of one device that declare `frame` and are in `true_frame`, for a period without its end."""

    id: int
    device: str
    frame: str
    true_frame: str
    from_at: datetime
    until_at: datetime | None

    def holds(self, at: datetime, frame: str) -> bool:
        """Tell whether a position of the device is meant."""
        begun = self.from_at <= at and (self.until_at is None or at < self.until_at)
        return begun and frame == self.frame


@dataclass(frozen=True, slots=True)
class Corrections:
    """All corrections in force, by device."""

    by_device: Mapping[str, Sequence[Correction]]

    def frame(self, device: str | None, at: datetime, frame: str) -> str:
        """Return the true frame of what a device sent of the moment `at` and declared to be in `frame`.

        It is asked of the declared frame, and once: corrections are never put one upon the other.
        """
        for one in self.by_device.get(device, ()) if device is not None else ():
            if one.holds(at, frame):
                return one.true_frame
        return frame

    def frames(
        self,
        devices: Sequence[str | None],
        at: Sequence[datetime],
        frames: Sequence[str],
        sources: Sequence[str],
    ) -> list[str]:
        """Return the true frame of each of many positions of findings.

        Only what the device measured is meant: a tap on its map or an address lies where it was said.
        """
        if not self.by_device:
            return list(frames)
        said = zip(devices, at, frames, sources, strict=True)
        return [
            self.frame(device, moment, frame) if source == MEASURED else frame
            for device, moment, frame, source in said
        ]


def load(conn: Connection) -> Corrections:
    """Return the corrections in force."""
    names = Correction.__slots__
    chosen = select(*(datum_correction.c[name] for name in names))
    found: dict[str, list[Correction]] = {}
    for row in conn.execute(chosen.where(datum_correction.c.withdrawn_at.is_(None))):
        one = Correction(**{name: getattr(row, name) for name in names})
        found.setdefault(one.device, []).append(one)
    return Corrections(found)
