"""Dead letters whose writer had another schema: read as the running service reads them, edited as their class is now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx
from partita.errors import Conflict, Malformed
from partita.observability.letters import edit_of, envelope_of, letters, show_letter
from partita.operators.editing import AsTyped, Proposed, propose, supersede
from partita.operators.rehearsing import rehearse_letters
from partita.operators.replaying import Pace, Replay
from partita.runtime.system import System
from partita.store.dead_letters import DeadLetter, LetterFilter

TABLES = "CREATE TABLE IF NOT EXISTS entry (name TEXT NOT NULL, cents BIGINT NOT NULL, booked_by TEXT NOT NULL);"
ALL = LetterFilter()


class Deployment:
    """A bank and its audit. Before the deploy the event names its branch, after it instead the employee."""

    def __init__(self, data: Path, store: str, *, grown: bool, required: bool = False) -> None:
        bank = Service("bank", namespace="deploy.bank")
        retry = Retry(delays=(), in_place=0, storm=10**9)
        audit = self.audit = Service("audit", namespace="deploy.audit", tables=TABLES, retry=retry)
        make: Any = type(Event)
        more: dict[str, Any] = {"booked_by": str} if grown else {"branch": str}
        fields = {"name": Key[str], "cents": int, "note": str | None, **more}
        default = {"booked_by": "nobody"} if grown else {"branch": "main street"}
        if required:
            default = {}
        Deposited: Any = make("Deposited", (Event,), {"__annotations__": fields, **default, "note": None}, of=bank)

        class Deposit(Command[Deposited], of=bank):
            name: Key[str]
            cents: int
            note: str | None = None

        self.Deposited, self.Deposit = Deposited, Deposit

        @bank.handles(Deposit)
        async def deposit(cmd: Deposit) -> Deposited:
            return Deposited(name=cmd.name, cents=cmd.cents, note=cmd.note)

        @audit.on
        async def record(event: Deposited, tx: Tx) -> None:
            if not grown:
                raise ValueError("not now")
            await tx.execute("INSERT INTO entry VALUES (:n, :c, :b)", n=event.name, c=event.cents, b=event.booked_by)

        self.app = App(bank, audit, settings=Settings(data=data, store=store))

    async def entries(self) -> list[tuple[Any, ...]]:
        """The rows that the audit wrote."""
        async with self.app.store("audit").reading() as session:
            return [tuple(row.values()) for row in await session.fetch("SELECT * FROM entry ORDER BY cents", {})]


@pytest.fixture
async def died(tmp_path: Path, store: str) -> Deployment:
    """The older deployment, stopped: its audit left a dead letter, behind which a message waits."""
    older = Deployment(tmp_path, store, grown=False)
    async with older.app.running():
        await older.app.send(older.Deposit(name="ann", cents=1, note="null"))
        await older.app.send(older.Deposit(name="ann", cents=2))

        async def waits() -> bool:
            async with older.app.store("audit").reading() as session:
                status = await session.parking.status("audit")
                return (status.dead, status.behind) == (1, 1)

        await until(waits)
    return older


@asynccontextmanager
async def operator(
    tmp_path: Path, store: str, *, required: bool = False
) -> AsyncIterator[tuple[Deployment, System, DeadLetter]]:
    """A command line of the newer deployment, which has not seen a schema of the older one, and the open letter."""
    newer = Deployment(tmp_path, store, grown=True, required=required)
    async with newer.app.running(roles=()) as system:
        (letter,) = await letters(system.stores, ALL)
        yield newer, system, letter


async def proposed(system: System, letter: DeadLetter, *, whole: bool = False, **changes: Any) -> Proposed:
    return await propose(system.stores, system.pipelines, system.ids, letter.id, changes, whole=whole)


@pytest.mark.usefixtures("died")
async def test_a_letter_is_shown_as_its_writer_wrote_it(tmp_path: Path, store: str) -> None:
    """The schema is in the registry; without it the operator saw bytes."""
    async with operator(tmp_path, store) as (_, system, letter):
        shown = await show_letter(system.stores, system.codec, system.registry.find, letter.id)
    assert shown.view.fields == {"name": "ann", "cents": 1, "note": "null", "branch": "main street"}


@pytest.mark.usefixtures("died")
async def test_a_rehearsal_reads_a_letter_and_those_behind_it_as_the_service_will(tmp_path: Path, store: str) -> None:
    """The rehearsal said that they fail, and the replay then handled them."""
    async with operator(tmp_path, store) as (newer, system, _):
        found = await rehearse_letters({"audit": system.pipelines["audit"]}, ALL)
        assert found.verdicts == {"runs": 2}, found.errors
        assert await newer.entries() == []


@pytest.mark.usefixtures("died")
async def test_a_letter_is_edited_as_its_class_is_now(tmp_path: Path, store: str) -> None:
    """A field that the class no longer has is left out, a new one may be given by either of its names; nothing else changes."""
    async with operator(tmp_path, store) as (newer, system, letter):
        wire = await proposed(system, letter, bookedBy="bo")
        assert (wire.changes, wire.names) == ((("bookedBy", "nobody", "bo"),), ())
        plan = await proposed(system, letter, booked_by="bo")
        assert (plan.changes, plan.names) == ((("bookedBy", "nobody", "bo"),), (("booked_by", "bookedBy"),))
        await supersede(system.pipelines["audit"], plan.letter, plan.copy, actor="ann", reason="who it was")
        changed = await edit_of(system.stores, system.codec, system.registry.find, letter.id)
        assert ("bookedBy", "", "bo") in changed and not any(field == "note" for field, _, _ in changed)

    async with newer.app.running() as system:
        job = Replay(newer.audit, system.stores["audit"], system.clock, system.ids, "ann")
        progress = await job.run((await job.begin(ALL, Pace(), "")).id)
        assert (progress.handled, progress.failed) == (1, 0)
        await newer.app.settled()
        assert await newer.entries() == [("ann", 1, "bo"), ("ann", 2, "nobody")]


@pytest.mark.usefixtures("died")
async def test_an_edit_gives_what_the_class_now_needs(tmp_path: Path, store: str) -> None:
    """Such a letter no longer fits the class, and needs an edit most."""
    async with operator(tmp_path, store, required=True) as (_, system, letter):
        with pytest.raises(Malformed, match="missing required field `bookedBy`"):
            await proposed(system, letter, cents=5)
        plan = await proposed(system, letter, cents=5, booked_by="bo")
        assert plan.changes == (("cents", "1", "5"), ("bookedBy", "", "bo"))


@pytest.mark.usefixtures("died")
async def test_an_edit_leaves_the_key_as_it_is(tmp_path: Path, store: str) -> None:
    """The copy takes its letter's place in the order of the key: with another key it would have no place in any
    order."""
    async with operator(tmp_path, store) as (_, system, letter):
        whole = {"cents": 5, "note": None, "bookedBy": "bo"}
        with pytest.raises(Conflict, match="name is the key of Deposited"):
            await proposed(system, letter, name="bob")
        with pytest.raises(Conflict, match="name is the key of Deposited"):
            await proposed(system, letter, whole=True, name="bob", **whole)
        assert (await proposed(system, letter, name="ann", cents=5)).copy.key == "ann"
        assert (await proposed(system, letter, whole=True, name="ann", **whole)).copy.key == "ann"


@pytest.mark.usefixtures("died")
async def test_a_field_that_is_not_there_or_given_twice_is_refused(tmp_path: Path, store: str) -> None:
    """The hint has both names of each field."""
    async with operator(tmp_path, store) as (_, system, letter):
        with pytest.raises(Malformed, match="no field 'branch'") as refused:
            await proposed(system, letter, branch="x")
        assert refused.value.hint == "It has: bookedBy (booked_by), cents, name, note."
        with pytest.raises(Malformed, match="bookedBy is given twice"):
            await proposed(system, letter, booked_by="x", bookedBy="y")


@pytest.mark.parametrize(
    ("text", "note"), [("42", "42"), ('"42"', "42"), ("null", None), ("{a", "{a"), ("true", "true")]
)
@pytest.mark.usefixtures("died")
async def test_a_value_is_json_or_plain_text_as_its_field_takes_it(
    tmp_path: Path, store: str, text: str, note: str | None
) -> None:
    """An order id that consists of digits was refused as a number."""
    async with operator(tmp_path, store) as (newer, system, letter):
        plan = await proposed(system, letter, note=AsTyped(text), cents=AsTyped("7"))
        envelope = envelope_of(plan.copy)
        assert envelope is not None
        copy: Any = system.codec.decode(newer.Deposited.__partita__.shape, envelope.schema, plan.copy.value)
        assert (copy.note, copy.cents) == (note, 7)
        with pytest.raises(Malformed, match="cents: Expected `int`, got `str`"):
            await proposed(system, letter, cents=AsTyped("many"))
