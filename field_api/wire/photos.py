"""What is said of a photo beside its bytes."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from field_api.wire.kinds import Incoming

Role = Literal["close_up", "wide", "before", "after"]
SHA256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class PhotoQuery(Incoming):
    """What the photo shows."""

    role: Role = "close_up"


class ByHash(Incoming):
    """The SHA-256 of the photo as it was sent."""

    sha256: SHA256


class CopyQuery(Incoming):
    """Which of the clean copies."""

    size: Literal["full", "thumbnail"] = "full"
