"""Addresses: what is neither a known URL nor a folder that is there is refused where it enters, and no error quotes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from partita import Settings
from partita.bus.connect import connect_administration, connect_bus
from partita.bus.connect import connect_migrations as migrations_of_bus
from partita.cli.main import COMMANDS, cli
from partita.errors import SettingsError
from partita.machine.system import this_machine
from partita.settings.address import without_path, without_secrets
from partita.store.connect import connect_migrations, connect_store

MACHINE = this_machine()
NEITHER = [
    "db.example.com", "db.example.com:5432", "localhost", "broker-1:9092,broker-2:9092", "u:S3CRET@db:5432/x",
    "kafka:/broker", "kafka:broker:9092", "postgresql:/u:S3CRET@db/x", "postgresql:u:S3CRET@db/x",
    "postgresql:///u:S3CRET@db/x", "postgres//u:S3CRET@db/x", "postgresq://u:S3CRET@db/x", "postgressql://u:S3CRET@db/x",
    "psql://u:S3CRET@db/x", "mysql://u:S3CRET@db/x", "POSTGRESQL://u:S3CRET@db/x", "Postgresql://u:S3CRET@db/x",
    "jdbc:postgresql://u:S3CRET@db/x", "postgresql+asyncpg://u:S3CRET@db/x", "://u:S3CRET@db/x", "//u:S3CRET@db/x",
    " postgresql://u:S3CRET@db/x", "postgresql://u:S3CRET@db/x\n", "postgresql://u:S3CRET@d b/x", "   ", "\t",
    "postgresql://", "postgresql://u:S3CRET@/x", "postgresql://u:S3CRET@:5432/x", "postgresql:///x", "postgresql://u:S3CRET",
    "postgresql://u:S3/CRET@db/x", "postgresql://u:S3#CRET@db/x", "postgresql://u:S3CRET@db:port/x",
    "postgresql://u:S3CRET@db:0/x", "postgresql://u:S3CRET@db:70000/x", "postgresql://u:S3CRET@[db/x",
    "C:\\data\\S3CRET", "C:/data/S3CRET", "\\\\host\\S3CRET", "./S3CRET/not/there", "~/S3CRET", "nobody/knows/S3CRET.db",
    "http://u:S3CRET@db/x", "file:///S3CRET", "redis://u:S3CRET@db", "S3CRET\0", "S3CRET" * 100,
]  # fmt: skip
STORES = [
    *NEITHER,
    "kafka://broker:9092",
    "log:///folder",
    "sqlite://",
    "sqlite://db.example.com/x",
    "sqlite:///x?S3CRET",
]
BUSES = [*NEITHER, "sqlite:///folder", "kafka://", "kafka://u:S3CRET@", "kafka://:9092", "kafka://a:9092,,b:9092",
         "kafka://a:9092, b:9092", "KAFKA://broker:9092", "log://", "log://broker:9092"]  # fmt: skip


def _refused(error: pytest.ExceptionInfo[SettingsError]) -> None:
    assert error.value.exit_code == 2
    assert "S3CRET" not in str(error.value) and "CRET" not in str(error.value)
    assert "postgresql://" in str(error.value) or error.value.hint


@pytest.mark.parametrize("address", STORES)
def test_no_store_is_made_of_what_is_no_address(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local file of that name would take the orders, and its name would be the password."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match="PARTITA_STORE") as as_setting:
        Settings(store=address)
    with pytest.raises(SettingsError, match="PARTITA_STORE_ORDER_SERVICE") as as_own:
        Settings(stores={"order-service": address})
    with pytest.raises(SettingsError) as at_the_door:
        connect_store(address, MACHINE, service="svc", tables="")
    with pytest.raises(SettingsError) as as_migrations:
        connect_migrations(address, MACHINE, service="svc", tables="")

    for error in (as_setting, as_own, at_the_door, as_migrations):
        _refused(error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", BUSES)
def test_no_bus_is_made_of_what_is_no_address(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise messages would go to a place without readers, and the process would report "ready"."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match="PARTITA_BUS") as as_setting:
        Settings(bus=address)
    with pytest.raises(SettingsError) as at_the_door:
        connect_bus(address, MACHINE, None)
    with pytest.raises(SettingsError) as as_migrations:
        migrations_of_bus(address, MACHINE)
    with pytest.raises(SettingsError) as as_administration:
        connect_administration(address, MACHINE)

    for error in (as_setting, at_the_door, as_migrations, as_administration):
        _refused(error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("postgresq://u@db/x", "postgresql://"),
        ("postgresql:/u@db/x", "postgresql://"),
        ("POSTGRES://u@db/x", "postgres://"),
        ("sqllite:///x", "sqlite://"),
    ],
)
def test_the_nearest_store_is_named(address: str, meant: str) -> None:
    """Most are slips of the finger."""
    with pytest.raises(SettingsError, match=f"Was {meant} meant"):
        Settings(store=address)


def test_a_list_of_brokers_is_told_how_to_be_written() -> None:
    """Every other client takes it so."""
    with pytest.raises(SettingsError, match="kafka://host:port,host:port"):
        Settings(bus="broker-1:9092,broker-2:9092")


@pytest.mark.parametrize(
    "address",
    [
        "", "postgresql://host", "postgresql://u:p%40ss@host:5432/db?pool_max=4", "postgres://u@[::1]:5432/db",
        "postgresql://u@one:5432,two:5432/db", "postgresql:///db?host=/run/postgresql", "postgresql://u:%C3%A4@host/db",
        "sqlite:///folder", "sqlite://./folder",
    ],
)  # fmt: skip
def test_what_is_an_address_is_taken(address: str) -> None:
    """Servers, lists of servers, sockets, folders."""
    assert Settings(store=address).store == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "kafka://broker",
        "kafka://a:9092,b:9092?security.protocol=SASL_SSL",
        "kafka://u:p%3Fw@a:9092",
        "log:///folder",
    ],
)
def test_what_is_a_bus_is_taken(address: str) -> None:
    """Brokers, with their settings."""
    assert Settings(bus=address).bus == address


def test_a_folder_that_is_there_holds_the_files(tmp_path: Path) -> None:
    """The same as its URL."""
    for address in (str(tmp_path), f"sqlite://{tmp_path}"):
        assert Settings(store=address).store_place("order-service") == tmp_path / "order-service.db"
    for address in (str(tmp_path), f"log://{tmp_path}"):
        assert Settings(bus=address).bus_place() == tmp_path / "log.db"


@pytest.mark.parametrize(
    "text",
    ["postgresql://u:S3CRET@db/x", "postgresql:/u:S3CRET@db/x", "kafka://broker:9092", "kafka:/broker", "broker:9092",
     "broker-1:9092,broker-2:9092", "u:S3CRET@db", "C:\\data", "C:/data", " data", "data ", "da\nta", ""],
)  # fmt: skip
def test_no_folder_is_made_of_an_address(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the option, by the variable, and from code where a path keeps what it was made of."""
    monkeypatch.setenv("PARTITA_DATA", text)
    if text:  # an empty variable is none
        with pytest.raises(SettingsError, match="PARTITA_DATA") as told:
            Settings.from_environment()
        assert "S3CRET" not in str(told.value)
        with pytest.raises(SettingsError, match="PARTITA_DATA"):
            Settings(data=Path(text))
    with pytest.raises(SettingsError, match="PARTITA_DATA"):
        cli.main(["doctor", "--data", text], standalone_mode=False)


