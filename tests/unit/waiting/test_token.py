"""Tokens of answers: signed, expiring, and none but those that were made."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from partita import Settings, SettingsError
from partita.waiting import TokenRefused
from partita.waiting.token import Tokens

OLD, NEW, OTHER = "o" * 32, "n" * 32, "x" * 32
ID = "0198c7d2-0000-7000-8000-00000000abcd"


def test_a_token_gives_its_id_back() -> None:
    """Ids of other programs are texts of any kind."""
    for reply_to in (ID, "a.b", ".", "https://example.org 7", "ключ", "\0", "\ud800"):
        assert Tokens([NEW]).read(Tokens([NEW]).make(reply_to, 100), 100) == reply_to


def test_a_token_ends() -> None:
    token = Tokens([NEW]).make(ID, 100)
    with pytest.raises(TokenRefused, match="expired"):
        Tokens([NEW]).read(token, 101)


def test_a_changed_token_is_refused() -> None:
    """Another id, a later end, another character, another spelling of the same bytes."""
    token = Tokens([NEW]).make(ID, 100)
    version, _, signature = token.split(".")
    for body in (b"100.0198c7d2-0000-7000-8000-00000000abce", b"900." + ID.encode(), b"", b"x"):
        forged = base64.urlsafe_b64encode(body).decode().rstrip("=")
        with pytest.raises(TokenRefused):
            Tokens([NEW]).read(f"{version}.{forged}.{signature}", 100)
    for other in changed(token):
        with pytest.raises(TokenRefused):
            Tokens([NEW]).read(other, 100)


def changed(token: str) -> Iterator[str]:
    """Texts that are nearly the token."""
    for place, character in enumerate(token):
        yield token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        yield token[:place] + token[place + 1 :]
    yield from (f"{token}=", f"{token}\n", f" {token}", token + "." + token, token.upper(), "v2" + token[2:], "")
    yield from ("." * 10, "v1..", "v1.é.é", token * 100)


def test_what_is_no_text_is_no_token() -> None:
    for given in (None, 7, b"v1.a.b"):
        with pytest.raises(TokenRefused):
            Tokens([NEW]).read(given, 100)  # type: ignore[arg-type]


def test_a_secret_is_replaced_without_a_gap() -> None:
    """While both are there, links of both are taken; the newest signs; without the old one its links end."""
    before = Tokens([OLD]).make(ID, 100)
    both = Tokens([NEW, OLD])
    assert both.read(before, 1) == ID and Tokens([NEW]).read(both.make(ID, 100), 1) == ID
    for secrets in ([NEW], [OTHER]):
        with pytest.raises(TokenRefused, match="not valid"):
            Tokens(secrets).read(before, 1)


def test_a_secret_that_could_be_guessed_is_refused() -> None:
    """The error names no part of it, and the settings never show it."""
    with pytest.raises(SettingsError, match="secret 2 of 2 has fewer than 32 bytes") as error:
        Settings(secret=f"{NEW} geheim")
    assert "geheim" not in str(error.value)
    settings = Settings(secret=f"{NEW} {OLD}")
    assert settings.secrets == (NEW, OLD) and NEW not in repr(settings)
    with pytest.raises(SettingsError, match="no secret"):
        Tokens([])


def test_the_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTITA_SECRET", f"{NEW} {OLD}")
    assert Settings.from_environment().secrets == (NEW, OLD)
    monkeypatch.setenv("PARTITA_SECRET", "short")
    with pytest.raises(SettingsError, match="fewer than 32"):
        Settings.from_environment()
