"""The bytes of an envelope: written out here, since rows and records of years are in them; the first form is read for ever."""

from __future__ import annotations

import random

import msgspec
import pytest

from partita.message import (
    TRACE_OF_CORRELATION,
    Envelope,
    SagaAddress,
    envelope_from_bytes,
    envelope_to_bytes,
    first_trace,
    trace_of,
)

FULL = Envelope(
    id="m-1",
    source="shop.order/1",
    type="shop.order.v1.OrderPlaced",
    time_us=1_700_000_000_000_042,
    correlation_id="c-1",
    kind="command",
    causation_id="m-0",
    traceparent="00-a-b-01",
    schema="0123456789abcdef",
    key_sequence=300,
    at_once=True,
    extra={"subject": "o-1"},
    saga=SagaAddress("Checkout", "1", "take", 2, "do"),
)
SMALL = Envelope(id="m-1", source="s", type="t", time_us=7, correlation_id="m-1")
FULL_BYTES = (
    b"\x9e\x01\xa3m-1\xacshop.order/1\xb9shop.order.v1.OrderPlaced\xcf\x00\x06\n$\x18\x1e@*\xa3c-1\xa7command\xa3m-0\xa9"
    b"00-a-b-01\xb00123456789abcdef\x95\xa8Checkout\xa11\xa4take\x02\xa2do\xc3\x81\xa7subject\xa3o-1\xcd\x01,"
)
SMALL_BYTES = b"\x9e\x01\xa3m-1\xa1s\xa1t\x07\xa3m-1\xa5event\xc0\xc0\xa0\xc0\xc2\x80\x00"
FULL_NAMED = (
    b"\x8d\xa2id\xa3m-1\xa6source\xacshop.order/1\xa4type\xb9shop.order.v1.OrderPlaced\xa7time_us\xcf\x00\x06\n$\x18\x1e@*"
    b"\xaecorrelation_id\xa3c-1\xa4kind\xa7command\xaccausation_id\xa3m-0\xabtraceparent\xa900-a-b-01\xa6schema\xb0"
    b"0123456789abcdef\xackey_sequence\xcd\x01,\xa4saga\x95\xa8Checkout\xa11\xa4take\x02\xa2do\xa7at_once\xc3\xa5extra\x81"
    b"\xa7subject\xa3o-1"
)
SMALL_NAMED = b"\x85\xa2id\xa3m-1\xa6source\xa1s\xa4type\xa1t\xa7time_us\x07\xaecorrelation_id\xa3m-1"


@pytest.mark.parametrize("envelope, data", [(FULL, FULL_BYTES), (SMALL, SMALL_BYTES)])
def test_the_bytes_of_the_first_version_stay(envelope: Envelope, data: bytes) -> None:
    """A field that moves would be read as another one in each row that is there."""
    assert envelope_to_bytes(envelope) == data
    assert envelope_from_bytes(data) == envelope


@pytest.mark.parametrize("envelope, data", [(FULL, FULL_NAMED), (SMALL, SMALL_NAMED)], ids=["full", "small"])
def test_a_map_by_names_is_read_as_before(envelope: Envelope, data: bytes) -> None:
    """Databases and topics have such rows, and a saga that waits has its caller in them."""
    read = envelope_from_bytes(data)
    assert read == envelope and type(read) is Envelope
    assert envelope_to_bytes(read) == envelope_to_bytes(envelope), "a copy leaves in the newer form"
    more = bytes([data[0] + 1]) + data[1:] + b"\xa4more\x93\x01\xa1x\xc0"
    assert envelope_from_bytes(more) == envelope


def test_a_field_behind_the_last_one_is_passed_over() -> None:
    """A newer program may add one without a new version."""
    assert envelope_from_bytes(bytes([FULL_BYTES[0] + 1]) + FULL_BYTES[1:] + b"\x93\x01\xa1x\xc0") == FULL


@pytest.mark.parametrize("version", [b"\x02", b"\x7f", b"\xcc\xff", b"\xcd\x01\x00"], ids=["2", "127", "255", "256"])
def test_a_newer_version_is_refused_by_its_number(version: bytes) -> None:
    """Taken for broken bytes, a good message would be thrown away by an operator."""
    newer = FULL_BYTES[:1] + version + FULL_BYTES[2:]
    with pytest.raises(msgspec.ValidationError, match=r"version \d+ of the envelope .* update Partita"):
        envelope_from_bytes(newer)
    with pytest.raises(msgspec.ValidationError, match=r"version \d+ of the envelope"):
        envelope_from_bytes(b"\x92" + version + b"\x81\xa1x\x01")  # whatever is behind the version


@pytest.mark.parametrize("form", [FULL_BYTES, SMALL_BYTES, FULL_NAMED], ids=["full", "small", "named"])
def test_bytes_that_are_cut_or_changed_are_an_envelope_or_refused(form: bytes) -> None:
    """An error of another kind would stop the group at that record."""
    dice = random.Random(7)
    for end in range(len(form)):
        with pytest.raises(msgspec.MsgspecError):
            envelope_from_bytes(form[:end])
    for _ in range(3_000):
        place = dice.randrange(len(form))
        try:
            envelope_from_bytes(form[:place] + bytes([dice.randrange(256)]) + form[place + 1 :])
        except msgspec.MsgspecError:
            continue


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("field, limit", [("id", 500), ("source", 300), ("correlation_id", 1_000)])
def test_texts_keep_their_limits_in_either_form(field: str, limit: int, named: bool) -> None:
    """A longer one fits no index: its insert would fail, count against no message, and be run again for ever."""

    def written(text: str) -> bytes:
        fields = {**msgspec.structs.asdict(SMALL), field: text}
        return msgspec.msgpack.encode(fields) if named else envelope_to_bytes(Envelope(**fields))

    for text in ("x" * limit, "\N{SNOWMAN}" * (limit // 3)):
        assert getattr(envelope_from_bytes(written(text)), field) == text
        with pytest.raises(msgspec.ValidationError, match=f"its {field} has"):
            envelope_from_bytes(written(text + "\N{SNOWMAN}"))


def test_the_trace_of_a_journey_is_that_of_its_correlation() -> None:
    """It costs no bytes. A trace of another program is kept, and a message without one has none."""
    ours = "0192f3a1-7b1c-7c3e-8000-0123456789ab"
    derived = Envelope("m", "s", "t", 1, ours, traceparent=TRACE_OF_CORRELATION)
    assert trace_of(envelope_from_bytes(envelope_to_bytes(derived))) == first_trace(ours)
    assert first_trace(ours) == "00-0192f3a17b1c7c3e80000123456789ab-80000123456789ab-01"
    assert trace_of(envelope_from_bytes(FULL_BYTES)) == "00-a-b-01"
    assert trace_of(SMALL) is None
