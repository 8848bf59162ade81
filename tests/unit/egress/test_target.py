"""Targets: which URLs and which addresses a webhook may send to."""

from __future__ import annotations

import pytest

from partita import DeclarationError
from partita.egress.target import Rules, Target
from partita.errors import WebhookRefused

ANY = Rules(None, ())
PUBLIC = "https://hooks.example.com/in?key=1"


def test_a_url_is_its_parts() -> None:
    assert ANY.target(PUBLIC) == Target("https", "hooks.example.com", 443, "/in?key=1")
    assert ANY.target("https://Host:8443").authority == "host:8443"
    assert ANY.target("https://[2606:4700::1]/a").authority == "[2606:4700::1]"
    assert ANY.target("https://b\u00fccher.example/").host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.com", "ftp://host/", "file:///etc/passwd", "https:///path", "https://user:password@host/",
        "https://host/#part", "https://host:99999/", "https://[::1/", "https://host/a b", "https://host/\u00e4",
        "https://ho st/", "https://" + "a" * 3_000, "https://" + "a" * 64 + ".example/", "gopher://host:70/_x",
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_and_not_shown(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(WebhookRefused) as refused:
        ANY.target(url)
    assert not url or url not in str(refused.value)


def test_a_line_end_in_a_url_begins_no_header() -> None:
    """urlsplit drops it; nothing of it is in the request."""
    assert "\n" not in ANY.target("https://host/a\r\nx-evil: 1".replace(" ", "")).path


def test_only_listed_hosts_may_be_sent_to() -> None:
    """With their port, or on any port."""
    rules = Rules(["Hooks.example.com:8443", "other.example.com"], ())
    assert rules.target("https://hooks.example.com:8443/").port == 8443
    assert rules.target("https://other.example.com:1/").port == 1
    for url in (PUBLIC, "https://evil.example.com/", "https://other.example.com.evil.example/"):
        with pytest.raises(WebhookRefused, match="none of the hosts"):
            rules.target(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "::7f00:1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    """In each of its spellings, and also beside a public one."""
    for addresses in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
        with pytest.raises(WebhookRefused, match="not public"):
            ANY.check(ANY.target(PUBLIC), addresses)


def test_a_public_address_is_connected_to() -> None:
    target = ANY.target(PUBLIC)
    assert ANY.check(target, ["93.184.216.34", "2606:4700::1"]) == "93.184.216.34"
    with pytest.raises(WebhookRefused, match="no address"):
        ANY.check(target, [])


def test_inner_networks_are_allowed_by_name_of_the_network() -> None:
    """Those and no others; plain HTTP is for them alone."""
    rules = Rules(None, ["10.1.0.0/16", "::1/128"])
    assert rules.check(rules.target("http://inner/"), ["10.1.2.3"]) == "10.1.2.3"
    assert rules.check(rules.target("http://inner/"), ["::ffff:10.1.2.3"]) == "::ffff:10.1.2.3"
    assert rules.check(rules.target("http://inner/"), ["::1"]) == "::1"
    with pytest.raises(WebhookRefused, match="not public"):
        rules.check(rules.target("http://inner/"), ["10.2.0.1"])
    with pytest.raises(WebhookRefused, match="plain HTTP"):
        rules.check(rules.target("http://outer.example/"), ["93.184.216.34"])


def test_rules_that_are_none_are_refused_at_the_declaration() -> None:
    for hosts, networks in (("host", ()), (None, "10.0.0.0/8"), (None, ["10.0.0.1/8"]), (None, ["host"])):
        with pytest.raises(DeclarationError):
            Rules(hosts, networks)  # type: ignore[arg-type]  # that is the mistake
