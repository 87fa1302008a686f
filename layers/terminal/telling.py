"""What an import did, in a few lines."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import click

from geo.assign import SourceError
from geo.errors import Explained
from layers.importing.options import ImportOptions
from layers.importing.runs import Done
from layers.language import explain, gettext, ngettext

_SHOWN_REFUSALS = 5
_SHOWN_NAMES = 8
NO_FIT = "Assume what is usual for the source, not what the file's own addresses say of their errors."
_KINDS = {
    "streets": "Streets",
    "key_points": "Key points",
    "districts": "Areas",
    "kerbs": "Car parks, bays and no-parking stretches",
    "findings": "Findings",
    "tracks": "Tracks",
    "photos": "Photos",
    "population": "Inhabited cells",
}


def tell_osm(file: Path, parts: list[Done]) -> None:
    """Tell what an extract brought."""
    roads, places, _ = parts
    click.echo(file.name)
    for part in parts:
        click.echo(f"  {_counts(part)}")
    _tell_network(roads)
    _tell_gates(places)
    _tell_skipped(roads.skipped)
    names = roads.facts["cut_areas"]
    if names:
        shown = ", ".join(names[:_SHOWN_NAMES]) + (" …" if len(names) > _SHOWN_NAMES else "")
        click.echo("  " + gettext("areas not whole inside the extract: %(names)s", names=shown))


def tell(file: Path, done: Done, refused_file: Path | None, *, dry_run: bool) -> None:
    """Tell what became of the rows of a file."""
    click.echo(file.name + (f" ({gettext('dry run, nothing was written')})" if dry_run else ""))
    if done.columns:
        read = ", ".join(f"{field} ← {column}" for field, column in done.columns.items())
        click.echo("  " + gettext("columns: %(columns)s", columns=read))
    click.echo(f"  {_counts(done)}")
    _tell_network(done)
    _tell_gates(done)
    _tell_skipped(done.skipped)
    if "people" in done.facts:
        click.echo("  " + gettext("%(n)s people around the streets", n=f"{done.facts['people']:,}"))
    for source, error in done.facts.get("fitted", {}).items():
        click.echo(f"  {fitted(source, error)}")
    if done.facts.get("n_date_only"):
        click.echo(
            "  "
            + ngettext(
                "%(n)s row has a date without a time of day: kept as the first instant of that day",
                "%(n)s rows have a date without a time of day: kept as the first instant of that day",
                done.facts["n_date_only"],
            )
        )
    for sentence in assumed(done):
        click.echo(f"  {sentence}")
    if done.facts.get("mended"):
        click.echo(f"  {mended(done.facts['mended'])}")
    tell_refused(done, refused_file)


def assumed(done: Done) -> list[str]:
    """Return how times and coordinates were read that could have been read otherwise."""
    options = done.facts.get("options") or ImportOptions()
    said = []
    if options.time_zone:
        said.append(gettext("times without a zone: %(zone)s", zone=options.time_zone))
    if options.date_format:
        said.append(gettext("dates: %(format)s", format=options.date_format))
    if options.coordinate_order:
        said.append(gettext("coordinates in one column: %(order)s", order=options.coordinate_order))
    return said


def mended(codes: Mapping[str, str]) -> str:
    """Return the sentence that tells which codes were given their leading zeros back."""
    shown = [f"{given} → {code}" for given, code in sorted(codes.items())]
    more = " …" if len(shown) > _SHOWN_NAMES else ""
    return gettext(
        "codes that had lost their leading zeros were understood: %(codes)s",
        codes=", ".join(shown[:_SHOWN_NAMES]) + more,
    )


def fitted(source: str, error: SourceError) -> str:
    """Return the sentence that tells how the positions of a file were found to err."""
    return gettext(
        "position error fitted to the first rows: %(sd)g m per axis (%(source)s), %(offset)g ± %(spread)g m "
        "from the centre line; --no-fit assumes what is usual",
        sd=error.sd_m,
        source=source,
        offset=error.offset_m or 0.0,
        spread=error.offset_sd_m,
    )


def _counts(done: Done) -> str:
    told = [gettext("%(n)s rows", n=done.n_read), gettext("%(n)s new", n=done.n_added)]
    if done.n_changed:
        told.append(gettext("%(n)s changed", n=done.n_changed))
    if done.n_removed:
        told.append(gettext("%(n)s gone", n=done.n_removed))
    told.append(gettext("%(n)s as they were", n=done.n_same))
    told.append(gettext("%(n)s refused", n=len(done.refused)))
    return f"{gettext(_KINDS[done.kind])}: " + ", ".join(told)


def _tell_network(done: Done) -> None:
    if "version" in done.facts:
        click.echo(
            "  "
            + gettext(
                "street network %(version)s: %(blocks)s blocks, %(km).1f km",
                version=done.facts["version"],
                blocks=done.facts["n_blocks"],
                km=done.facts["length_m"] / 1000,
            )
        )
    if done.facts.get("n_footways"):
        click.echo(
            "  " + gettext("%(n)s ways on foot kept for walking, without blocks", n=done.facts["n_footways"])
        )


def _tell_gates(done: Done) -> None:
    if "n_gates" in done.facts:
        click.echo(
            "  " + gettext("%(n)s gates and entrances kept with their key points", n=done.facts["n_gates"])
        )


def _tell_skipped(skipped: dict[str, int]) -> None:
    if not skipped:
        return
    shown = sorted(skipped.items(), key=lambda one: -one[1])
    rows = [f"{gettext(reason)} {n}" for reason, n in shown[:_SHOWN_NAMES]]
    rest = sum(n for _, n in shown[_SHOWN_NAMES:])
    if rest:
        rows.append(gettext("others %(n)s", n=rest))
    click.echo("  " + gettext("left out: %(reasons)s", reasons="; ".join(rows)))


def tell_refused(done: Done, refused_file: Path | None) -> None:
    """Tell which rows were refused and why, and where they are kept."""
    if not done.refused:
        return
    for refusal in done.refused[:_SHOWN_REFUSALS]:
        name = refusal.values.get("file")
        where = Path(str(name)).name if name else gettext("row %(row)s", row=refusal.row)
        click.echo(f"  {where}: {explain(refusal.reason)}")
    rest = len(done.refused) - _SHOWN_REFUSALS
    if rest > 0:
        click.echo("  " + ngettext("and %(n)s more row", "and %(n)s more rows", rest))
    if len(done.refused) > _SHOWN_REFUSALS:
        for reason, n in Counter(_alike(one.reason) for one in done.refused).most_common(3):
            click.echo(f"    {n} × {reason}")
    if refused_file is not None:
        click.echo("  " + gettext("refused rows with their reasons: %(file)s", file=refused_file))


def _alike(reason: Explained) -> str:
    """Return what an error says without what is of its row alone."""
    return explain(Explained(reason.message, **dict.fromkeys(reason.params, "…")))
