"""Addresses in settings: of stores and buses, of receivers of alerts, of pages; checked, and shown without secrets.

A text that is not an address may be the rest of a password, so no error quotes one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from partita.errors import SettingsError

POSTGRESQL = ("postgresql", "postgres")
STORES = ("sqlite", *POSTGRESQL)
BUSES = ("log", "kafka", *POSTGRESQL)
FILES = ("sqlite", "log")
STORE_EXAMPLE = "postgresql://user@host:5432/database, sqlite:///folder, or an existing folder"
BUS_EXAMPLE = "kafka://host:9092,host:9092, postgresql://user@host:5432/database, log:///folder, or an existing folder"
SECRETS = "In a user name or password, write # / ? @ [ ] as %23 %2F %3F %40 %5B %5D."
METRICS_EXAMPLE = "HOST:PORT, such as 127.0.0.1:9464"
REGISTRY_EXAMPLE = "PARTITA_REGISTRY=http://127.0.0.1:8081, or https://user:password@host/path"
WEBHOOK_EXAMPLE = "PARTITA_ALERT_WEBHOOK=https://host/path"
MAIL_EXAMPLE = (
    "PARTITA_ALERT_MAIL='smtps://user:password@host?from=a@b&to=c@d', or smtp:// for STARTTLS, or without a user"
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.ASCII)
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]@/?#,]+)(?::(\d{1,5}))?", re.ASCII)
_SERVERS = re.compile(r"[\w.-]+:\d+(?:,[\w.-]+:\d+)*", re.ASCII)
_NO_FOLDER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[/\\]|[^/]*:\d+(?:[,/]|$)|[^/]*@", re.ASCII)
PORT_MAX = 65_535


def without_secrets(url: str) -> str:
    """An address for people: without user, password and options; "..." for a text that is not an address."""
    found = _SCHEME.match(url)
    if found is None:
        return "..." if re.search(r"[:@?#=]|\s", url) else url
    scheme = found[1]
    place, _, options = url[found.end() :].partition("?")
    # A password with a "?" in it looks like options with an "@" in them: then nothing is shown.
    if "@" in options:
        return f"{scheme}://..."
    shown = place.rpartition("@")[2]
    # user:password without a host looks like a host with a strange port.
    known = scheme in FILES or all(map(_is_server, shown.partition("/")[0].split(",")))
    return f"{scheme}://{shown}" if known else f"{scheme}://..."


def without_path(url: str) -> str:
    """A receiver's address for people: the path of a webhook is often its password."""
    shown = without_secrets(url)
    scheme, mark, rest = shown.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if mark else shown


def check_store(what: str, address: str) -> None:
    """Refuse an address that cannot be a store's.

    Raises:
        SettingsError: it is neither the URL of a store nor an existing folder.
    """
    _check(what, address, STORES, f"{what} is neither the URL of a store nor an existing folder.", STORE_EXAMPLE)


def check_bus(what: str, address: str) -> None:
    """Refuse an address that cannot be a bus's.

    Raises:
        SettingsError: it is neither the URL of a bus nor an existing folder.
    """
    hint = BUS_EXAMPLE
    if _SERVERS.fullmatch(address):
        hint = "A list of brokers is written kafka://host:port,host:port."
    _check(what, address, BUSES, f"{what} is neither the URL of a bus nor an existing folder.", hint)


def check_folder(what: str, text: str) -> None:
    """Refuse a folder's name that was meant as another value.

    Raises:
        SettingsError: it looks like a server's address, like a folder of another system, or has blanks around it.
    """
    foreign = _NO_FOLDER.match(text) is not None and os.name != "nt"
    if not text or foreign or text != text.strip() or not text.isprintable():
        raise SettingsError(
            f"{what} names no folder.",
            hint="It takes a folder of this machine; servers are named in PARTITA_STORE and PARTITA_BUS.",
        )


def folder_of(address: str) -> Path | None:
    """The folder that an address names; None = a server."""
    found = _SCHEME.match(address)
    if found is None:
        return Path(address)
    return Path(address[found.end() :]) if found[1] in FILES else None


def scheme_of(address: str) -> str:
    """The scheme of a checked URL, empty for a folder."""
    found = _SCHEME.match(address)
    return found[1] if found is not None else ""


def hurried(place: str | Path, seconds: float) -> str | Path:
    """A place for a command that only queries: for PostgreSQL, connecting and every statement end within so many seconds."""
    if isinstance(place, Path) or scheme_of(place) not in POSTGRESQL:
        return place
    mark = "&" if "?" in place else "?"
    return f"{place}{mark}command_timeout_s={seconds:g}&connect_timeout_s={seconds:g}"


