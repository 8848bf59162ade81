"""One rule about size: the sender refuses exactly the messages that a bus would refuse."""

from __future__ import annotations

import pytest

from partita.bus.port import Outgoing, too_large
from partita.errors import MessageTooLarge
from partita.message import Envelope, Message
from partita.outbox.outbox import row_of
from partita.size import RECORD_BYTES_MAX, is_long


@pytest.mark.parametrize("key", ["k", "", None, "schlüssel"])
@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_sender_and_the_bus_draw_the_same_line(key: str | None, over: int) -> None:
    """A message that only the bus refuses has left its transaction already: its row holds its key until a person decides."""
    headers = b"headers"
    value = b"x" * (RECORD_BYTES_MAX + over - len(headers) - len(key or ""))
    envelope = Envelope(id="id", source="s", type="a.Placed", time_us=1, correlation_id="id", kind="event")
    refused = too_large(Outgoing("t", key, headers, value, "id"))
    if over <= 0:
        assert refused is None
        assert row_of(Message("t", key, envelope, value), headers, 1).payload == value
        return
    assert refused == "it has 1,048,577 bytes, the limit is 1,048,576"
    with pytest.raises(
        MessageTooLarge, match=r"a.Placed with its envelope has 1,048,577 bytes, the limit is 1,048,576"
    ):
        row_of(Message("t", key, envelope, value), headers, 1)


@pytest.mark.parametrize(("text", "long"), [("a" * 8, False), ("a" * 9, True), ("ä" * 4, False), ("ä" * 5, True)])
def test_a_text_is_measured_in_bytes(text: str, long: bool) -> None:
    """An index and a broker count bytes; a text may have four times as many as characters."""
    assert is_long(text, 8) is long


def test_half_a_character_is_measured_too() -> None:
    """A lone surrogate cannot be sent, and the refusal must not fail on it."""
    assert is_long("\ud800" * 3, 8)
