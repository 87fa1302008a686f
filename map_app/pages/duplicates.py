"""Duplicates: findings that are probably one thing, side by side, and the buttons that decide."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.errors import ConflictError, InvalidError
from layers.field import findings, twins
from layers.field.findings import Finding, FindingFilter
from layers.field.scope import seen_by
from layers.field.twins import Link, Pair
from layers.language import gettext
from map_app import basis, cards, legend, words
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.service import analyst, now, site
from map_app.words import Choice, number

blueprint = Blueprint("duplicates", __name__)

_PER_PAGE = 10
_USUAL_DAYS = 30


@blueprint.get("/duplicates")
def page() -> ResponseReturnValue:
    """Show the most probable pairs, and what was decided last."""
    allow("decide")
    asked = _asked()
    choice = filters.parse(asked)
    relation = asked.get("relation", "")
    pairs = [one for one in _proposals(choice) if relation in {"", one.relation}]
    begin = _begin(asked, len(pairs))
    decided = twins.links(site())
    first = pairs[begin : begin + _PER_PAGE]
    pairs_of_uuids = [(one.first, one.second) for one in first] + [(one.first, one.second) for one in decided]
    known = _findings({uuid for pair in pairs_of_uuids for uuid in pair})
    return render_template(
        "map_app/duplicates.html",
        n=len(pairs),
        n_relapses=sum(one.relation == "relapse" for one in pairs),
        relation=relation,
        begin=begin,
        per_page=_PER_PAGE,
        pairs=[_shown(one, known) for one in first],
        decided=[_told(one, known) for one in decided if {one.first, one.second} <= known.keys()],
        n_decided=twins.n_links(site()),
        filter=filters.form(asked),
        period=basis.period(analyst(), choice),
        kept=_kept(),
        relations=words.RELATIONS,
    )


def _asked() -> dict[str, str]:
    """Return what the address asks for; without a period, the last month that there is."""
    asked = dict(request.args)
    last = analyst().span()[1]
    if last is not None and not {"from", "until"} & set(asked):
        day = last.astimezone(site().settings.zone).date() - timedelta(days=_USUAL_DAYS)
        asked["from"] = day.isoformat()
    return asked


def _begin(asked: dict[str, str], n: int) -> int:
    """Return the number of the first pair shown; of an address from before pairs were decided, the last."""
    begin = asked.get("begin", "0")
    if not (begin.isascii() and begin.isdigit() and len(begin) < 9):
        raise InvalidError("%(given)s is not a number", field="begin", given=begin[:40])
    return min(int(begin), max(n - 1, 0) // _PER_PAGE * _PER_PAGE)


def _kept() -> dict[str, Any]:
    # an emptied field is an answer too: all days
    known = (*filters.FIELDS, "relation", "begin")
    return {name: request.args[name] for name in known if name in request.args}


def _proposals(choice: Choice) -> list[Pair]:
    return analyst().kept("twins", asdict(choice.wanted), lambda: twins.proposals(site(), choice.wanted))


def _findings(uuids: set[str]) -> dict[str, Finding]:
    if not uuids:
        return {}
    wanted = FindingFilter(uuids=tuple(sorted(uuids)), with_withdrawn=True, with_duplicates=True)
    wanted = seen_by(visitor(), wanted)
    return {found.uuid: found for found in findings.page(site(), wanted, limit=len(uuids)).findings}


def _shown(pair: Pair, known: dict[str, Finding]) -> dict[str, Any]:
    return {
        "pair": pair,
        "title": _title(known[pair.first]),
        "evidence": _evidence(pair),
        "sides": [
            {"found": known[uuid], "rows": cards.finding_rows(analyst(), known[uuid])}
            for uuid in (pair.first, pair.second)
        ],
    }


def _told(link: Link, known: dict[str, Finding]) -> dict[str, Any]:
    return {"link": link, "title": _title(known[link.first])}


def _title(found: Finding) -> str:
    return legend.name(site().taxonomy, found.scheme, found.code)


def _evidence(pair: Pair) -> list[tuple[str, str]]:
    """Return what speaks for a pair, and what against it."""
    rows = [
        (gettext("Apart"), f"{pair.distance_m:.0f} m"),
        (gettext("Apart along the block"), f"{pair.along_m:.0f} m" if pair.along_m is not None else ""),
        (
            gettext("After closing") if pair.relation == "relapse" else gettext("Between the reports"),
            gettext("%(hours)s h", hours=number(pair.hours, 1)),
        ),
    ]
    if pair.same_side is not None:
        rows.append(
            (gettext("Side"), gettext("the same") if pair.same_side else gettext("across the street"))
        )
    if pair.photo_bits is not None:
        rows.append((gettext("Photos"), gettext("%(bits)s of 64 bits differ", bits=pair.photo_bits)))
    return [row for row in rows if row[1]]


@blueprint.post("/duplicates/decide")
def decide() -> ResponseReturnValue:
    """Merge two findings, or remember that they are not the same."""
    allow("decide")
    verdict = request.form.get("verdict", "")
    if verdict not in ("same", "apart"):
        raise InvalidError("%(given)s is not known", field="verdict", given=verdict[:40])
    names = request.form.get("first", ""), request.form.get("second", "")
    pair = next(
        (one for one in _proposals(filters.parse(_asked())) if (one.first, one.second) == names), None
    )
    if pair is None:
        raise ConflictError("This pair is not proposed any more; somebody may have decided it")
    twins.decide(site(), visitor(), pair, same=verdict == "same", now=now())
    return redirect(url_for(".page", **_kept()), 303)


@blueprint.post("/duplicates/undo")
def undo() -> ResponseReturnValue:
    """Undo a decision; the pair may be proposed again."""
    allow("decide")
    key = request.form.get("link", "")
    if not (key.isascii() and key.isdigit() and len(key) < 18):
        raise InvalidError("%(given)s is not a number", field="link", given=key[:40])
    twins.undo(site(), visitor(), int(key), now=now())
    return redirect(url_for(".page", **_kept()), 303)