def check_registry(what: str, url: str) -> None:
    """Refuse an address that cannot be a schema registry's.

    Raises:
        SettingsError: it is no http or https address; it is not quoted, since it may hold a password.
    """
    parts = _receiver(url, ("http", "https"))
    if parts is None or parts.query or parts.fragment:
        raise SettingsError(f"{what} is not the http or https address of a schema registry.", hint=REGISTRY_EXAMPLE)


def check_webhook(what: str, url: str) -> SplitResult:
    """The parts of a webhook's URL.

    Raises:
        SettingsError: it cannot receive a POST; the URL is not quoted, since its path is often a password.
    """
    parts = _receiver(url, ("http", "https"))
    if parts is None:
        raise SettingsError(f"{what} is not an http or https address.", hint=WEBHOOK_EXAMPLE)
    if parts.scheme == "http" and parts.username is not None:
        raise SettingsError(f"{what} would send its password in plain text.", hint=WEBHOOK_EXAMPLE)
    return parts


def check_mail(what: str, url: str) -> SplitResult:
    """The parts of a mail address such as `smtp://host:25?from=a@b&to=c@d`.

    Raises:
        SettingsError: it cannot send mail; the URL is not quoted.
    """
    parts = _receiver(url, ("smtp", "smtps"))
    asked = parse_qs(parts.query) if parts is not None else {}
    people = [*asked.get("from", [])[:1], *asked.get("to", [])]
    if parts is None or not asked.get("from") or not asked.get("to") or not all(map(_is_mail, people)):
        raise SettingsError(f"{what} is not an address to mail by.", hint=MAIL_EXAMPLE)
    return parts


def check_listening(what: str, address: str) -> tuple[str, int]:
    """The host and the port of an address to serve a page on; without a host it is this machine alone.

    Raises:
        SettingsError: it is not valid.
    """
    host, colon, port = address.rpartition(":")
    found = _SERVER.fullmatch(f"{host or 'localhost'}:{port}")
    if not colon or found is None or found[1] is None or int(port) > PORT_MAX:
        raise SettingsError(f"{what} is not an address to listen on.", hint=METRICS_EXAMPLE)
    return host.strip("[]") or "127.0.0.1", int(port)


def _check(what: str, address: str, known: Sequence[str], wrong: str, hint: str) -> None:
    if not address or os.path.isdir(address):
        return
    found = _SCHEME.match(address)
    if found is None or found[1] not in known:
        head = re.match(r"[A-Za-z]+", address)
        near = get_close_matches(head[0].lower(), known, 1, 0.7) if head is not None else []
        meant = f"Was {near[0]}:// meant? " if near else ""
        raise SettingsError(wrong, hint=f"{meant}{hint}")
    if found[1] in FILES:
        _check_file(what, address[found.end() :], found[1])
    else:
        _check_server(what, address, found[1])


def _check_file(what: str, folder: str, scheme: str) -> None:
    """A folder's URL begins with / or ./, else a host's name would become a folder."""
    absolute = folder.startswith(("/", "./", "../")) and folder == folder.strip() and folder.isprintable()
    if not absolute or re.search(r"[?#]", folder):
        raise SettingsError(f"{what} names no folder.", hint=f"{scheme}:///folder with three strokes, and no options.")


def _check_server(what: str, url: str, scheme: str) -> None:
    try:
        parts = urlsplit(url)
        options = parse_qs(parts.query, keep_blank_values=True)
    except ValueError:  # its text may hold the password
        raise SettingsError(f"{what} cannot be read as a URL.", hint=SECRETS) from None
    if any(character.isspace() or not character.isprintable() for character in url):
        raise SettingsError(f"{what} holds a blank or a line end.", hint="Is there a line's end behind the secret?")
    servers = parts.netloc.rpartition("@")[2]
    if not servers and scheme in POSTGRESQL and any(options.get("host", ())):
        return  # a socket's folder
    if not servers:
        raise SettingsError(
            f"{what} names no server.",
            hint="kafka://host:port" if scheme == "kafka" else f"{scheme}://user@host/database, or ?host= for a socket",
        )
    if not all(map(_is_server, servers.split(","))) or "@" in parts.path or "#" in url:
        raise SettingsError(f"{what}: a server in the URL is not a host:port.", hint=SECRETS)


def _is_server(text: str) -> bool:
    found = _SERVER.fullmatch(text)
    return found is not None and (found[1] is None or 0 < int(found[1]) <= PORT_MAX)


def _is_mail(text: str) -> bool:
    name, _, host = text.rpartition("@")
    return bool(name and host) and text.isprintable() and " " not in host


def _receiver(url: str, schemes: Sequence[str]) -> SplitResult | None:
    """The parts of a URL that the standard library can speak to; None where it would fail later, quoting it."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as the connection will write it
    except ValueError:
        return None
    return parts if parts.scheme in schemes and parts.hostname and port != 0 else None
