"""Settings: which database a service has, and what people may see of a URL."""

from __future__ import annotations

import pytest

from partita import Settings
from partita.errors import SettingsError
from partita.settings import without_secrets


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql://me:secret@host:5432/db?password=secret", "postgresql://host:5432/db"),
        ("postgresql://me:sec/ret@host/db", "postgresql://host/db"),
        ("postgresql://me:sec@ret@host/db", "postgresql://host/db"),
        ("postgresql://me:sec?ret@host/db", "postgresql://..."),
        ("kafka://host:9092", "kafka://host:9092"),
        ("", ""),
    ],
)
def test_no_user_no_password_no_option(url: str, seen: str) -> None:
    """Also where the password holds what a URL is split at."""
    assert without_secrets(url) == seen


def test_a_service_has_its_own_server_else_the_one_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """One database per service is how teams keep out of each other's way."""
    monkeypatch.setenv("PARTITA_STORE", "postgresql://all/db")
    monkeypatch.setenv("PARTITA_STORE_ORDER_SERVICE", "postgresql://orders/db")

    settings = Settings.from_environment()

    assert settings.store_of("order-service") == "postgresql://orders/db"
    assert settings.store_of("payment-service") == "postgresql://all/db"


def test_a_store_of_no_service_is_refused() -> None:
    """Misspelt, it would send a service's data to another database without a word."""
    settings = Settings(stores={"ORDRE_SERVICE": "postgresql://me:secret@host/db"})

    with pytest.raises(SettingsError, match="PARTITA_STORE_ORDRE_SERVICE names no service") as told:
        settings.check_stores(["order-service"])

    assert "PARTITA_STORE_ORDER_SERVICE" in str(told.value) and "secret" not in str(told.value)


def test_settings_are_shown_without_their_urls() -> None:
    """A log line with settings in it must not give a password away."""
    secret = "postgresql://me:secret@host/db"

    assert "secret" not in repr(Settings(store=secret, bus=secret, stores={"a": secret}, alert_mail=secret))


def test_settings_show_no_secret() -> None:
    """They are logged and land in tracebacks."""
    shown = repr(Settings(store="postgresql://me:5ecret@db/x", bus="kafka://me:5ecret@b:1?sasl.password=5ecret"))
    assert "5ecret" not in shown and "postgresql://db/x" in shown and "kafka://b:1" in shown
