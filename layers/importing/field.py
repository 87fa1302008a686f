"""Findings, tracks and photos from files into a site, in chunks that are whole by themselves.

Good rows go in and the others come back refused.  Rows are known again by their ids, so that the same
file changes nothing, and an import that was interrupted is completed by repeating it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path

from layers.errors import ConflictError, ForbiddenError, InvalidError, XunchaError
from layers.field import findings as finding_store
from layers.field import photos as photo_store
from layers.field import reports, source_errors
from layers.field import tracks as track_store
from layers.field.findings import Outcome, Told
from layers.importing import findings, fitting, known, photos, runs, tracks, walkers
from layers.importing.findings import Batch
from layers.importing.options import ImportOptions
from layers.importing.photos import PhotoReport
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Refusal
from layers.importing.runs import Done
from layers.importing.tracks import Outing
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

    Parameters
    ----------
    dry_run : bool
        Read and check every row, write nothing.
    """
    done = Done("findings", facts={"n_date_only": 0})
    with _run(site, account, [path], options, done, now=now, dry_run=dry_run) as intake:
        for batch in findings.read(
            path, options, taxonomy=site.taxonomy, local=site.settings.zone, progress=progress
        ):
            if not done.n_read and not options.no_fit:
                intake.fit(batch)
            intake.take_batch(batch)
    return done


