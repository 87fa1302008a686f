"""`xuncha serve --tls`: the certificates of a server, renewed while it runs."""

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layers import certificates
from layers.certificates import Certificates, Served
from layers.errors import XunchaError
from layers.settings import Settings
from layers.terminal import log, place
from layers.terminal.doorstep import Doorstep

# Tells the process that answers how it is reached
VARIABLE = "XUNCHA_TLS"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared with, not listened on
_LOOK_EVERY_S = 3600.0


def reached(address: str) -> str:
    """Return the name by which this machine reaches a server that listens on an address."""
    return "localhost" if address in EVERYWHERE else address


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens, and for which names it answers."""

    home: Path
    address: str
    names: tuple[str, ...]
    served: Served

    @property
    def inside(self) -> str:
        """Return the name by which this machine reaches the server itself."""
        return reached(self.address)

    def ensure(self) -> Certificates:
        """Return the certificates, made or renewed where that is due."""
        asked = ["localhost", "127.0.0.1", *self.names]
        return certificates.ensure(self.home, asked, also=certificates.names(), now=place.now())


def listening(settings: Settings, address: str, port: int, door: int | None) -> Listening:
    """Return how a site is served; phones get the root certificate one port further unless said."""
    names = settings.tls_names if address in EVERYWHERE else (address, *settings.tls_names)
    root = settings.home / certificates.FOLDER / certificates.ROOT_FILES[0]
    after = port + 1 if port < 65535 else port - 1
    return Listening(settings.home, address, names, Served(port, door or after, root))


def served(home: Path) -> Served | None:
    """Return how the process that answers is reached; None where it is served without certificates."""
    told = os.environ.get(VARIABLE)
    if not told:
        return None
    port, door = map(int, told.split())
    return Served(port, door, home / certificates.FOLDER / certificates.ROOT_FILES[0])


def shown(listening: Listening) -> Sequence[str]:
    """Return the hosts by which phones may come, the best first."""
    if listening.address not in EVERYWHERE:
        return [listening.address]
    return [*listening.names, *(one for one in certificates.addresses() if ":" not in one)] or ["localhost"]


class Kept:
    """Certificates kept good while the server runs, and the doorstep open."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._over = threading.Event()
        self._door = Doorstep(listening.address, listening.served, listening.inside)
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._door.start()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._door.stop()

    def _keep(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            try:
                renewed = self._listening.ensure().renewed
            except (XunchaError, OSError) as error:
                log.say(self._listening.home, f"the certificate was not renewed: {error}")
                continue
            if renewed:
                # Granian starts a worker, which reads the new files, and ends the old one after its answers
                os.kill(os.getpid(), signal.SIGHUP)
