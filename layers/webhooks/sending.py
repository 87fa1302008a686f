"""One telling over HTTP: to where it was meant and nowhere else, with a signature that can be checked.

A name is looked up once and its address is what is connected to, so that a name that points elsewhere a
moment later leads nowhere; redirects are not followed.
"""

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from layers.errors import ForbiddenError, InvalidError, XunchaError

TIMEOUT_S = 10.0
_LONGEST = 2000
_PORTS = {"http": 80, "https": 443}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class UndeliveredError(XunchaError):
    """The other side could not be told; it may be there later."""

    def __init__(self, message: str, *, host: str, reason: str = "", status: int | None = None) -> None:
        super().__init__(message, host=host, reason=reason, status=status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Telling:
    """What is sent: a name of its own, the kind of event, and a body."""

    delivery_id: int
    event: str
    body: bytes


def check_url(url: str) -> SplitResult:
    """Return the parts of an address that may be told; http and https only, without a login in it."""
    try:
        parts = urlsplit(url)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_good = urlsplit(""), False
    plain = len(url) <= _LONGEST and url.isascii() and url.isprintable() and " " not in url
    if not (plain and port_is_good and parts.scheme in _PORTS and parts.hostname):
        raise InvalidError(
            "%(given)s is no address such as https://example.org/hook", field="url", given=url[:60]
        )
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InvalidError("An address with a login or a # in it is not taken", field="url")
    return parts


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the open internet, however it is written.

    >>> given = ("1.1.1.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1")
    >>> [is_public(ipaddress.ip_address(one)) for one in given]
    [True, False, False, False, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        nat64 = address in ipaddress.ip_network("64:ff9b::/96")
        if wrapped or nat64:
            return False
    return address.is_global and not address.is_multicast


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the signature of a body sent at a Unix time: HMAC-SHA256 over ``time.body``.

    >>> signature("s", 1, b"{}")[:26]
    't=1,v1=b253639bcd705ed1cda'
    """
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def send(url: str, secret: str, telling: Telling, *, at: int, private: bool) -> int:
    """Tell an address; return the HTTP status, which is one of success.

    Parameters
    ----------
    private : bool
        Addresses that are not of the open internet may be told too.
    """
    parts = check_url(url)
    host = str(parts.hostname)
    port = parts.port or _PORTS[parts.scheme]
    place = _looked_up(host, port, private=private)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Xuncha",
        "Xuncha-Event": telling.event,
        "Xuncha-Delivery": str(telling.delivery_id),
        "Xuncha-Signature": signature(secret, at, telling.body),
    }
    try:
        status = _post(_Connection(parts.scheme, host, port, place), path, telling.body, headers)
    except (OSError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
        raise UndeliveredError("%(host)s cannot be reached: %(reason)s", host=host, reason=reason) from error
    if not 200 <= status < 300:
        raise UndeliveredError("%(host)s answered %(status)s", host=host, status=status)
    return status


def _looked_up(host: str, port: int, *, private: bool) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UndeliveredError("%(host)s is not known", host=host) from error
    places = [str(one[4][0]) for one in found]
    for place in places:
        if not private and not is_public(ipaddress.ip_address(place.partition("%")[0])):
            raise ForbiddenError(
                "%(host)s is inside a private network; the setting webhook_private allows it", host=host
            )
    return places[0]


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was looked up, under the name that it was looked up by."""

    def __init__(self, scheme: str, host: str, port: int, place: str) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self.default_port = _PORTS[scheme]
        self._scheme, self._place = scheme, place

    def connect(self) -> None:
        """Connect, and check the certificate against the name."""
        self.sock = socket.create_connection((self._place, self.port), TIMEOUT_S)
        if self._scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _post(connection: _Connection, path: str, body: bytes, headers: dict[str, str]) -> int:
    def cut() -> None:
        # whoever answers a byte at a time keeps within every time limit but this
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    limit = threading.Timer(TIMEOUT_S * 1.5, cut)
    limit.daemon = True
    limit.start()
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        limit.cancel()
        connection.close()