def import_tracks(
    site: Site,
    account: Account,
    path: Path,
    options: ImportOptions,
    *,
    now: datetime,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Done:
    """Import a file of tracks; see `tracks.read`.  Each outing is a transaction of its own.

    They are of `account`, unless the file or a constant `person` names somebody else.
    """
    read = tracks.read(path, options, now=now, local=site.settings.zone, progress=progress)
    done = Done("tracks", n_read=read.n_read, refused=read.refused, columns=read.columns)
    done.facts |= {"n_tracks": len(read.found), "tracks": [], "options": read.options}
    with _run(site, account, [path], options, done, now=now, dry_run=dry_run) as intake:
        for at, outing in enumerate(read.found, start=1):
            intake.take_track(outing)
            progress("taking tracks", at, len(read.found))
    done.refused.sort(key=lambda one: one.row)
    return done


def import_photos(
    site: Site,
    account: Account,
    paths: Sequence[Path],
    options: ImportOptions,
    *,
    now: datetime,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Done:
    """Import geotagged photos as findings, each with its photo; see `photos.read`."""
    done = Done("photos", n_read=len(paths))
    taxonomy = site.taxonomy
    with _run(site, account, paths, options, done, now=now, dry_run=dry_run) as intake:
        for at, path in enumerate(paths, start=1):
            try:
                intake.take_photo(photos.read(path, options, taxonomy=taxonomy, settings=site.settings))
            except XunchaError as error:
                done.refused.append(Refusal(at, error, {"file": str(path)}))
            progress("taking photos", at, len(paths))
    return done


@contextmanager
def _run(
    site: Site,
    account: Account,
    paths: Sequence[Path],
    options: ImportOptions,
    done: Done,
    *,
    now: datetime,
    dry_run: bool,
) -> Iterator["_Intake"]:
    """Give an intake whose work is noted as a run, also when it is cut short; a dry run is no run."""
    if dry_run:
        yield _Intake(site, account, now, done, None, dry_run=True)
        return
    run = runs.begin(site, done.kind, paths, options, account_id=account.id, now=now)
    ended: datetime | None = None
    try:
        yield _Intake(site, account, now, done, run, dry_run=False)
        ended = now
    finally:
        runs.end(site, run, done, now=ended)


class _Intake:
    """Takes what was read into a site, or only looks at it in a dry run, and counts what became of it."""

    def __init__(
        self, site: Site, account: Account, now: datetime, done: Done, run: int | None, *, dry_run: bool
    ) -> None:
        self.site, self.account, self.now, self.done = site, account, now, done
        self.run, self.dry_run = run, dry_run
        self.first_rows: dict[str, int] = {}
        self.before: dict[str, tuple[str, int]] = {}

    def fit(self, batch: Batch) -> None:
        """Let the first rows say how the positions of their sources err; all rows are placed by that."""
        found = fitting.fit_reports(self.site, batch.reports)
        if found:
            self.done.facts["fitted"] = found
            if self.run is not None:
                source_errors.keep(self.site, self.run, found)

    def take_batch(self, batch: Batch) -> None:
        """Take a batch of findings."""
        told = self._known(batch, self._looked_at(batch) if self.dry_run else self._put(batch))
        self.done.n_read += batch.n_read
        self.done.columns = batch.columns
        self.done.facts["options"] = batch.options
        self.done.facts.setdefault("mended", {}).update(batch.mended)
        refused = []
        for at, one in enumerate(told):
            self.first_rows.setdefault(batch.reports[at].uuid, int(batch.rows.index[at]))
            if isinstance(one, XunchaError):
                refused.append(self._refusal(batch, at, one))
            else:
                self._count(one[0])
                self.done.facts["n_date_only"] += int(batch.date_only[at])
        self.done.refused += sorted(batch.refused + refused, key=lambda one: one.row)

    def take_track(self, outing: Outing) -> None:
        """Take one outing."""
        track = outing.track
        try:
            who = walkers.find(self.walkers, outing.person) if outing.person else self.account
            if self.dry_run:
                outcome = track_store.look(self.site, who, track, now=self.now)
            else:
                outcome = track_store.put(
                    self.site, who, track, now=self.now, import_run_id=self.run, by=self.account.id
                )
        except (InvalidError, ConflictError, ForbiddenError) as error:
            cells = {"track": outing.name or track.uuid, "n_fixes": len(track.lon)}
            self.done.refused.append(Refusal(outing.row, error, cells))
            return
        self._count(outcome)
        self.done.facts["tracks"].append((outing, who))

    @cached_property
    def walkers(self) -> list[Account]:
        """Return whom a file of tracks may name."""
        return walkers.known(self.site)

    def take_photo(self, photo: PhotoReport) -> None:
        """Take one photo and the finding that it makes."""
        if self.dry_run:
            reports.check(photo.report, self.site.taxonomy, now=self.now, bounds=self.site.bounds())
            position = photo.report.position
            self.done.facts.setdefault("places", []).append((position.x, position.y, position.frame))
            self._count(Outcome.CREATED)
            return
        told = finding_store.put_many(
            self.site, self.account, [photo.report], now=self.now, import_run_id=self.run
        )[0]
        if isinstance(told, XunchaError):
            raise told
        outcome = told[0]
        photo_store.attach(self.site, self.account, photo.report.uuid, photo.data, now=self.now)
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        self.done.n_added += outcome is Outcome.CREATED
        self.done.n_same += outcome is Outcome.SAME

    def _put(self, batch: Batch) -> list[Told]:
        return finding_store.put_many(
            self.site, self.account, batch.reports, now=self.now, import_run_id=self.run
        )

    def _looked_at(self, batch: Batch) -> list[Told]:
        return finding_store.look(self.site, self.account, batch.reports, self.before, now=self.now)

    def _known(self, batch: Batch, told: list[Told]) -> list[Told]:
        """Return what the rows are told, those of known ids by what the site has under these."""
        again = [at for at, one in enumerate(told) if isinstance(one, ConflictError)]
        compared = known.told(self.site, self.account, [batch.reports[at] for at in again])
        for at, one in zip(again, compared, strict=True):
            told[at] = one
        return told

    def _refusal(self, batch: Batch, at: int, reason: XunchaError) -> Refusal:
        """Return the refusal of a report; of two rows with one key it names the other."""
        first = self.first_rows[batch.reports[at].uuid]
        if isinstance(reason, ConflictError) and first != int(batch.rows.index[at]):
            reason = ConflictError(
                "Row %(first)s has the same key and says something else; --key none takes both",
                field="key",
                first=first,
            )
        return batch.refusal(at, reason)
