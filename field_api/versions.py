"""Which version of a record a client has looked at: `If-Match`, or a member of the body."""

import re

from flask import request

from layers.errors import InvalidError

_TAG = re.compile(r'"(\d{1,9})"')


def tag(version: int) -> dict[str, str]:
    """Return the header that names the version of a record."""
    return {"ETag": f'"{version}"'}


def looked_at(said: int | None) -> int | None:
    """Return the version that the request names; None where it names none."""
    given = request.headers.get("If-Match")
    if given is None:
        return said
    matched = _TAG.fullmatch(given.strip())
    if matched is None:
        raise InvalidError('%(field)s must name one version, as in "3"', field="If-Match")
    version = int(matched[1])
    if said is not None and said != version:
        raise InvalidError("If-Match and version name different versions", field="version")
    return version