def _commands(group: click.Group, words: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += _commands(command, (*words, name)) if isinstance(command, click.Group) else [((*words, name), command)]
    return found


ALL = _commands(cli)
SHOP = "partita.examples.shop.app:app"
OPTIONS = [
    pytest.param(words, option, id=f"{' '.join(words)} {option}")
    for words, command in ALL
    for option in ("--store", "--bus", "--data")
    if any(option in parameter.opts for parameter in command.params)
]


def test_there_are_commands_to_try() -> None:
    """The next test is made of them."""
    assert {words[0] for words, _ in ALL} == set(COMMANDS) and len(OPTIONS) > 60


@pytest.mark.parametrize(("words", "option"), OPTIONS)
def test_every_command_refuses_what_is_no_address(words: tuple[str, ...], option: str, tmp_path: Path) -> None:
    """Before anything else of it runs, whatever else it lacks."""
    with pytest.raises(SettingsError) as told:
        cli.main([*words, option, "postgresql:/u:S3CRET@db/x"], standalone_mode=False)

    assert option in str(told.value) and "S3CRET" not in str(told.value)


def test_a_process_does_not_start(tmp_path: Path) -> None:
    """Seen once: "ready", and a file that was named after the password."""
    for variable in ("PARTITA_STORE", "PARTITA_BUS", "PARTITA_STORE_ORDER_SERVICE", "PARTITA_DATA"):
        ended = subprocess.run(
            [
                sys.executable,
                "-c",
                "from partita.cli.main import main; main()",
                "run",
                "--app",
                SHOP,
                "--roles",
                "relay",
            ],
            env={variable: "postgresql:/u:S3CRET@db/x"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 2, ended.stderr
        assert "S3CRET" not in ended.stdout + ended.stderr and "ready" not in ended.stderr
        assert variable in ended.stderr and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("postgresql:/u:S3CRET@db/x", "..."),
        ("u:S3CRET@db", "..."),
        ("postgresql:/u:S3CRET@db/x?a=://b", "..."),
        ("postgresql://u:S3CRET", "postgresql://..."),
        ("kafka://u:S3CRET@a:9092,b:9092?sasl.password=S3CRET", "kafka://a:9092,b:9092"),
        ("sqlite:///folder", "sqlite:///folder"),
        ("/a/folder", "/a/folder"),
    ],
)
def test_a_text_that_is_no_address_is_not_shown(text: str, seen: str) -> None:
    """It may be the rest of a password."""
    assert without_secrets(text) == seen


def test_a_receivers_path_is_not_shown() -> None:
    """Of many services it is the password."""
    assert without_path("https://hooks.example/services/T0/S3CRET?token=S3CRET") == "https://hooks.example"
