"""Reads files one by one, each in a process of its own, and tells what was said and what it cost.

Run as a program: a test that reads in its own process cannot tell how much a reader needed.
"""

import json
import os
import resource
import sys
from pathlib import Path

from geo.errors import Explained
from layers.importing import osm, vector
from layers.importing.options import ImportOptions


def read(path: Path) -> str:
    """Return why a file is refused; nothing if it was read."""
    try:
        if ".osm" in path.name:
            osm.read(path)
        else:
            vector.read(path, ImportOptions(frame="wgs84"), vector.POINTS)
    except Explained as error:
        return f"{type(error).__name__}: {error}"
    return ""


def measured(path: Path) -> dict[str, object]:
    """Return what was said, by how many megabytes memory grew at its peak, and the processor's seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    said = read(path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"said": said, "grown_mb": (after.ru_maxrss - before.ru_maxrss) / 1024, "seconds": seconds}


def main(folder: Path) -> None:
    """Print a line for each file of a folder."""
    for path in sorted(folder.iterdir()):
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            print(json.dumps({"name": path.name, **measured(path)}), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
