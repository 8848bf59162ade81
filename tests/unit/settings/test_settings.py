"""Settings: which database a service has, and what people may see of a URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from partita import Settings
from partita.cli.main import cli
from partita.cli.operating import confirmed
from partita.errors import SettingsError
from partita.settings.address import without_secrets
from partita.settings.settings import KNOWN


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
    mail, hook = "smtp://me:secret@host:25?from=a@b&to=c@d", "https://hooks.example/services/secret"

    shown = repr(Settings(store=secret, bus=secret, stores={"a": secret}, alert_mail=mail, alert_webhook=hook))

    assert "secret" not in shown and "https://hooks.example" in shown


def test_settings_show_no_secret() -> None:
    """They are logged and land in tracebacks."""
    shown = repr(Settings(store="postgresql://me:5ecret@db/x", bus="kafka://me:5ecret@b:1?sasl.password=5ecret"))
    assert "5ecret" not in shown and "postgresql://db/x" in shown and "kafka://b:1" in shown


NAN, INF = float("nan"), float("inf")
WRONG: dict[str, list[Any]] = {
    "time_scale": [0, -1, NAN, INF, -INF, 1e9, "1", None, True],
    "batch": [0, -1, 1.5, 10**9, "10", True, NAN],
    "alert_every_s": [0, -1, NAN, INF, 1e9],
    "grace_s": [-0.1, NAN, INF, 1e9],
    "ask_s": [0, -1, NAN, INF, 3_600],
    "coalesce": ["off", 0, None],
    "data": [None, 5, b"data", ""],
    "store": [Path("/S3CRET"), b"postgresql://u:S3CRET@h/x", None, 5],
    "bus": [Path("/S3CRET"), None],
    "at_once": [1],
    "migrate": ["no"],
    "instance": ["a b", "a/b", "../a", "a\n", "ä", "x" * 201, "-a"],
    "metrics": ["9464", "host:", ":port", "host:70000", "a b:1", "http://host:9464", "host:-1", "host:1_0", "host:²"],
    "alert_webhook": [
        "hooks.example/S3CRET", "ftp://h/S3CRET", "https:///S3CRET", "https://h:port/S3CRET", "https://h:0/S3CRET",
        "https://ho]st/S3CRET", "https://h/S3 CRET", "https://h/S3CRET\n", "https://h/S3CRETä", "https:/h/S3CRET",
        "https://h℀/S3CRET", "//h/S3CRET", "http://u:S3CRET@h/",
        "https://a..b/S3CRET", f"https://{'a' * 64}/S3CRET",
    ],
    "alert_mail": [
        "smtp://u:S3CRET@h", "smtp://u:S3CRET@h?from=a@b", "smtp://u:S3CRET@h?to=a@b", "mail://u:S3CRET@h?from=a@b&to=a@b",
        "smtp://u:S3CRET@h:port?from=a@b&to=a@b", "smtp://u:S3CRET@?from=a@b&to=a@b", "smtp:/u:S3CRET@h?from=a@b&to=a@b",
        "smtp://u:S3CRET@h?from=a@b&to=nobody", "smtp://u:S3CRET@h?from=a@b%0d%0aBcc:c@d&to=a@b",
        "smtps://u:S3 CRET@h?from=a@b&to=a@b",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_that_cannot_be_is_refused(name: str, value: Any) -> None:
    """Where it enters: a batch of none would wait for ever, a deadline of no number would never come."""
    with pytest.raises(SettingsError, match=f"PARTITA_{name.upper()}") as told:
        Settings(**{name: value})
    assert told.value.exit_code == 2 and "CRET" not in str(told.value)


@pytest.mark.parametrize(
    "stores",
    [{"a": None}, {None: "postgresql://h/x"}, ["postgresql://u:S3CRET@h/x"], "postgresql://u:S3CRET@h/x", None],
)
def test_stores_that_are_none_are_refused(stores: Any) -> None:
    """Each is a text by the name of a service."""
    with pytest.raises(SettingsError, match="stores") as told:
        Settings(stores=stores)
    assert "S3CRET" not in str(told.value)


def test_two_stores_of_one_service_are_refused() -> None:
    """Which one holds its data would be chance."""
    with pytest.raises(SettingsError, match="two are one service's"):
        Settings(stores={"order-service": "postgresql://u:S3CRET@a/x", "ORDER_SERVICE": "postgresql://u:S3CRET@b/x"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TIME_SCALE", "-1"), ("TIME_SCALE", "nan"), ("TIME_SCALE", "1_0"), ("TIME_SCALE", "fast"), ("BATCH", "0"),
        ("BATCH", "1e2"), ("BATCH", "1_000"), ("BATCH", "١٠"), ("BATCH", " 10"), ("GRACE_S", "inf"), ("ASK_S", "-inf"),
        ("ALERT_EVERY_S", "0"), ("MIGRATE", "never"), ("COALESCE", "2"), ("AT_ONCE", "of"), ("METRICS", "9464"),
        ("INSTANCE", "a b"), ("ALERT_WEBHOOK", "https://h:port/S3CRET"), ("ALERT_MAIL", "smtp://u:S3CRET@h"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_is_refused(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, since many are set in files far from here."""
    monkeypatch.setenv(f"PARTITA_{name}", text)
    with pytest.raises(SettingsError, match=f"PARTITA_{name}") as told:
        Settings.from_environment()
    assert "S3CRET" not in str(told.value)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Compose writes one that is not given."""
    for name in KNOWN:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PARTITA_STORE_ORDER_SERVICE", "")

    assert Settings.from_environment() == Settings()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PARTITA_BACTH", "PARTITA_BATCH"),
        ("PARTITA_STOER", "PARTITA_STORE"),
        ("PARTITA_STORES", "PARTITA_STORE"),
        ("PARTITA_ALERT_WEBHOK", "PARTITA_ALERT_WEBHOOK"),
        ("PARTITA_TIMESCALE", "PARTITA_TIME_SCALE"),
        ("PARTITA_PROFIL", "PARTITA_PROFILE"),
        ("partita_batch", "PARTITA_BATCH"),
        ("Partita_Bus", "PARTITA_BUS"),
        ("PARTITA-BUS", "PARTITA_BUS"),
        ("PARTITA_GRACE", "PARTITA_GRACE_S"),
        ("PARTITA_QQQQQQQQQQQQQQQQQQQQQQ", "PARTITA_DATA"),
    ],
)
def test_a_variable_of_no_setting_is_refused(name: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignored, it would be believed to be set; the nearest is named, else all are. Its value may be a secret."""
    monkeypatch.setenv(name, "S3CRET")
    with pytest.raises(SettingsError, match=f"'{name}' is not a setting") as told:
        Settings.from_environment()
    assert meant in str(told.value) and "S3CRET" not in str(told.value)
    with pytest.raises(SettingsError, match="is not a setting"):
        cli.main(["describe"], standalone_mode=False)


