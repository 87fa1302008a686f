"""What can be wrong with the data that the geometry is given."""

import re
from collections.abc import Callable

_WHOLE = re.compile(r"(%\(\w+\))d")


class Explained(Exception):  # noqa: N818  it is what the errors below are, not one of them
    """An error whose message can be told in the reader's language.

    `message` is an English sentence with ``%(name)s`` placeholders, which is also the key under which
    a translation is looked up; `params` fill the placeholders.

    Examples
    --------
    >>> str(Explained("%(given)s is not a frame", given="gps"))
    'gps is not a frame'
    >>> Explained("no frame").explain({"no frame": "缺少坐标系"}.get)
    '缺少坐标系'
    """

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(message)
        self.message = message
        self.params = params

    def explain(self, translate: Callable[[str], str | None]) -> str:
        """Return the message as `translate` says it, the placeholders filled."""
        return self._filled(translate(self.message) or self.message)

    def _filled(self, text: str) -> str:
        # a number that was kept as text fills the place of a number
        return _WHOLE.sub(r"\1s", text) % self.params

    def __str__(self) -> str:
        return self._filled(self.message)


class GeoError(Explained, ValueError):
    """The geometry cannot be worked with; root of the errors of this package."""


class UnknownFrameError(GeoError):
    """A coordinate frame that is none of `wgs84`, `gcj02`, `bd09`."""


class NoCRSError(GeoError):
    """Coordinates without a reference system, or one whose unit is not known."""


class CoordinateError(GeoError):
    """Coordinates that are no place on Earth: not finite, or out of range."""


class MissingColumnError(GeoError):
    """A frame lacks a column that the question needs."""


class GeometryKindError(GeoError):
    """A geometry of a kind that the question cannot use."""


class AccuracyError(GeoError):
    """An accuracy of a kind that is not known, or a position error that is not positive."""
