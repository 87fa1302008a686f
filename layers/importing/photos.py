"""Geotagged photos become findings: where and when the photo says it was taken."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from layers.city.taxonomy import Taxonomy
from layers.errors import InvalidError
from layers.field import pictures
from layers.field.reports import Position, Report
from layers.importing import identity, instants, positions, tables
from layers.importing.options import ImportOptions
from layers.settings import Settings


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """A finding made of a photo, and the bytes of the photo."""

    report: Report
    data: bytes


def read(path: Path, options: ImportOptions, *, taxonomy: Taxonomy, settings: Settings) -> PhotoReport:
    """Read one photo.

    The position is that of its EXIF block, which cameras write in WGS 84 (`options.frame` says
    otherwise), its source `exif`.  The category is the constant `code`, as `scheme.code`.  The same photo
    always makes the same finding.

    Raises
    ------
    InvalidError
        No category is given, or the photo does not say where or when it was taken.
    UnreadableFileError, TooLargeError
        It is no photo, is damaged, or is too large.
    """
    category = _category(options, taxonomy)
    positions.check_frame(options.frame)
    zone: ZoneInfo = instants.zone(options.time_zone) if options.time_zone else settings.zone
    tables.check_there(path)
    data = path.read_bytes()
    taken = pictures.read(data, max_pixels=settings.max_photo_pixels, zone=zone).taken
    if taken.lon is None or taken.lat is None:
        raise InvalidError("the photo does not say where it was taken", field="position")
    if taken.at is None:
        raise InvalidError("the photo does not say when it was taken", field="observed_at")
    accuracy = options.constants.get("accuracy_m")
    report = Report(
        uuid=identity.of_bytes(hashlib.sha256(data).hexdigest(), "photo"),
        scheme=category[0],
        code=category[1],
        observed_at=taken.at,
        note=options.constants.get("note"),
        channel=options.constants.get("channel", "inspection"),
        position=Position(
            x=taken.lon,
            y=taken.lat,
            frame=options.frame or "wgs84",
            accuracy_m=None if accuracy is None else float(accuracy),
            source="exif",
        ),
    )
    return PhotoReport(report, data)


def _category(options: ImportOptions, taxonomy: Taxonomy) -> tuple[str, str]:
    code = options.constants.get("code")
    if code is None:
        raise InvalidError(
            "Nothing in the file says %(field)s; say it with %(advice)s",
            field="code",
            advice="--set code=scheme.code",
        )
    found = taxonomy.find(code, options.constants.get("scheme"))
    return found.scheme, found.code
