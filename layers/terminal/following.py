"""The process that answers ends when the one that started it does, and only then."""

import os
import signal
import threading
import time
from contextlib import suppress

# Set by the server's process for the one it starts
SERVER = "XUNCHA_SERVER_PID"
_LOOK_EVERY_S = 1.0


def follow_server() -> None:
    """Leave Ctrl-C to the server's process, and end if that one is gone.

    Ctrl-C reaches every process of a terminal at once; a worker that hears it beside the word of its
    server waits for ever (Granian 2.8).  A server that was killed cannot tell its worker anything.
    Without the variable there is no such server, and nothing is done.
    """
    if SERVER not in os.environ:
        return
    with suppress(PermissionError, AttributeError):
        os.setpgid(0, 0)
    threading.Thread(target=_watch, args=(int(os.environ[SERVER]),), daemon=True).start()


def _watch(server: int) -> None:
    while os.getppid() == server:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
