"""`Target`: a URL that may be sent to, by the rules of its webhook. No I/O: its address is checked when it is known."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from partita.errors import DeclarationError, WebhookRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PORTS = {"https": 443, "http": 80}
URL_MAX = 2_000
_PATH = re.compile(r"[!-~]*\Z")
_NAT64, _NAT64_LOCAL = ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48")
_HINT = "https://host/path, without a user and without a fragment."


class Target(NamedTuple):
    """The parts of a checked URL. `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The target for people: the path of a webhook is often its password."""
        return f"{self.scheme}://{self.authority}"


class Rules:
    """The targets that a webhook may send to.

    `hosts` are names with or without a port; None = any. `networks` are the networks beside the public ones: an address
    outside both is refused, whatever name led to it. Plain HTTP is for those networks alone.
    """

    def __init__(self, hosts: Sequence[str] | None, networks: Sequence[str]) -> None:
        if isinstance(hosts, str) or isinstance(networks, str):
            raise DeclarationError("hosts= and networks= of a webhook are lists.", hint='hosts=["hooks.example.com"]')
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        try:
            self._networks = tuple(ipaddress.ip_network(each) for each in networks)
        except ValueError as error:
            raise DeclarationError(f"networks= of a webhook: {error}.", hint='networks=["10.1.0.0/16"]') from error

    def target(self, url: str) -> Target:
        """The target of a URL.

        Raises:
            WebhookRefused: it is no such URL, or its host is not allowed.
        """
        found = _target(url)
        if self._hosts is not None and not {found.host, f"{found.host}:{found.port}"} & self._hosts:
            raise WebhookRefused(
                f"{found.shown} is none of the hosts that this webhook may send to.", hint="hosts=[...]"
            )
        return found

    def check(self, target: Target, addresses: Sequence[str]) -> str:
        """The address to connect to, one of those that the name of the target has. All of them must be allowed: a name with an
        inner address beside an outer one is no name to trust.

        Raises:
            WebhookRefused: one is not allowed, or there is none.
        """
        for each in addresses:
            address = _inner(ipaddress.ip_address(each.partition("%")[0]))
            is_ours = any(address in network for network in self._networks)
            if not is_ours and not _is_public(address):
                raise WebhookRefused(
                    f"{target.shown} has an address that is not public.",
                    hint="networks=[...] names inner networks that may be used.",
                )
            if not is_ours and target.scheme == "http":
                raise WebhookRefused(f"{target.shown} is plain HTTP.", hint="https:// outside of networks=[...].")
        if not addresses:
            raise WebhookRefused(f"{target.shown} has no address.")
        return addresses[0]


def _target(url: str) -> Target:
    try:
        parts = urlsplit(url if isinstance(url, str) and len(url) <= URL_MAX else "")
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:  # its text has the URL, and a URL has secrets
        raise WebhookRefused("The URL of a webhook cannot be read.", hint=_HINT) from None
    if parts.scheme not in PORTS or not host or parts.username is not None or parts.fragment:
        raise WebhookRefused("The URL of a webhook cannot be used.", hint=_HINT)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _PATH.match(path) or not _PATH.match(host):
        # urlsplit drops line ends; a blank would end the request's first line early.
        raise WebhookRefused(
            "The URL of a webhook has characters that no URL has.", hint="Write them with percent signs."
        )
    return Target(parts.scheme, host.lower(), port or PORTS[parts.scheme], path)


def _inner(address: Address) -> Address:
    """The IPv4 address within an IPv6 one that leads to it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
    return address


def _is_public(address: Address) -> bool:
    is_local = isinstance(address, ipaddress.IPv6Address) and (address.is_site_local or address in _NAT64_LOCAL)
    return address.is_global and not (is_local or address.is_multicast or address.is_reserved or address.is_unspecified)
