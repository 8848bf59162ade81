"""Bulk operations over all groups: planned, carried out, listed, and resumed after an interruption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.operators.test_dead_letters import ALL, Chatty, dead, no

from partita import Conflict
from partita.cli.dlq_acting import carried_out
from partita.errors import NotFound
from partita.observability.letters import count_letters, letter_groups, letters, open_letter, show_letter, the_letter
from partita.operators.letter_lines import exported, take_letters
from partita.operators.operations import (
    Operation,
    begin_discard,
    begin_replay,
    carry_out,
    operations,
    plan_replays,
    the_operation,
)
from partita.operators.rehearsing import rehearse_letters
from partita.operators.replaying import Pace, Progress

FAST = Pace(ramp=(2,), rate=1e9, stop_at_errors=0.0, patience_s=30.0)


class Cut(Exception):
    """The operator's process ends here."""


async def test_a_replay_is_planned_carried_out_and_kept(tmp_path: Path) -> None:
    """The plan counts, the report follows, the record has the result, and a finished operation is not begun again."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 3)
    bank.on_deposit = lambda event: None
    async with bank.app.running() as system:
        (planned,) = await plan_replays(system, ALL, by="ann")
        assert (planned.group, planned.plan.letters) == ("audit", 3)
        operation = await begin_replay(planned, ALL, FAST, "mended")
        told: list[int] = []
        ended = await carry_out(system, operation, by="ann", report=lambda _, progress: told.append(progress.handled))
        assert (ended.planned, ended.done, ended.failed, ended.stopped) == (3, 3, 0, "")
        assert told[-1] == 3
        (kept,) = await operations(system.stores)
        assert kept == await the_operation(system.stores, operation.row.id)
        assert (kept.row.status, kept.row.done, kept.is_discard) == ("done", 3, False)
        with pytest.raises(Conflict, match="done already"):
            await carry_out(system, kept, by="ann", report=lambda _, progress: None)
        with pytest.raises(NotFound, match="no operation 'op_x'"):
            await the_operation(system.stores, "op_x")


async def test_a_replay_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    """Of five letters no handler runs twice, though the operator's process ended in the middle."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 5)
    bank.on_deposit = lambda event: None

    def cut(_: Operation, progress: Progress) -> None:
        if progress.handled >= 2:
            raise Cut

    async with bank.app.running() as system:
        (planned,) = await plan_replays(system, ALL, by="ann")
        operation = await begin_replay(planned, ALL, FAST, "mended")
        with pytest.raises(Cut):
            await carry_out(system, operation, by="ann", report=cut)
        again = await the_operation(system.stores, operation.row.id)
        assert again.row.status == "running"
        await carry_out(system, again, by="bob", report=lambda _, progress: None)
        await bank.app.settled(dead_letters=True)
        assert sorted(bank.calls) == [f"n{n}" for n in range(5)]
        assert await count_letters(system.stores, ALL) == {}


async def test_letters_are_looked_at_rehearsed_and_discarded(tmp_path: Path) -> None:
    """A discard closes the letters that its plan showed; a rehearsal changes nothing."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 3)
    bank.on_deposit = no
    async with bank.app.running(roles=()) as system:
        (cause,) = await letter_groups(system.stores)
        assert (cause.consumer, cause.letters, cause.cause_type) == ("audit", 3, "ValueError")
        first, *_ = await letters(system.stores, ALL)
        shown = await show_letter(system.stores, system.codec, system.registry.find, first.id)
        assert shown.view.fields is not None and shown.view.fields["name"] == first.key and shown.failures
        rehearsal = await rehearse_letters(system.pipelines, ALL)
        assert rehearsal.letters == 3 and sum(rehearsal.errors.values()) == 3 and not rehearsal.leaves
        assert await count_letters(system.stores, ALL) == {"audit": 3}
        discarding = await begin_discard(system, "audit", ALL, reason="tests", by="ann")
        ended = await carry_out(system, discarding, by="ann", report=lambda _, progress: None)
        assert discarding.is_discard and (ended.planned, ended.done) == (3, 3)
        assert await count_letters(system.stores, ALL) == {}
        assert (await the_letter(system.stores, first.id)).status == "discarded"
        with pytest.raises(NotFound, match="is discarded, not open"):
            await open_letter(system.stores, first.id)


async def test_exported_letters_are_taken_once(tmp_path: Path) -> None:
    """Into another folder of the same app; a second import changes nothing."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 2)
    async with bank.app.running(roles=()) as system:
        lines = [json.dumps(exported(letter)).encode() for letter in await letters(system.stores, ALL)]
    other = Chatty(tmp_path / "other")
    async with other.app.running(roles=()) as system:
        first = await take_letters(system.stores, lines, by="ann")
        again = await take_letters(system.stores, lines, by="ann")
        assert (first.taken, first.seen, again.taken, again.seen) == (2, 2, 0, 2)
        assert [json.dumps(exported(x)).encode() for x in await letters(system.stores, ALL)] == lines
        with pytest.raises(NotFound, match="Line 1: there is no group 'audit' here"):
            await take_letters({"bank": system.stores["bank"]}, lines, by="ann")


async def test_a_person_reads_how_it_ended_and_no_offer_to_resume_an_ended_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A finished operation is refused, and no other text about it is printed."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 1)
    bank.on_deposit = lambda event: None
    async with bank.app.running() as system:
        (planned,) = await plan_replays(system, ALL, by="ann")
        operation = await begin_replay(planned, ALL, FAST, "mended")
        await carried_out(system, operation)
        assert capsys.readouterr().err.splitlines()[-1] == f"{operation.group}: 1 handled, 0 failed again, of 1"
        with pytest.raises(Conflict):
            await carried_out(system, operation)
        assert capsys.readouterr().err == ""
