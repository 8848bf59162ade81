"""Keys, ids, types, headers, causes and reasons that are made to forge lines: no verb of the command line shows them as
they are, nor does the log."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sqlite3
import sys
import types
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from tests.integration.sagas.test_saga_runs import Shop
from tests.waiting import until

from partita import Retry
from partita.bus.port import Outgoing
from partita.cli.main import cli, main
from partita.operators.editing import edited, supersede
from partita.operators.steering import pause_group
from partita.store.groups import Said
from partita.store.operations import OperationRow

HOSTILE = "k\x1b[31m\x9b2J\r\nFORGED line\u202e\u2066\u200b\ufeff\u2028\x7f\U000e0041\tend"
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Columns by which rows are found and that a state machine reads: no text of a message gets there.
OURS = {"consumer", "saga", "status", "step", "state", "outcome", "scope", "resource", "kind", "name", "what", "slot"}
ENTRIES = {("saga", "history"), ("saga_history", "entries")}
"""Texts of JSON lines."""
APP = "hostile_app:app"


def forged(text: str) -> list[str]:
    """The lines of an output that are not one harmless line of Partita's."""
    lines = text.split("\n")
    return [line for line in lines if line.startswith("FORGED") or any(unicodedata.category(c) in UNSEEN for c in line)]


async def _go_wrong(shop: Shop) -> None:
    """A command that fails for good, with its key's later one behind it; a letter that is not a message; a saga that waits."""

    def fail(what: str) -> None:
        raise ValueError(HOSTILE)

    shop.trouble = fail
    shop.app.catalog.service("stock").retry = Retry(delays=(), in_place=0)
    async with shop.app.running(services=["orders", "stock"]) as system:
        await shop.app.send(shop.Place(id=HOSTILE))
        await system.bus.append([Outgoing("sr.stock.commands", HOSTILE, HOSTILE.encode(), b"\xff", "garbage")])

        async def dead() -> bool:
            return len(await shop.fetch("stock", "SELECT id FROM dead_letter")) >= 2

        await until(dead)
        await pause_group(system.stores["stock"], reason=HOSTILE, by=HOSTILE)
        letter = next(each for each in await _letters(system) if each.value != b"\xff")
        pipeline = system.pipelines["stock"]
        copy = edited(letter, pipeline, system.ids, {"note": HOSTILE}, whole=False)
        await supersede(pipeline, letter, copy, actor=HOSTILE, reason=HOSTILE)
        async with system.stores["stock"].transaction() as session:
            await session.operations.begin(
                OperationRow("op_1", HOSTILE, "{}", "{}", HOSTILE, HOSTILE, "stopped", 1, 0, 0, "", 1, 1)
            )
            await session.groups.say(Said("stock", "watch", "storm", HOSTILE, HOSTILE, 1))


async def _letters(system: Any) -> Any:
    async with system.stores["stock"].reading() as session:
        return await session.dead_letters.find("stock")


