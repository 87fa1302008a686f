"""The one shape of an error, and what pydantic finds wrong told in the reader's language."""

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from field_api.wire.kinds import Outgoing
from layers.language import gettext

# pydantic's error types, by what we say; its own texts are English only and name Python types
MESSAGES = {
    "missing": "%(field)s is missing",
    "extra_forbidden": "%(field)s is not known here",
    "literal_error": "%(field)s must be one of %(expected)s",
    "greater_than": "%(field)s must be more than %(gt)s",
    "greater_than_equal": "%(field)s must be at least %(ge)s",
    "less_than": "%(field)s must be less than %(lt)s",
    "less_than_equal": "%(field)s must be at most %(le)s",
    "finite_number": "%(field)s must be a finite number",
    "float_type": "%(field)s must be a number",
    "float_parsing": "%(field)s must be a number",
    "int_type": "%(field)s must be a whole number",
    "int_parsing": "%(field)s must be a whole number",
    "int_parsing_size": "%(field)s must be a whole number",
    "int_from_float": "%(field)s must be a whole number",
    "bool_type": "%(field)s must be true or false",
    "string_type": "%(field)s must be text",
    "string_too_long": "%(field)s may have at most %(max_length)s characters",
    "string_too_short": "%(field)s must have at least %(min_length)s characters",
    "string_pattern_mismatch": "%(field)s has characters that are not allowed",
    "list_type": "%(field)s must be a list",
    "too_long": "%(field)s may have at most %(max_length)s entries",
    "too_short": "%(field)s must have at least %(min_length)s entries",
    "model_type": "%(field)s must be an object",
    "json_invalid": "%(field)s must be an object",
    "dict_type": "%(field)s must be an object",
    "model_attributes_type": "%(field)s must be an object",
    "uuid_type": "%(field)s must be a UUID",
    "uuid_parsing": "%(field)s must be a UUID",
    "timezone_aware": "%(field)s needs its offset from UTC, such as +08:00",
    "datetime_type": "%(field)s must be a date and time such as 2026-08-23T09:30:00+08:00",
    "datetime_parsing": "%(field)s must be a date and time such as 2026-08-23T09:30:00+08:00",
    "datetime_from_date_parsing": "%(field)s must be a date and time such as 2026-08-23T09:30:00+08:00",
    "datetime_object_invalid": "%(field)s must be a date and time such as 2026-08-23T09:30:00+08:00",
    "datetime_year": "%(field)s must lie between the years 1970 and 9998",
    "box_parsing": "%(field)s must be four numbers: west,south,east,north",
    "box_range": "%(field)s must lie on Earth, west before east and south before north",
}
UNKNOWN = "%(field)s is not valid"
BODY = "body"
MAX_DETAILS = 20  # a hostile body has thousands of faults; nobody reads more than a screen of them


class Detail(Outgoing):
    """One thing that is wrong: which field, and what."""

    field: str | None = None
    row: int | None = None
    message: str


class Problem(Outgoing):
    """What went wrong, in a word for programs and a sentence for people."""

    code: str
    message: str
    field: str | None = None
    row: int | None = None
    details: list[Detail] | None = None


class ErrorAnswer(Outgoing):
    """Every answer from 400 up has this shape."""

    error: Problem


def invalid(error: ValidationError) -> Problem:
    """Return what pydantic found, the first fault in front and the rest as details."""
    details = [_detail(each) for each in error.errors(include_url=False)[:MAX_DETAILS]]
    return Problem(
        code="invalid",
        message=details[0].message,
        field=details[0].field,
        details=details if len(details) > 1 else None,
    )


def _detail(found: ErrorDetails) -> Detail:
    field = path_of(found["loc"])
    params = {**found.get("ctx", {}), "field": field}
    if "expected" in params:
        params["expected"] = _in_words(str(params["expected"]))
    return Detail(field=field, message=gettext(MESSAGES.get(found["type"], UNKNOWN), **params))


def _in_words(choices: str) -> str:
    """Return pydantic's list of choices, which is English, as a list in the language in use."""
    return choices.replace(" or ", gettext(" or ")).replace(", ", gettext(", "))


def path_of(location: Sequence[int | str]) -> str:
    """Return a place inside a body as people write it: ``position.frame``, ``fixes.3.lon``."""
    return ".".join(map(str, location)) or BODY
