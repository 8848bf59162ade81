"""Refused starts: tables that cannot be made, and a data folder of another system."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from partita import App, Event, Key, Service, Settings
from partita.errors import BusRefused, DeclarationError, PartitaError, SettingsError, StoreMismatch, StoreRefused
from partita.machine.system import this_machine
from partita.migrations.own_tables import TAKEN
from partita.store.connect import connect_migrations


async def started(app: App, times: int = 1) -> None:
    for _ in range(times):
        async with app.running(roles=()):
            pass


BROKEN = {
    "a misspelt word": ("CREATE TABLE IF NOT EXISTS a (x TEXT); CREATE TABEL foo (x TEXT);", 1, "CREATE TABEL foo (x TEXT)"),
    "no IF NOT EXISTS": ("CREATE TABLE foo_{n} (x TEXT);", 2, "CREATE TABLE foo_{n} (x TEXT)"),
    "an index of a table that is not there": (
        "CREATE TABLE IF NOT EXISTS b (x TEXT); CREATE INDEX IF NOT EXISTS c ON nowhere (x);", 1, "ON nowhere (x)",
    ),
    "an unclosed quote": ("CREATE TABLE IF NOT EXISTS d (x TEXT DEFAULT 'a);", 1, "DEFAULT 'a"),
    "an unclosed bracket": ("CREATE TABLE IF NOT EXISTS d (x TEXT", 1, "d (x TEXT"),
    "an end of the transaction": ("CREATE TABLE IF NOT EXISTS e (x TEXT); COMMIT;", 1, "COMMIT"),
    "a transaction of its own": ("-- mine\nBEGIN; CREATE TABLE IF NOT EXISTS e (x TEXT); END;", 1, "BEGIN"),
    "a table of Partita's name": ("CREATE TABLE IF NOT EXISTS claim (claim_id TEXT);", 1, "claim (claim_id TEXT)"),
    "a change of a table of Partita's": ("-- mine\nALTER TABLE Inbox ADD COLUMN x TEXT;", 1, "Inbox ADD COLUMN"),
    "no SQL": ("the tables of this service", 1, "the tables of this service"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_tables_that_cannot_be_made_are_refused(case: str, store: str, tmp_path: Path) -> None:
    """The error names the service, the statement and the database's message, at a start and in `db upgrade`; no table
    is left."""
    name = f"tables-{list(BROKEN).index(case)}"
    script, times, statement = BROKEN[case]
    script, statement = (text.replace("{n}", name[-1]) for text in (script, statement))
    app = App(Service(name, namespace="tables", tables=script), settings=Settings(data=tmp_path, store=store))

    with pytest.raises(DeclarationError) as told:
        asyncio.run(started(app, times))
    with pytest.raises(DeclarationError) as by_hand:
        asyncio.run(_upgraded(app, name, script))

    for error in (told, by_hand):
        assert f"The tables of {name} cannot be made" in str(error.value) and statement in str(error.value)
        assert error.value.exit_code == 2
    if times == 2:
        assert "IF NOT EXISTS" in str(told.value)
    whole = App(Service(name, namespace="tables"), settings=app.settings)
    asyncio.run(started(whole))


async def _upgraded(app: App, name: str, script: str) -> None:
    await connect_migrations(app.settings.store_place(name), this_machine(), service=name, tables=script).upgrade()


async def test_the_taken_names_are_those_of_a_new_database(store: str, tmp_path: Path) -> None:
    """A table that is missing in the list would be a user's by its name, and Partita's by its columns."""
    app = App(Service("bare", namespace="bare"), settings=Settings(data=tmp_path, store=store))
    ours = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    if store:
        ours = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"

    async with app.running(roles=()), app.store("bare").reading() as session:
        found = {row["name"] for row in await session.fetch(ours, {})}

    assert found <= TAKEN
    assert {"claim", "inbox", "outbox", "saga"} <= found


def test_a_script_with_semicolons_in_texts_is_made(store: str, tmp_path: Path) -> None:
    """SQL that both databases take."""
    script = """
    -- first; a comment with a semicolon
    CREATE TABLE IF NOT EXISTS said (x TEXT DEFAULT 'a;b');
    CREATE INDEX IF NOT EXISTS said_once ON said (x); -- last
    """
    app = App(Service("texts", namespace="texts", tables=script), settings=Settings(data=tmp_path, store=store))

    asyncio.run(started(app, 2))


@pytest.mark.slow
def test_a_script_with_a_function_is_made(database: str, tmp_path: Path) -> None:
    """For PostgreSQL alone: its text contains semicolons."""
    script = """
    CREATE TABLE IF NOT EXISTS seen (x TEXT);
    CREATE OR REPLACE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.x := 'a;b'; RETURN NEW; END $$;
    CREATE OR REPLACE TRIGGER looking BEFORE INSERT ON seen FOR EACH ROW EXECUTE FUNCTION look();
    """
    app = App(
        Service("functions", namespace="functions", tables=script), settings=Settings(data=tmp_path, store=database)
    )

    asyncio.run(started(app, 2))


orders = Service("orders", namespace="shop.order")
reports = Service("reports", namespace="shop.reports")


class Placed(Event, of=orders):
    """An event for another app."""

    id: Key[str]


@reports.on
async def count(event: Placed) -> None:
    """A part of the shop in an app of its own."""


def apps() -> dict[str, App]:
    """A shop; the same a version later; an app that handles its events; another system; and two that look like a part
    of it."""
    billing = Service("billing", namespace="shop.billing")
    return {
        "shop": App(orders),
        "later": App(orders, billing),
        "hears": App(reports),
        "other": App(Service("rides", namespace="rides")),
        "same name": App(Service("orders", namespace="games.order")),
        "same namespace": App(orders, Service("tills", namespace="shop.billing")),
    }


FOLDERS = [
    ("shop", "later", ""),
    ("later", "shop", ""),
    ("shop", "hears", ""),
    ("hears", "shop", ""),
    ("shop", "other", "holds the data of another app, with orders"),
    ("other", "shop", "holds the data of another app, with rides"),
    ("hears", "other", "another app, with orders, reports"),
    ("shop", "same name", "of a orders with the namespace shop.order, not games.order"),
    ("later", "same namespace", "the namespace shop.billing of tills is that of billing there"),
]


@pytest.mark.parametrize(("first", "second", "refused"), FOLDERS)
def test_a_folder_is_one_systems(first: str, second: str, refused: str, tmp_path: Path) -> None:
    """Apps that share messages share it; another project that started in it would write among its messages."""
    made = apps()
    asyncio.run(started(made[first].configured(Settings(data=tmp_path))))
    before = sorted(path.name for path in tmp_path.iterdir())

    if not refused:
        asyncio.run(started(made[second].configured(Settings(data=tmp_path)), 2))
        asyncio.run(started(made[first].configured(Settings(data=tmp_path))))
        return
    with pytest.raises(StoreMismatch, match=refused):
        asyncio.run(started(made[second].configured(Settings(data=tmp_path))))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    asyncio.run(started(made[first].configured(Settings(data=tmp_path))))


@pytest.mark.slow
def test_a_folder_without_data_is_anybodys(database: str, tmp_path: Path) -> None:
    """When databases and log are on servers, it holds only wake-ups."""
    made = apps()
    for name in ("shop", "other"):
        asyncio.run(started(made[name].configured(Settings(data=tmp_path, store=database, bus=database))))


@pytest.mark.parametrize("options", ["sslrootcert={foreign}", "sslrootcert={none}", "sslrootcert={text}"])
def test_a_certificate_that_is_not_trusted_is_no_malformed_url(options: str, tmp_path: Path) -> None:
    """A server with TLS whose certificate is from the wrong authority; a missing certificate file; a file that is not
    a certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here; to have it: apt-get install openssl")
    certificate, key, foreign = (tmp_path / name for name in ("own.pem", "own.key", "foreign.pem"))
    for where, private in ((certificate, key), (foreign, tmp_path / "foreign.key")):
        words = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {private} -out {where}"
        subprocess.run(words.split(), check=True, capture_output=True, timeout=60)
    (tmp_path / "text.pem").write_text("no certificate")
    where = options.format(foreign=foreign, none=tmp_path / "none.pem", text=tmp_path / "text.pem")

    async def tried() -> PartitaError:
        async with TlsOnly(certificate, key) as port:
            url = f"postgresql://u:S3CRET@127.0.0.1:{port}/x?sslmode=verify-ca&{where}"
            app = App(Service("trusting", namespace="trusting"), settings=Settings(data=tmp_path / "data", store=url))
            with pytest.raises(SettingsError) as told:
                await started(app)
            return told.value

    error = asyncio.run(tried())

    assert "S3CRET" not in str(error) and "cannot be read" not in str(error)
    assert any(
        word in str(error) for word in ("certificate is not trusted", "TLS with the server", "sslrootcert in the")
    )