def test_what_kubernetes_tells_of_a_service_beside_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service called `partita`, `partita-metrics` or `partita-store` must not keep all processes from starting."""
    for name in ("PARTITA", "PARTITA_METRICS", "PARTITA_STORE"):
        monkeypatch.setenv(f"{name}_SERVICE_HOST", "10.0.0.1")
        monkeypatch.setenv(f"{name}_SERVICE_PORT", "9464")
        monkeypatch.setenv(f"{name}_SERVICE_PORT_METRICS", "9464")
        monkeypatch.setenv(f"{name}_PORT", "tcp://10.0.0.1:9464")
        monkeypatch.setenv(f"{name}_PORT_9464_TCP", "tcp://10.0.0.1:9464")
        for part in ("PROTO", "PORT", "ADDR"):
            monkeypatch.setenv(f"{name}_PORT_9464_TCP_{part}", "tcp")

    settings = Settings.from_environment()

    assert settings == Settings()
    monkeypatch.setenv("PARTITA_METRICS_PORT", "9464")  # only a person writes this
    with pytest.raises(SettingsError, match="PARTITA_METRICS_PORT"):
        Settings.from_environment()


@pytest.mark.parametrize("text", ["PRODUCTION", "Production", "prod", "productoin", " production", "staging", "1"])
def test_a_profile_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken as no production, verbs that change something would ask for no reason."""
    monkeypatch.setenv("PARTITA_PROFILE", text)

    with pytest.raises(SettingsError, match="PARTITA_PROFILE"):
        Settings.from_environment()
    with pytest.raises(SettingsError, match="PARTITA_PROFILE"):
        confirmed("Pause a group", 1, yes=True, reason="")


def test_in_production_a_reason_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And elsewhere it is not."""
    for profile in ("", "development"):
        monkeypatch.setenv("PARTITA_PROFILE", profile)
        confirmed("Pause a group", 1, yes=True, reason="")
    monkeypatch.setenv("PARTITA_PROFILE", "production")
    with pytest.raises(SettingsError, match="a reason is required"):
        confirmed("Pause a group", 1, yes=True, reason="")


def test_the_home_folder_is_read_where_no_shell_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment file and a Compose file hand over `~/orders` as it is written: a folder `~` would be made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PARTITA_DATA", "~/orders")
    assert Settings.from_environment().data == Settings(data=Path("~/orders")).data == tmp_path / "orders"
    said = CliRunner().invoke(cli, ["saga", "list", "--app", "partita.examples.shop.app:app"])
    assert f"{tmp_path}/orders: there is no data" in str(said.exception)
