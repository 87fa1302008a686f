"""The work beside the answers: what waits, what runs and how far it is, what failed and why."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from layers import jobs
from layers.jobs import Job
from layers.language import gettext
from map_app.pages.gate import allow, visitor
from map_app.pages.service import now, site
from map_app.words import number

blueprint = Blueprint("jobs", __name__)


@dataclass(frozen=True, slots=True)
class Line:
    """One job as it is listed."""

    job: Job
    name: str
    state: str
    state_name: str
    step: str
    share: float | None
    reason: str | None


@blueprint.get("/jobs")
def page() -> ResponseReturnValue:
    """List the jobs, those that are not done first, then the newest."""
    allow("jobs")
    at = now()
    lines = [line(job, at) for job in (*jobs.open_ones(site()), *_closed())]
    return render_template(
        "map_app/jobs.html", lines=lines, busy=any(one.state in ("waiting", "running") for one in lines)
    )


def _closed() -> list[Job]:
    return [job for job in jobs.newest(site()) if job.finished_at or job.failed_at]


@blueprint.post("/jobs/<int:job_id>/retry")
def retry(job_id: int) -> ResponseReturnValue:
    """Put a job that failed back into the queue."""
    allow("jobs")
    jobs.retry(site(), job_id, by=visitor().id, now=now())
    return redirect(url_for(".page"), 303)


def line(job: Job, at: datetime) -> Line:
    """Return a job as it is shown."""
    state = job.state(at)
    done, total = job.progress_done, job.progress_total
    step = ""
    if state == "running" and job.progress_text:
        counted = f" {number(done)} / {number(total)}" if done is not None and total else ""
        step = gettext(job.progress_text) + counted
    share = min((done or 0) / total, 1.0) if total and state == "running" else None
    return Line(job, kind_name(job.kind), state, state_name(state), step, share, job.reason)


def kind_name(kind: str) -> str:
    """Return what a kind of job is called."""
    names = {
        "datum": gettext("Derive a device's results in its true frame"),
        "derive": gettext("Derive places and surroundings anew"),
        "export": gettext("Export findings"),
        "export coverage": gettext("Export coverage"),
        "reminders": gettext("Remind of what is late"),
        "import": gettext("Import a file"),
        "import population": gettext("Import a population"),
        "look at import": gettext("Look at a file"),
        "undo import": gettext("Undo an import"),
        "webhooks": gettext("Tell other programs"),
    }
    return names.get(kind, kind)


def state_name(state: str) -> str:
    """Return what the state of a job is called."""
    names = {
        "waiting": gettext("waiting"),
        "running": gettext("running"),
        "done": gettext("done"),
        "failed": gettext("failed"),
    }
    return names[state]
