"""What is said of a photo beside its bytes."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from field_api.wire.answers import PhotoAnswer
from field_api.wire.kinds import Incoming, Outgoing
from layers.field.photo_parts import PART_BYTES

# 2^53 − 1: what every JSON reader can count
_MOST = 9_007_199_254_740_991

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


class UploadIn(Incoming):
    """A photo that will come in parts."""

    sha256: SHA256
    n_bytes: int = Field(ge=1, le=_MOST)
    role: Role = "close_up"


class ByUpload(Incoming):
    """The finding, and the SHA-256 of the photo on its way to it."""

    uuid: UUID
    sha256: SHA256

    @property
    def id(self) -> str:
        """Return the id of the finding as it is stored."""
        return str(self.uuid)


class PartQuery(Incoming):
    """Where in the photo the part begins."""

    offset: int = Field(ge=0, le=_MOST)


class UploadAnswer(Outgoing):
    """How far a photo is."""

    sha256: str
    role: Role
    n_bytes: int
    offset: int = Field(description="Bytes that are here for good: go on from there")
    part_bytes: int = Field(default=PART_BYTES, description="What should be sent at once")
    expires_at: datetime | None = Field(description="Until when the rest is waited for")
    photo: PhotoAnswer | None = Field(description="The receipt, once the photo is whole")