def _poison(file: Path) -> int:
    """Put hostile text behind every database text that a message, a person or another program may have written."""
    count = 0
    with closing(sqlite3.connect(file)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table.startswith(("sqlite_", "partita_", "saga_definition", "audit")):
                continue
            if table == "key_numbers":
                continue  # numbers, by names that no person reads
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                if (table, column) in ENTRIES:
                    rows = db.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
                    changed = [(_poisoned(lines), rowid) for rowid, lines in rows]
                    count += db.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", changed).rowcount
                elif kind == "TEXT" and column not in OURS and (table, column) != ("operation", "target"):
                    sql = f'UPDATE OR IGNORE {table} SET "{column}" = "{column}" || ? WHERE instr("{column}", ?) = 0'
                    count += db.execute(sql, (HOSTILE, "FORGED")).rowcount
        db.commit()
    return count


def _poisoned(lines: str) -> str:
    """The entries of a history with hostile text behind the name of each message and each note."""
    entries = [json.loads(line) for line in lines.splitlines()]
    return "".join(f"{json.dumps([*entry[:-2], *(text + HOSTILE for text in entry[-2:])])}\n" for entry in entries)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which every text that may be hostile is hostile."""
    folder = tmp_path_factory.mktemp("hostile") / "data"
    shop = Shop(folder)
    module: Any = types.ModuleType("hostile_app")
    module.app = shop.app
    sys.modules["hostile_app"] = module
    asyncio.run(_go_wrong(shop))
    with closing(sqlite3.connect(folder / "orders.db")) as db:
        db.execute("INSERT OR IGNORE INTO outbox_parked SELECT slot, seq, aggregateid, ?, 1 FROM outbox", (HOSTILE,))
        db.execute("UPDATE saga SET status = 'needs_attention', last_error = ?", (HOSTILE,))
        db.commit()
    assert all(_poison(file) > 10 for file in folder.glob("*.db") if file.name in ("orders.db", "stock.db"))
    yield folder
    sys.modules.pop("hostile_app")


class Line:
    """The command line in this process."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def __call__(self, *args: str) -> tuple[int, str, str]:
        """Its exit code, and what it printed."""
        code = 0
        try:
            main(args)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except Exception as defect:  # as the interpreter does at the end of a process
            sys.excepthook(type(defect), defect, defect.__traceback__)
            code = 1
        out, err = self._capsys.readouterr()
        return code, out, err

    def asked(self, sql: str) -> str:
        with closing(sqlite3.connect(self.data / "stock.db")) as db:
            return str(db.execute(sql).fetchone()[0])


@pytest.fixture
def line(made: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Line:
    return Line(Path(shutil.copytree(made, tmp_path / "data")), capsys)


# The placeholders for the id of an edited letter, the id of an open letter, and the saga's key.
LETTER, OPEN, KEY = "LETTER", "OPEN", "KEY"
# Each command with its arguments, and whether its output must contain foreign text.
VERBS: dict[str, tuple[list[str], bool]] = {
    "demo": (["--for", HOSTILE], True),
    "new": ([HOSTILE], True),
    "run": (["APP", "--only", HOSTILE], True),
    "shop import": (["FILE", "--dates", "day-first"], False),
    "shop sample": (["-f", "OUT"], True),
    "shop serve": (["--host", HOSTILE], True),
    "journey": ([KEY], True),
    "saga list": ([], True),
    "saga show": ([KEY], True),
    "saga diagram": ([HOSTILE], True),
    "why": ([], True),
    "dlq groups": ([], True),
    "dlq list": (["--status", "any"], True),
    "dlq show": ([LETTER], True),
    "dlq diff": ([LETTER], True),
    "dlq export": (["-"], True),
    "dlq import": (["LETTERS"], True),
    "alerts list": ([], False),
    "alerts rules": ([], False),
    "alerts test": ([], False),
    "audit list": ([], True),
    "audit verify": ([], False),
    "outbox status": ([], False),
    "outbox list": ([], True),
    "outbox debezium": (["--slot", HOSTILE], False),
    "outbox hand-over": (["--slot", HOSTILE, "--yes"], False),
    "outbox take-back": (["--slot", HOSTILE, "--yes"], False),
    "consumers list": ([], True),
    "consumers reset": (["stock", "--topic", HOSTILE, "--to", "start"], True),
    "consumers accept-gap": (["stock", "--topic", "sr.stock.commands", "--key", HOSTILE, "--yes"], True),
    "consumers forget": ([HOSTILE, "--yes"], True),
    "topics describe": (["APP"], False),
    "topics plan": (["APP"], False),
    "topics apply": (["APP", "--yes"], False),
    "db check": (["APP", "--only", HOSTILE], True),
    "db sql": (["APP", "--only", HOSTILE], True),
    "db status": (["APP", "--only", HOSTILE], True),
    "db upgrade": (["APP", "--only", HOSTILE, "--yes"], True),
    "metrics": ([], True),
    "schema show": ([HOSTILE], True),
    "schema list": ([], False),
    "schema compare": (["FILE", "FILE", "--language", "avro", "--level", "FULL"], False),
    "schema export": (["OUT"], True),
    "schema check": (["--against", HOSTILE], True),
    "schema register": (["--registry", "http://127.0.0.1:1"], False),
    "schema diff": ([HOSTILE, HOSTILE], True),
    "registry serve": (["--port", "0", "--host", HOSTILE], False),
    "ingress serve": ([HOSTILE, "--host", HOSTILE, "--port", "0"], True),
    "flow map": ([], False),
    "flow decisions": ([], False),
    "flow check": ([], False),
    "doctor": ([], False),
    "catalog list": ([], False),
    "catalog show": ([HOSTILE], True),
    "catalog search": ([HOSTILE], False),
    "catalog lint": ([], False),
    "export": (["asyncapi", "OUT", "--title", HOSTILE, "--version", HOSTILE], True),
    "import": (["asyncapi", "DOCUMENT"], False),
    "describe": (["saga", HOSTILE], True),
    "design new": (
        ["--domain", HOSTILE, "--producers", HOSTILE, "--consumers", HOSTILE, "--consistency", HOSTILE, "OUT"],
        False,
    ),
    "design check": (["FILE"], False),
    "design schema": ([], False),
    "design prompt": ([], False),
    "design build": ([HOSTILE, "-o", "OUT"], True),
    "design drift": ([HOSTILE, "--documents", HOSTILE], True),
    "design diff": ([HOSTILE, "APP"], True),
    "design export": (["mermaid", HOSTILE, "OUT"], True),
    "task list": ([], False),
    "task show": ([HOSTILE], True),
    "task do": ([HOSTILE, HOSTILE, "--as", HOSTILE], True),
    "saga note": ([KEY, "--reason", HOSTILE, "--yes"], True),
    "saga retry": ([KEY, "--yes"], True),
    "saga resume": ([KEY, "--yes"], True),
    "saga skip": ([KEY, "--yes", "--reason", "r"], True),
    "saga compensate": ([KEY, "--yes"], True),
    "saga cancel": ([KEY, "--yes"], True),
    "dlq edit": ([OPEN, "--set", f"note={HOSTILE}2", "--yes"], True),
    "dlq replay": (["--id", OPEN, "--no-wait", "--yes", "--reason", HOSTILE], False),
    "dlq discard": (["--execute", "--yes", "--reason", HOSTILE], False),
    "dlq restore": ([LETTER], True),
    "op list": ([], True),
    "op resume": ([HOSTILE], True),
    "outbox retry": (["orders", "--yes", "--reason", HOSTILE], False),
    "consumers resume": (["stock", "--reason", HOSTILE], False),
    "consumers pause": (["stock", "--yes", "--reason", HOSTILE], False),
}


def verbs(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command of the command line."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from verbs(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


COMMANDS = dict(verbs(cli))


def test_every_verb_is_tried() -> None:
    """A new command belongs into the table above."""
    assert COMMANDS.keys() == VERBS.keys()


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_shows_no_foreign_text_as_it_is(verb: str, line: Line, tmp_path: Path) -> None:
    given, sees = VERBS[verb]
    stands_for = {
        "APP": APP,
        LETTER: line.asked("SELECT id FROM dead_letter WHERE status = 'superseded'"),
        OPEN: line.asked("SELECT id FROM dead_letter WHERE status = 'open' AND value <> x'ff'"),
        KEY: HOSTILE,
        "FILE": str(tmp_path / "given"),
        "LETTERS": str(tmp_path / "letters"),
        "DOCUMENT": str(tmp_path / "document"),
        "OUT": str(tmp_path / HOSTILE.replace("\x7f", "")),
    }
    (tmp_path / "given").write_text(f"{HOSTILE}\n", "utf-8")
    forging = {"name": HOSTILE, "summary": HOSTILE, "payload": {"properties": {HOSTILE: {}}, "description": HOSTILE}}
    document = {"asyncapi": "3.1.0", "info": {"title": HOSTILE}, "components": {"messages": {HOSTILE: forging}}}
    (tmp_path / "document").write_text(json.dumps(document), "utf-8")
    (tmp_path / "letters").write_text(json.dumps({"headers": "", "value": "", HOSTILE: ""}), "utf-8")
    words = [*verb.split(" "), *(stands_for.get(word, word) for word in given)]
    options = {option for parameter in COMMANDS[verb].params for option in parameter.opts}
    words += ["--data", str(line.data)] if "--data" in options else []
    words += ["--app", APP] if "--app" in options else []
    code, out, err = line(*words)
    assert not forged(out) and not forged(err), (code, forged(out) + forged(err))
    assert "PTA-0000" not in err
    assert not sees or "FORGED" in out + err, (code, out, err)
    if "--output" in options and not given:
        _, out, err = line(*words, "-o", "json")
        assert not forged(out) and not forged(err)
        assert out.isascii() and json.loads(out)["v"] == 1
        assert not sees or "FORGED" in out


def test_exported_letters_are_json_and_come_back_as_they_were(line: Line, tmp_path: Path) -> None:
    """Output for programs is not changed: escaped text could not be read back."""
    given = ["--data", str(line.data), "--app", APP]
    _, out, _ = line("dlq", "export", "-", *given)
    letters = [json.loads(each) for each in out.splitlines()]
    assert letters and all(HOSTILE in letter["message_id"] for letter in letters)


async def test_the_log_shows_no_foreign_text_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Keys, causes and stacks of failures; the records are formatted as a user's log handler formats them."""
    shop = Shop(tmp_path / "data")
    with caplog.at_level(logging.DEBUG, logger="partita"):
        await _go_wrong(shop)
    formatter = logging.Formatter("%(levelname)s %(name)s: %(message)s")
    texts = [formatter.format(record) for record in caplog.records if record.name.startswith("partita")]
    assert any("FORGED" in text for text in texts), "nothing hostile was logged"
    assert not [each for text in texts for each in forged(text)]
    for text in texts:
        first, *rest = text.split("\n")
        assert all(each.startswith("  ") or not each for each in rest), text
