"""What several processes of one server have in common."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layers import shared

_HOLDS = """
import sys, time
from layers import shared
with shared.alone("one"):
    print("in", flush=True)
    time.sleep(0.5)
    print(time.monotonic(), flush=True)
"""
_SERVES = """
import sys, time
from pathlib import Path
from layers import shared
with shared.opened(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


@contextmanager
def _started(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_folder_is_there_for_as_long_as_its_server(tmp_path: Path) -> None:
    assert shared.folder() is None
    with shared.opened(tmp_path) as folder:
        assert shared.folder() == folder
        assert folder.stat().st_mode & 0o077 == 0
    assert shared.folder() is None
    assert not folder.exists()


def test_the_folder_of_a_server_that_was_killed_is_thrown_away_and_no_other(tmp_path: Path) -> None:
    with _started(_SERVES, str(tmp_path)) as killed:
        left = Path(_line(killed))
    with _started(_SERVES, str(tmp_path)) as living:
        used = Path(_line(living))
        assert not left.exists()
        with shared.opened(tmp_path) as mine:
            assert used.exists()
            assert mine.exists()


def test_one_process_waits_for_the_other(tmp_path: Path) -> None:
    with shared.opened(tmp_path), _started(_HOLDS) as other:
        assert _line(other) == "in"
        with shared.alone("another"):
            pass
        with shared.alone("one"):
            entered = time.monotonic()
        assert entered >= float(_line(other))
        assert not list(Path(os.environ[shared.VARIABLE]).glob("*.lock"))
