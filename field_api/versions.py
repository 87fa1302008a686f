"""Which version of a record a client has looked at: `If-Match`, or a member of the body."""

import re

from pydantic import BaseModel, Field

from layers.errors import InvalidError

_TAG = re.compile(r'"(\d{1,9})"')


def tag(version: int) -> dict[str, str]:
    """Return the header that names the version of a record."""
    return {"ETag": f'"{version}"'}


class LookedAt(BaseModel):
    """The header that names the version that was looked at."""

    if_match: str | None = Field(
        None, alias="If-Match", description='The version that was looked at, as `ETag` told it: `"1"`'
    )

    def version(self, said: int | None = None) -> int | None:
        """Return the version that the request names, in its header or as `said`; None where it names none."""
        if self.if_match is None:
            return said
        matched = _TAG.fullmatch(self.if_match.strip())
        if matched is None:
            raise InvalidError('%(field)s must name one version, as in "3"', field="If-Match")
        version = int(matched[1])
        if said is not None and said != version:
            raise InvalidError("If-Match and version name different versions", field="version")
        return version