class TlsOnly:
    """A server that speaks TLS as PostgreSQL does, and shows its certificate."""

    def __init__(self, certificate: Path, key: Path) -> None:
        import ssl

        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)

    async def __aenter__(self) -> int:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            import contextlib

            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readexactly(8)  # the request for TLS
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
            writer.close()

        self._server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


@pytest.mark.slow
def test_an_option_that_the_server_does_not_know_is_a_setting(database: str, tmp_path: Path) -> None:
    """A misspelt option of ours gets there, too."""
    for options in ("pool_mx=4", "pool_max=0", "pool_max=four", "idle_s=nan", "command_timeout_s=inf", "idle_s=-1"):
        app = App(
            Service("optional", namespace="optional"), settings=Settings(data=tmp_path, store=f"{database}?{options}")
        )
        with pytest.raises(SettingsError, match="URL"):
            asyncio.run(started(app))


@pytest.mark.slow
def test_a_bus_that_refuses_the_user_starts_nothing(database: str, tmp_path: Path) -> None:
    """With the log in PostgreSQL as with Kafka, waiting does not help. A store with that error is reported like a
    missing one."""
    nobody = database.replace("postgres@", "nobody:S3CRET@")
    with pytest.raises(BusRefused, match="refuses this user") as of_bus:
        asyncio.run(started(App(Service("nobodys", namespace="nobodys"), settings=Settings(data=tmp_path, bus=nobody))))
    with pytest.raises(StoreRefused, match="refuses this user") as of_store:
        asyncio.run(
            started(App(Service("nobodys", namespace="nobodys"), settings=Settings(data=tmp_path, store=nobody)))
        )

    assert (of_bus.value.exit_code, of_store.value.exit_code) == (2, 6)
    assert "S3CRET" not in str(of_bus.value) + str(of_store.value)


def test_the_shop_is_not_started_in_anothers_folder(tmp_path: Path) -> None:
    """Without --app a command uses the shop."""
    asyncio.run(started(apps()["other"].configured(Settings(data=tmp_path))))

    words = [sys.executable, "-c", "from partita.cli.main import main; main()", "run", "--data", str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 5 and "another app, with rides" in ended.stderr
