"""The numbers of messages that leave with one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from partita.message import Envelope, Message
from partita.outbox.outbox import Leaving


class Sequences:
    """Keys that have got four numbers before."""

    async def reserve(self, counts: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
        """The last number given before."""
        return dict.fromkeys(counts, 4)


def message(key: str | None) -> Message:
    return Message("topic", key, Envelope("id", "source", "type", 1, "correlation"), b"")


async def test_messages_of_a_key_have_the_next_numbers_one_after_the_other() -> None:
    """If a number were given twice, the second message would be dropped as a late copy of the first."""
    session: Any = SimpleNamespace(sequences=Sequences())
    leaving = Leaving(session, 1)
    sent = [message(key) for key in ("a", "b", "a", None, "a")]
    await leaving.expect(sent)
    for each in sent:
        leaving.number(each)
    assert [each.envelope.key_sequence for each in sent] == [5, 5, 6, 0, 7]
