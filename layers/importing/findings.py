"""Tables of findings to reports, row by row: what can be read, and why the rest cannot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from layers.city.taxonomy import Taxonomy, without_zeros
from layers.errors import InvalidError
from layers.field import words
from layers.field.reports import Position, Report
from layers.formulas import unguarded
from layers.importing import columns as names
from layers.importing import features, identity, instants, located, vector
from layers.importing.cells import Cells, Reading
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Refusal

FIELDS: dict[str, tuple[str, ...]] = {
    "uuid": ("uuid",),
    "observed_at": (
        *("observedat", "timestamp", "datetime", "time", "date", "createdat", "creationdate", "reportdate"),
        *("observed", "inspectiondate", "发现时间", "上报时间", "时间", "日期"),
    ),
    "scheme": ("scheme",),
    "code": (
        *("code", "categorycode", "小类代码", "案件代码"),
        *("category", "类别代码", "小类名称", "案件小类", "问题小类", "小类", "问题类别", "案件类别"),
    ),
    "note": (
        "note",
        "notes",
        "description",
        "remark",
        "remarks",
        "comment",
        "comments",
        "备注",
        "说明",
        "问题描述",
    ),
    "n_items": ("nitems", "items", "数量", "件数"),
    "accuracy_m": ("accuracym", "accuracy", "定位精度", "精度米"),
    "accuracy_kind": ("accuracykind", "whattheaccuracymeans", "精度含义"),
    "source": ("positionsource", "sourceoftheposition", "位置来源"),
    "channel": ("channel", "来源渠道"),
    "device": ("device",),
    "heading_deg": ("headingdeg",),
    "speed_ms": ("speedms",),
    "fixed_at": ("fixedat",),
    # an address is not evidence of the place unless somebody says so: never guessed
    "street_hint": (),
}
_TEXTS = ("note", "street_hint", "accuracy_kind", "source", "channel", "device")
# Words of a record, which our own exports say in the reader's language
_WORDS = {"accuracy_kind": words.ACCURACIES, "source": words.SOURCES, "channel": words.CHANNELS}
# What our exports call the number of a finding; others number in their own ways
_OWN_IDS = ("id", "编号")
_NUMBERS = ("accuracy_m", "heading_deg", "speed_ms", "n_items")


@dataclass(frozen=True, slots=True)
class Batch:
    """Reports that could be read, with their rows as they stood in the file, and the rows that could not.

    `date_only` tells which reports have the first instant of a day of which no time is known, `mended`
    which codes had lost their zeros, each with what it is, `options` all by which the file was read.
    """

    reports: list[Report]
    rows: pd.DataFrame
    refused: list[Refusal]
    date_only: NDArray[np.bool_]
    columns: dict[str, str]
    mended: dict[str, str]
    options: ImportOptions

    @property
    def n_read(self) -> int:
        """Return how many rows the batch was made of."""
        return len(self.reports) + len(self.refused)

    def refusal(self, at: int, reason: Any) -> Refusal:
        """Return the refusal of the report at a position."""
        cells = dict(zip(map(str, self.rows.columns), self.rows.iloc[at].tolist(), strict=True))
        return Refusal(int(self.rows.index[at]), reason, cells)


def read(
    path: Path, options: ImportOptions, *, taxonomy: Taxonomy, local: ZoneInfo, progress: Progress = silent
) -> Iterator[Batch]:
    """Yield reports in batches of at most ten thousand rows.

    Fields come from constants, named columns, or columns of usual names.  Position and error need
    `lon` and `lat` (or `x` and `y` with a reference system) and a frame; the category is `code`, as
    `Taxonomy.find` understands it, beside a `scheme` or not, its values translated by `options.values`.

    Parameters
    ----------
    path : Path
        CSV and its relatives (read in a stream), or any format of `vector.read` with points.
    options : ImportOptions
    taxonomy : Taxonomy
        The categories that the site knows.
    local : ZoneInfo
        Zone of times without one, unless `options.time_zone` names another.

    Raises
    ------
    InvalidError
        If an option does not fit the file, or nothing says frame, time or category.
    UnreadableFileError
    """
    zone = instants.zone(options.time_zone) if options.time_zone else local
    reading: Reading | None = None
    for table in located.tables_of(path, options, vector.POINTS, progress):
        rows = names.chosen(table.rows, options.where)
        reading = reading or Reading.of(rows, _columns(rows, options), table.options, "observed_at", local)
        yield _batch(rows, table, reading, taxonomy, zone)


def _columns(rows: pd.DataFrame, options: ImportOptions) -> dict[str, str]:
    found = features.match(rows, FIELDS, options)
    if "uuid" not in options.columns:
        found = {**_own_ids(rows), **found}
    for field, advice in (("code", "--set code=scheme.code"), ("observed_at", "--column observed_at=…")):
        if field not in found and field not in options.constants:
            raise InvalidError(
                "Nothing in the file says %(field)s; say it with %(advice)s",
                field=field,
                advice=advice,
            )
    return found


def _own_ids(rows: pd.DataFrame) -> dict[str, str]:
    """Return the column of the numbers that an export of ours gives; every one of them is a UUID."""
    named = (str(name) for name in rows.columns if names.plain(str(name)) in _OWN_IDS)
    return next(({"uuid": name} for name in named if not identity.given(rows[name])[1].any()), {})


def _batch(
    rows: pd.DataFrame, table: located.Located, reading: Reading, taxonomy: Taxonomy, zone: ZoneInfo
) -> Batch:
    cells = Cells(rows, reading)
    xy = table.xy[table.rows.index.get_indexer(rows.index)]
    cells.faults.mark(_without_position(xy), "the position is missing or not a number", "position")
    own: dict[str, Sequence[Any]] = {field: cells.texts(field).tolist() for field in _TEXTS}
    for field, known in _WORDS.items():
        own[field] = [words.meant(known, one) for one in own[field]]
    own["note"] = [unguarded(one) for one in own["note"]]
    own["uuid"] = _ids(cells)
    own["scheme"], own["code"], mended = _categories(cells, taxonomy)
    own["observed_at"], date_only = cells.times("observed_at", zone, is_needed=True)
    own["fixed_at"], _ = cells.times("fixed_at", zone)
    own |= {field: cells.numbers(field) for field in _NUMBERS}
    good = cells.faults.good
    reports = [_report(own, at, xy, table.frame) for at in np.flatnonzero(good).tolist()]
    refused = sorted(table.refused + cells.faults.refusals(), key=lambda one: one.row)
    columns = {**table.columns, **reading.columns}
    return Batch(reports, rows[good], refused, date_only[good], columns, mended, reading.options)


def _without_position(xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(~np.isfinite(xy).all(axis=1), dtype=bool)


def _report(cells: dict[str, Sequence[Any]], at: int, xy: NDArray[np.float64], frame: str) -> Report:
    n_items = cells["n_items"][at]
    return Report(
        uuid=cells["uuid"][at],
        scheme=cells["scheme"][at],
        code=cells["code"][at],
        observed_at=cells["observed_at"][at],
        note=cells["note"][at],
        street_hint=cells["street_hint"][at],
        n_items=None if n_items is None else int(n_items),
        channel=cells["channel"][at] or "inspection",
        device=cells["device"][at],
        position=Position(
            x=float(xy[at, 0]),
            y=float(xy[at, 1]),
            frame=frame,
            accuracy_m=cells["accuracy_m"][at],
            accuracy_kind=cells["accuracy_kind"][at] or "unknown",
            source=cells["source"][at] or "phone",
            fixed_at=cells["fixed_at"][at],
            heading_deg=cells["heading_deg"][at],
            speed_ms=cells["speed_ms"][at],
        ),
    )


def _ids(cells: Cells) -> Sequence[str | None]:
    column, options = cells.reading.columns.get("uuid"), cells.reading.options
    if column is None or options.key:
        return identity.of_rows(cells.rows, options.key, options.series)
    ids, wrong = identity.given(cells.rows[column])
    cells.faults.mark(wrong, "%(given)s is not a UUID", "uuid", given=cells.rows[column])
    return ids


def _categories(
    cells: Cells, taxonomy: Taxonomy
) -> tuple[list[str | None], list[str | None], dict[str, str]]:
    """Return scheme and code of each row, and the codes that were given their zeros back.

    Each distinct pair is looked up once.
    """
    codes = cells.texts("code")
    cells.faults.mark(codes.isna(), "the category is missing", "code")
    pairs = list(zip(cells.texts("scheme").tolist(), codes.tolist(), strict=True))
    known = {pair: _category(taxonomy, *pair) for pair in set(pairs)}
    cells.faults.mark_each([one if isinstance(one := known[pair], InvalidError) else None for pair in pairs])
    resolved = [known[pair] for pair in pairs]
    found = [(None, None) if isinstance(one, InvalidError) else one for one in resolved]
    mended = {
        str(code): one[1]
        for (_, code), one in known.items()
        if not isinstance(one, InvalidError) and _lost_zeros(str(code), *one)
    }
    return [scheme for scheme, _ in found], [code for _, code in found], mended


def _lost_zeros(given: str, scheme: str, code: str) -> bool:
    said = given.removeprefix(f"{scheme}.")
    return said != code and without_zeros(said) == without_zeros(code)


def _category(taxonomy: Taxonomy, scheme: str | None, code: str | None) -> tuple[str, str] | InvalidError:
    try:
        found = taxonomy.find(code or "", scheme)
    except InvalidError as error:
        return error
    return found.scheme, found.code
