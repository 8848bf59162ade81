"""The log has a line for each dead letter, whatever its cause, and none for one that was not committed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.conftest import Bank
from tests.integration.runtime.failing.test_retries import letters
from tests.waiting import until

from partita import Retry
from partita.bus.port import Outgoing
from partita.operators.rehearsing import rehearse_letters
from partita.store.dead_letters import LetterFilter


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "dead letter" in record.getMessage()]


async def test_each_dead_letter_of_one_cause_has_its_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They were rationed with their cause: of five orders the operator saw one, and looked for the others in vain."""
    bank = Bank(tmp_path / "data", retry=Retry(in_place=0, delays=(), storm=10**9))

    def fail(event: object) -> None:
        raise ValueError("cannot 17")

    bank.on_deposit = fail
    names = [f"n{number}" for number in range(5)]
    async with bank.app.running() as system:
        for name in names:
            await bank.app.send(bank.Deposit(name=name, cents=1))
        found = await until(lambda: letters(bank), holds=lambda all: len(all) == len(names))
        await bank.app.settled(dead_letters=True)
        await rehearse_letters({"audit": system.pipelines["audit"]}, LetterFilter())
    lines = lines_of(caplog)
    assert sorted(line.partition(": test.bank")[0] for line in lines) == sorted(
        f"audit: dead letter {letter.id}" for letter in found
    )
    assert all(any(f"of key {name} after 1 tries: ValueError: cannot 17" in line for line in lines) for name in names)
    assert not any("\n" in line for line in lines)


async def test_a_message_that_admission_refuses_has_its_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No handler failed: without the line nothing but the table said that a message was not handled."""
    bank = Bank(tmp_path / "data")
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        await bank.app.settled()
        async with bank.app.store("bank").reading() as session:
            (row,) = await session.fetch("SELECT * FROM outbox", {})
        _, other = system.codec.encode(bank.Deposited.__partita__.shape, bank.Deposited(name="ann", cents=2))
        await system.bus.append([Outgoing(row["aggregatetype"], "ann", row["headers"], other, "copy")])
        (letter,) = await until(lambda: letters(bank))
        await bank.app.settled(dead_letters=True)
    (line,) = lines_of(caplog)
    assert letter.id in line and "of key ann after 0 tries: Conflict:" in line
