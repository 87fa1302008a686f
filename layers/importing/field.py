"""Findings, tracks and photos from files into a site, in chunks that are whole by themselves."""

from datetime import datetime
from pathlib import Path

from layers.city.taxonomy import Taxonomy
from layers.errors import ConflictError, InvalidError, XunchaError
from layers.field import findings as finding_store
from layers.field import reports
from layers.field.findings import Outcome, Report, Told
from layers.importing import findings, runs
from layers.importing.findings import Batch
from layers.importing.options import ImportOptions
from layers.importing.positions import Bounds
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Refusal
from layers.importing.runs import Done
from layers.people import Account
from layers.site import Site


def import_findings(
    site: Site,
    account: Account,
    path: Path,
    options: ImportOptions,
    *,
    now: datetime,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Done:
    """Import a table of findings; see `findings.read` for what it may look like.

    Good rows go in and the others come back refused.  Rows are known again by their ids, so that the
    same file changes nothing, and an interrupted import is completed by repeating it.

    Parameters
    ----------
    dry_run : bool
        Read and check every row, write nothing.
    """
    run = None if dry_run else runs.begin(site, "findings", path, options, account_id=account.id, now=now)
    taking = _Taking(site, account, now, run)
    done = Done("findings", facts={"n_date_only": 0})
    ended: datetime | None = None
    try:
        for batch in findings.read(
            path, options, taxonomy=site.taxonomy, local=site.settings.zone, progress=progress
        ):
            taking.take(batch, done)
        ended = now
    finally:
        if run is not None:
            runs.end(site, run, done, now=ended)
    return done


class _Taking:
    """Takes batches of findings into a site, or only looks at them when there is no run."""

    def __init__(self, site: Site, account: Account, now: datetime, run: int | None) -> None:
        self.site, self.account, self.now, self.run = site, account, now, run
        self.first_rows: dict[str, int] = {}
        self.digests: dict[str, str] = {}

    def take(self, batch: Batch, done: Done) -> None:
        """Take a batch and count what became of its rows."""
        told = self._looked_at(batch) if self.run is None else self._put(batch)
        outcomes = [one[0] for one in told if not isinstance(one, XunchaError)]
        done.n_read += batch.n_read
        done.n_added += outcomes.count(Outcome.CREATED)
        done.n_same += outcomes.count(Outcome.SAME)
        done.columns = batch.columns
        done.facts["n_date_only"] += batch.n_date_only
        refused = [
            self._refusal(batch, at, one) for at, one in enumerate(told) if isinstance(one, XunchaError)
        ]
        done.refused += sorted(batch.refused + refused, key=lambda one: one.row)
        for report, row in zip(batch.reports, batch.rows.index, strict=True):
            self.first_rows.setdefault(report.uuid, int(row))

    def _put(self, batch: Batch) -> list[Told]:
        return finding_store.put_many(
            self.site, self.account, batch.reports, now=self.now, import_run_id=self.run
        )

    def _looked_at(self, batch: Batch) -> list[Told]:
        taxonomy, bounds = self.site.taxonomy, self.site.bounds()
        return [self._look_at(report, taxonomy, bounds) for report in batch.reports]

    def _look_at(self, report: Report, taxonomy: Taxonomy, bounds: Bounds | None) -> Told:
        try:
            reports.check(report, taxonomy, now=self.now, bounds=bounds)
        except InvalidError as error:
            return error
        digest, known = reports.content_hash(report), self.digests.get(report.uuid)
        if known is not None and known != digest:
            return ConflictError("The finding %(uuid)s is known with other content", uuid=report.uuid)
        self.digests[report.uuid] = digest
        return (Outcome.CREATED if known is None else Outcome.SAME), report.uuid

    def _refusal(self, batch: Batch, at: int, reason: XunchaError) -> Refusal:
        """Return the refusal of a report; of two rows with one key it names the other."""
        uuid = batch.reports[at].uuid
        first = self._first_row(batch, uuid)
        if isinstance(reason, ConflictError) and first != int(batch.rows.index[at]):
            reason = ConflictError(
                "Row %(first)s has the same key and says something else; --key none takes both",
                field="key",
                first=first,
            )
        return batch.refusal(at, reason)

    def _first_row(self, batch: Batch, uuid: str) -> int:
        if uuid in self.first_rows:
            return self.first_rows[uuid]
        at = next(at for at, report in enumerate(batch.reports) if report.uuid == uuid)
        return int(batch.rows.index[at])
