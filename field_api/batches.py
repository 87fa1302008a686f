"""A batch: each finding read by itself, all good ones taken at once, an answer for every one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from field_api.errors import problem_of
from field_api.wire.answers import BatchAnswer, BatchAnswerItem, FindingAnswer
from field_api.wire.errors import invalid
from field_api.wire.findings import BatchItem, on_the_wire
from layers.errors import XunchaError
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.field.findings import Outcome
from layers.field.reports import Report
from layers.people import Account
from layers.site import Site

Taken = tuple[Outcome, str]
Result = Taken | XunchaError | ValidationError


def take(site: Site, account: Account, given: Sequence[Any], now: datetime) -> BatchAnswer:
    """Take the findings of a batch and answer each."""
    read = [_read(each) for each in given]
    told = iter(
        findings.put_many(site, account, [each for each in read if isinstance(each, Report)], now=now)
    )
    results: list[Result] = [next(told) if isinstance(each, Report) else each for each in read]
    known = _answers(site, [each[1] for each in results if isinstance(each, tuple)])
    return _counted([_item(row, each, given[row], known) for row, each in enumerate(results)])


def _read(given: Any) -> Report | ValidationError:
    try:
        item = BatchItem.model_validate(given)
    except ValidationError as error:
        return error
    return item.report(item.uuid)


def _answers(site: Site, uuids: Sequence[str]) -> dict[str, FindingAnswer]:
    """Return what each finding is answered, by its id; one question to the store for all."""
    if not uuids:
        return {}
    taxonomy = site.taxonomy
    asked = FindingFilter(uuids=tuple(uuids), with_withdrawn=True, with_duplicates=True)
    page = findings.page(site, asked, limit=len(uuids))
    return {each.uuid: FindingAnswer.of(each, taxonomy) for each in page.findings}


def _item(row: int, result: Result, given: Any, known: Mapping[str, FindingAnswer]) -> BatchAnswerItem:
    if isinstance(result, tuple):
        outcome, uuid = result
        status = 201 if outcome is Outcome.CREATED else 200
        return BatchAnswerItem(
            row=row, uuid=uuid, status=status, outcome=outcome.value, finding=known.get(uuid)
        )
    if isinstance(result, ValidationError):
        status, problem = 422, invalid(result)
    else:
        status, problem = problem_of(on_the_wire(result))
    return BatchAnswerItem(row=row, uuid=_named(given), status=status, outcome="refused", error=problem)


def _named(given: Any) -> str | None:
    """Return what a refused item called itself, short enough to be repeated."""
    uuid = given.get("uuid") if isinstance(given, dict) else None
    return uuid[:60] if isinstance(uuid, str) else None


def _counted(items: list[BatchAnswerItem]) -> BatchAnswer:
    outcomes = [item.outcome for item in items]
    return BatchAnswer(
        n_created=outcomes.count("created"),
        n_same=outcomes.count("same"),
        n_refused=outcomes.count("refused"),
        items=items,
    )
