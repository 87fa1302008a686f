"""The maps as files that open from disk: no server, no network, streets and data inside.

Browsers refuse `fetch` to a page opened from disk, so data comes as scripts: each sets one name.
"""

import base64
import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from layers.analysis.base_map import SIMPLE_MAX_ZOOM
from layers.analysis.questions import Analyst
from layers.field.asking import FindingFilter
from layers.language import current, gettext, ngettext
from layers.site import Site
from map_app import answering, assets, grounds, icons, school_file, subjects
from map_app.answering import Asked
from map_app.maps import base, coverage, density, findings, heat, hotspots, parking
from map_app.maps.base import CityMap, Ground, Source
from map_app.words import Choice

LINES = "lines"
_BUILD: dict[str, Callable[..., CityMap]] = {
    "findings": findings.build,
    "hotspots": hotspots.build,
    "density": density.build,
    "heat": heat.build,
    "coverage": coverage.build,
    "parking": parking.build,
}


def export(site: Site, outdir: Path, wanted: FindingFilter | None = None, *, now: datetime) -> list[Path]:
    """Write every map of `site` into the folder `outdir`; return the pages, the index first.

    Parameters
    ----------
    wanted : FindingFilter, optional
        Which findings; all by default.  The pages say which period they are of.
    """
    analyst = Analyst(site)
    zone = site.settings.zone
    chosen = wanted or FindingFilter()
    first, last = chosen.observed_from, chosen.observed_until
    choice = Choice(
        chosen,
        first.astimezone(zone).date() if first else None,
        last.astimezone(zone).date() if last else None,
    )
    _copy_assets(outdir / "assets")
    ground = grounds.ground(
        analyst, lambda name: f"assets/{name}", lambda name, path: Source(key=name), SIMPLE_MAX_ZOOM
    )
    scripts = _write_streets(analyst, outdir / "data")
    lines = _write_lines(analyst, outdir / "data")
    pages = [outdir / "index.html"]
    templates = _templates()
    names = subjects.NAMES if site.network_or_none() else ("findings",)
    has_schools = site.network_or_none() is not None and len(analyst.schools()) > 0
    links = [(one, subjects.subject(one).short) for one in names]
    links += [(school_file.NAME, school_file.title())] if has_schools else []
    for name in names:
        asked = Asked(analyst=analyst, choice=choice, now=now, inside=True)
        script = _write_script(outdir / "data" / f"{name}.js", name, answering.answer(name, asked))
        own = lines if name == "coverage" else []
        page = outdir / f"{name}.html"
        page.write_text(_page(templates, name, links, ground, [*scripts, *own, script]), encoding="utf-8")
        pages.append(page)
    if has_schools:
        page = outdir / f"{school_file.NAME}.html"
        page.write_text(
            school_file.page(analyst, templates, ground, links=links, scripts=scripts, now=now),
            encoding="utf-8",
        )
        pages.append(page)
    shutil.copy(pages[1], pages[0])
    return pages


def _beside(name: str) -> str:
    return f"assets/{name}"


def _inside(name: str, _path: Path) -> Source:
    return Source(key=name)


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("map_app"), autoescape=True, extensions=["jinja2.ext.i18n"]
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=False)  # type: ignore[attr-defined]
    return environment


def _page(
    templates: Environment, name: str, links: list[tuple[str, str]], ground: Ground, scripts: list[str]
) -> str:
    own = {"lines": Source(key=LINES)} if name == "coverage" else {}
    city_map = _BUILD[name](ground, Source(key=name), **own)
    return templates.get_template("map_app/exported.html").render(
        parts=base.parts(city_map),
        name=name,
        subject=subjects.subject(name),
        pages=links,
        scripts=scripts,
        lang="zh-CN" if current() == "zh" else current(),
        brand=icons.brand(),
    )


def _copy_assets(folder: Path) -> None:
    for name in ("app.css", *base.STYLES, *base.SCRIPTS, *assets.SCRIPTS, *assets.STYLES):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(assets.STATIC / name, target)


def _write_streets(analyst: Analyst, folder: Path) -> list[str]:
    scripts = []
    for name in analyst.archives():
        packed = base64.b64encode(analyst.write_archive(name, SIMPLE_MAX_ZOOM).read_bytes()).decode()
        scripts.append(_write_script(folder / f"{name}.js", name, packed))
    return scripts


def _write_lines(analyst: Analyst, folder: Path) -> list[str]:
    """Write the lines of the streets, for the map that draws their sides."""
    network = analyst.site.network_or_none()
    if network is None:
        return []
    drawn = coverage.lines(network.blocks, analyst.block_numbers(), network.projection)
    return [_write_script(folder / f"{LINES}.js", LINES, drawn)]


def _write_script(path: Path, name: str, content: Any) -> str:
    """Write a script that gives `content` to the page under `name`; return its address from the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    path.write_text(
        f'(window.xunchaData = window.xunchaData || {{}})["{name}"] = {text};\n', encoding="utf-8"
    )
    return f"{path.parent.name}/{path.name}"
