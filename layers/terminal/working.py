"""`xuncha work`: whoever does the jobs of a site; the server starts one of its own and watches it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

import click

from layers import language
from layers.language import gettext
from layers.terminal import log, place
from layers.terminal.following import follow_server
from layers.terminal.wording import Command, option
from layers.worker import Worker

# A job that does not heed the word to stop is taken up again later
_PATIENCE_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


@click.command(
    cls=Command,
    section="Begin",
    help="Do what waits to be done: exports, webhooks, whatever is derived anew.",
    epilog="xuncha work beichen\nxuncha work beichen --once",
)
@click.argument("home", type=click.Path(path_type=Path, file_okay=False), required=False)
@option("--once", is_flag=True, help="End when nothing is due.")
def work(home: Path | None, *, once: bool) -> None:
    """Do the jobs of a site until stopped."""
    follow_server()
    with place.opened(home) as site:
        language.choose(site.settings.language)
        worker = Worker(site, place.now)
        _stop_when_told(worker)
        if once:
            click.echo(gettext("%(n)s jobs done", n=worker.run_all()))
        else:
            worker.run()


def _stop_when_told(worker: Worker) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stopping.set()
        last = threading.Timer(_PATIENCE_S, os._exit, (1,))
        last.daemon = True
        last.start()

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, stop)


class Watched:
    """A worker in a process of its own that is started again when it ends, until the server ends."""

    def __init__(self, home: Path) -> None:
        self._command = [sys.executable, "-m", "layers.terminal", "work", str(home.resolve())]
        self._home = home
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._keep_running, daemon=True)

    def start(self) -> None:
        """Start the worker."""
        self._watch.start()

    def stop(self) -> None:
        """End the worker, and by force if it does not heed."""
        self._over.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_PATIENCE_S + 2)
            except subprocess.TimeoutExpired:
                process.kill()
        self._watch.join()

    def _keep_running(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._over.is_set():
            # a new interpreter, not a fork: nothing of this process's threads and locks comes along
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603
            code = self._process.wait()
            if self._over.is_set():
                return
            log.say(self._home, f"the worker ended with code {code}; another starts in {pause:g} s")
            self._over.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
