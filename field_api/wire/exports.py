"""Exports on the wire: which kind of file, and how far one is that was ordered."""

from typing import Annotated, Literal

from pydantic import Field

from field_api.wire.kinds import Incoming, Instant, Name, Outgoing
from layers.analysis.coverage_choice import Asked
from layers.field.asking import FindingFilter
from layers.field.scope import seen_by
from layers.jobs import Job
from layers.people import Account

Kind = Literal["csv", "geojson", "xlsx", "gpkg", "kml", "gpx"]


class ByKind(Incoming):
    """The kind of file."""

    kind: Kind


class CoverageByKind(Incoming):
    """The kind of file of coverage."""

    kind: Literal["csv", "geojson", "gpkg"]


class CoverageChoice(Incoming):
    """Which passes on which streets; all conditions hold together."""

    since: Instant | None = Field(None, description="Passes that began at this instant or later")
    until: Instant | None = Field(None, description="Passes that began before this instant")
    district: Annotated[int, Field(ge=1, le=2**53)] | None = Field(None, description="An area's id")
    street_class: Name | None = Field(None, description="As the source of the streets names it")
    team: Annotated[str, Field(max_length=200)] | None = Field(None, description="Empty: of no team")
    shift: Literal["early", "day", "late", "night"] | None = None

    def asked(self, account: Account) -> Asked:
        """Return what is asked, narrowed to what the account may see."""
        seen = seen_by(account, FindingFilter(district_id=self.district))
        own = self.model_dump(exclude={"district"})
        return Asked(**own, district_id=self.district, within=seen.within, account_id=seen.account_id)


class ByNumber(Incoming):
    """The number that the order was answered with."""

    number: Annotated[int, Field(ge=1, le=2**53)]


class ExportAnswer(Outgoing):
    """An export that was ordered; when it is done its file is at `file` for a day."""

    number: int
    kind: str
    state: Literal["waiting", "running", "done", "failed"]
    done: int | None = Field(description="Findings, or intervals of coverage, written so far")
    total: int | None
    file: str | None = Field(description="Address of the file, once it is done")
    reason: str | None = Field(description="Why it failed, or why it will be tried again")

    @classmethod
    def of(cls, job: Job, state: str, file: str) -> "ExportAnswer":
        """Return how far a job is."""
        is_done = state == "done"
        return cls(
            number=job.id,
            kind=job.payload["kind"],
            state=state,  # type: ignore[arg-type]
            done=(job.result or {}).get("n") if is_done else job.progress_done,
            total=(job.result or {}).get("n") if is_done else job.progress_total,
            file=file if is_done else None,
            reason=None if is_done else job.reason,
        )
