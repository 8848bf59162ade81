"""Cancellations that come before the start of their saga: a start finds its own, and waits for a transaction that writes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from partita.runtime.path.early_cancellations import EarlyCancellations
from partita.store.tombstones import Tombstone


@dataclass
class Ledger:
    """Tombstones in memory, with the sagas that were locked, in turn with the questions."""

    rows: dict[tuple[str, str, str], Tombstone] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)

    async def hold(self, undone: Sequence[str], done: Sequence[str]) -> None:
        self.did.append(f"hold {', '.join(undone)}; {', '.join(done)}")

    async def find(self, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Tombstone]:
        self.did.append("find")
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def add(self, rows: Sequence[Tombstone]) -> None:
        self.did.append("add")
        for row in rows:
            self.rows.setdefault((row.address.saga, row.address.saga_id, row.address.step), row)

    @property
    def tombstones(self) -> Any:
        """The ledger as a part of a session, which is all that is asked of it here."""
        return self


def of_a_transaction(ledger: Any) -> EarlyCancellations:
    return EarlyCancellations(ledger, 5)


async def test_a_start_finds_its_own_and_no_other() -> None:
    ledger = Ledger()
    first = of_a_transaction(ledger)
    await first.load([], [("Checkout", "o1")])
    first.keep("Checkout", "o1", "Withdrawn")
    first.keep("Checkout", "o1", "WithdrawnAgain")
    await first.save()
    then = of_a_transaction(ledger)
    await then.load([("Checkout", "o1"), ("Checkout", "o2"), ("Other", "o1")], [])
    assert then.of("Checkout", "o1") == "Withdrawn"
    assert then.of("Checkout", "o2") is None and then.of("Other", "o1") is None


async def test_a_start_in_the_same_transaction_finds_it_too() -> None:
    early = of_a_transaction(Ledger())
    early.keep("Checkout", "o1", "Withdrawn")
    assert early.of("Checkout", "o1") == "Withdrawn"


async def test_a_start_and_a_cancellation_take_one_lock() -> None:
    """On a server two transactions at once would not see each other's rows; each takes the lock before it looks."""
    ledger = Ledger()
    await of_a_transaction(ledger).load([], [("Checkout", "o1")])
    await of_a_transaction(ledger).load([("Checkout", "o1")], [])
    assert ledger.did == ["hold o1; ", "hold o1; ", "find"]


async def test_a_transaction_without_either_asks_nothing() -> None:
    ledger = Ledger()
    early = of_a_transaction(ledger)
    await early.load([], [])
    await early.save()
    assert ledger.did == []
