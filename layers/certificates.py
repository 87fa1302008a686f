"""The site's own certificate authority, for phones that must trust a server without a public name.

A browser gives positions and keeps pages only over HTTPS.  The root certificate is put on each phone once;
it can vouch for nothing but this site's names and private addresses.  The server's certificate is made
anew before it ends, and when the machine has another name or address.  Keys lie in the folder of the site,
readable by its owner alone.
"""

import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from layers.errors import SettingError, UnreadableFileError

FOLDER = "tls"
ROOT_FILES = ("root.crt", "root.key")
# A phone keeps the root as long as it is used; Apple takes no server's certificate of more than 825 days
_ROOT_LASTS, _SERVER_LASTS = timedelta(days=3650), timedelta(days=365)
_RENEWED_BEFORE = timedelta(days=30)
# Clocks of phones are wrong by minutes, sometimes by a day
_BACKDATED = timedelta(days=2)
# What the root may vouch for beside what the machine is called: nothing that a stranger could own
_PRIVATE_NAMES = ("localhost", "local", "lan", "internal", "home.arpa")
_PRIVATE_ADDRESSES = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
_PublicKey = ec.EllipticCurvePublicKey
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files that a server needs, and the root that phones need; `renewed` where one was made now."""

    root: Path
    server: Path
    key: Path
    renewed: bool


@dataclass(frozen=True, slots=True)
class Served:
    """How a server with these certificates is reached: its port, and the port where phones get the root."""

    port: int
    door: int
    root: Path


def ensure(home: Path, names: Iterable[str], *, also: Iterable[str] = (), now: datetime) -> Certificates:
    """Return certificates for these names and addresses, made or renewed where that is due.

    Of `also`, what was found rather than asked for, those are left out that the root that phones have may
    not vouch for.

    Raises
    ------
    SettingError
        The root may not vouch for one of `names`.
    """
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    asked, found = _alternatives(names), _alternatives(also)
    root, root_key, made = _root(folder, [*asked, *found], now)
    permitted = root.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    for name in asked:
        if not _covers(permitted, name):
            raise SettingError(
                "The root certificate may not vouch for %(given)s: move %(folder)s away, and put the new one "
                "that is then made on the phones",
                field="tls_names",
                given=str(name.value),
                folder=folder,
            )
    wanted = list(dict.fromkeys([*asked, *(name for name in found if _covers(permitted, name))]))
    server, key = folder / "server.crt", folder / "server.key"
    if made or not _is_good(server, key, root, wanted, now):
        _issue(server, key, (root, root_key), wanted, now)
        made = True
    return Certificates(folder / "root.crt", server, key, made)


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a certificate as phones show it."""
    digest = _read(path).fingerprint(hashes.SHA256()).hex().upper()
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def addresses() -> list[str]:
    """Return the addresses of this machine that another device may reach, the one outwards first."""
    found = [_outward(socket.AF_INET, "192.0.2.1"), *_of_host(), _outward(socket.AF_INET6, "2001:db8::1")]
    known = dict.fromkeys(address for address in found if address)
    return [one for one in known if not ipaddress.ip_address(one).is_loopback]


def names() -> list[str]:
    """Return what this machine may be called: its names, its addresses, and what it calls itself."""
    host = socket.gethostname().lower()
    called = [host, host if "." in host else f"{host}.local"]
    return ["localhost", *(name for name in called if _is_name(name)), "127.0.0.1", "::1", *addresses()]


def _outward(family: socket.AddressFamily, towards: str) -> str | None:
    """Return the address this machine would send from; nothing is sent, and nobody is asked."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((towards, 9))
        return str(probe.getsockname()[0])
    return None


def _of_host() -> list[str]:
    with suppress(OSError):
        return [str(one[4][0]).split("%")[0] for one in socket.getaddrinfo(socket.gethostname(), None)]
    return []


def _is_name(text: str) -> bool:
    labels = text.split(".")
    return len(text) <= 253 and all(
        label.replace("-", "").isalnum() and label.isascii() and len(label) <= 63 for label in labels
    )


def _alternatives(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        address = _address(name)
        if address is not None:
            found.append(x509.IPAddress(address))
        elif _is_name(name):
            found.append(x509.DNSName(name.lower()))
        else:
            raise SettingError("%(given)s is neither a name nor an address", field="tls_names", given=name)
    return found


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _root(
    folder: Path, wanted: Sequence[x509.GeneralName], now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, bool]:
    path, key_path = (folder / name for name in ROOT_FILES)
    if path.exists() and key_path.exists():
        root = _read(path)
        if root.not_valid_after_utc > now + _SERVER_LASTS:
            return root, _read_key(key_path), False
    key = ec.generate_private_key(ec.SECP256R1())
    # two sites on one phone are told apart by the end of their names
    mark = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:6]
    name = _name(f"Xuncha 巡查 {socket.gethostname()} {mark}")
    builder = _begun(name, name, key.public_key(), now, _ROOT_LASTS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_use(signs=True), critical=True)
    builder = builder.add_extension(x509.NameConstraints(_may_vouch_for(wanted), None), critical=True)
    root = builder.sign(key, hashes.SHA256())
    _write(key_path, _pem(key))
    _write(path, root.public_bytes(serialization.Encoding.PEM))
    return root, key, True


def _may_vouch_for(wanted: Sequence[x509.GeneralName]) -> list[x509.GeneralName]:
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in _PRIVATE_NAMES]
    permitted += [x509.IPAddress(ipaddress.ip_network(net)) for net in _PRIVATE_ADDRESSES]
    return permitted + [_as_permission(one) for one in wanted if not _covers(permitted, one)]


def _as_permission(name: x509.GeneralName) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_network(name.value)) if isinstance(name, x509.IPAddress) else name


def _covers(permitted: Iterable[x509.GeneralName], name: x509.GeneralName) -> bool:
    kind = type(name)
    limits = [one.value for one in permitted if isinstance(one, kind)]
    if isinstance(name, x509.IPAddress):
        return any(name.value in limit for limit in limits)
    return any(f".{name.value}".endswith(f".{limit}") for limit in limits)


def _is_good(
    server: Path, key: Path, root: x509.Certificate, wanted: Sequence[x509.GeneralName], now: datetime
) -> bool:
    if not (server.exists() and key.exists()):
        return False
    found = _read(server)
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    lasts = found.not_valid_before_utc <= now < found.not_valid_after_utc - _RENEWED_BEFORE
    return lasts and set(wanted) <= set(named) and found.issuer == root.subject


def _issue(
    path: Path,
    key_path: Path,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey],
    wanted: Sequence[x509.GeneralName],
    now: datetime,
) -> None:
    root, root_key = issuer
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _begun(_name("Xuncha"), root.subject, key.public_key(), now, _SERVER_LASTS)
    builder = builder.add_extension(x509.SubjectAlternativeName(wanted), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_use(signs=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    mark = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(mark), critical=False
    )
    made = builder.sign(root_key, hashes.SHA256())
    _write(key_path, _pem(key))
    _write(path, made.public_bytes(serialization.Encoding.PEM))


def _begun(
    name: x509.Name, issuer: x509.Name, key: _PublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _use(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file for its owner alone; one that is there is replaced whole."""
    draft = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def _read(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise UnreadableFileError("%(path)s is not a certificate", path=path) from error


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise UnreadableFileError("%(path)s is not a private key", path=path) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UnreadableFileError("%(path)s is not a private key", path=path)
    return key
