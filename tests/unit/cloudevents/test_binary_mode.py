"""An envelope in the headers of any protocol: Partita reads it back byte for byte, others by the attributes."""

from __future__ import annotations

import pytest

from partita.cloudevents.binary_mode import BinaryMode
from partita.message import Envelope, SagaAddress, envelope_from_bytes, envelope_to_bytes

PREFIXES = ["ce_", "ce-", "cloudEvents_"]
FULL = Envelope(
    id="m-1",
    source="shop.order",
    type="shop.order.v1.OrderPlaced",
    time_us=1_700_000_000_000_042,
    correlation_id="c-1",
    kind="command",
    causation_id="m-0",
    traceparent="00-a-b-01",
    schema="0123456789abcdef",
    key_sequence=7,
    saga=SagaAddress("Checkout", "1", "take", 2, "do"),
)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_our_own_header_brings_back_each_byte(prefix: str) -> None:
    """The number of the key and the saga's step have no attribute, and must not be lost between two services of ours."""
    data = envelope_to_bytes(FULL)
    mode = BinaryMode(prefix)
    assert mode.envelope_bytes_of(mode.headers_of(data, "o-1")) == data


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_attributes_alone_are_enough(prefix: str) -> None:
    """A proxy or another framework may drop a header that it does not know."""
    mode = BinaryMode(prefix)
    headers = [(name, value) for name, value in mode.headers_of(envelope_to_bytes(FULL), "o-1") if name != "partita"]
    read = envelope_from_bytes(mode.envelope_bytes_of(headers))
    assert (read.key_sequence, read.saga) == (0, None)
    read.key_sequence, read.saga = FULL.key_sequence, FULL.saga
    assert read == FULL


def test_the_headers_on_kafka_are_those_of_the_binding() -> None:
    """Written out once: readers of other languages count on these names."""
    headers = BinaryMode("ce_").headers_of(envelope_to_bytes(FULL), "ö")
    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"m-1"),
        ("ce_source", b"shop.order"),
        ("ce_type", b"shop.order.v1.OrderPlaced"),
        ("ce_time", b"2023-11-14T22:13:20.000042Z"),
        ("ce_correlationid", b"c-1"),
        ("ce_partitakind", b"command"),
        ("partita", envelope_to_bytes(FULL)),
        ("ce_partitionkey", "ö".encode()),
        ("ce_causationid", b"m-0"),
        ("ce_partitaschema", b"0123456789abcdef"),
        ("traceparent", b"00-a-b-01"),
    ]


def test_a_foreign_event_needs_three_attributes_only() -> None:
    """An unknown kind, a missing time and a name in capitals are no reason to lose an event."""
    mode = BinaryMode("ce_")
    needed = [("CE_ID", b"x"), ("Ce_Source", b"s"), ("ce_type", b"t")]
    read = envelope_from_bytes(mode.envelope_bytes_of([*needed, ("ce_partitakind", b"rumour"), ("ce_time", b"soon")]))
    assert read == Envelope(id="x", source="s", type="t", time_us=0, correlation_id="x")
    for missing in needed:
        assert mode.envelope_bytes_of([header for header in needed if header is not missing]) == b""


def test_the_last_hop_is_the_parent() -> None:
    """The attribute `traceparent` names the hop at which the event was made, the header the one it comes from."""
    mode = BinaryMode("ce_")
    needed = [("ce_id", b"x"), ("ce_source", b"s"), ("ce_type", b"t"), ("ce_traceparent", b"first")]
    assert envelope_from_bytes(mode.envelope_bytes_of(needed)).traceparent == "first"
    for headers in ([("traceparent", b"last"), *needed], [*needed, ("traceparent", b"last")]):
        assert envelope_from_bytes(mode.envelope_bytes_of(headers)).traceparent == "last"
    assert envelope_from_bytes(mode.envelope_bytes_of([*needed, ("traceparent", b"")])).traceparent == "first"


def test_bytes_that_are_no_envelope_travel_as_they_are() -> None:
    """They become a dead letter at the reader, with the very bytes."""
    mode = BinaryMode("ce_")
    assert mode.headers_of(b"\xffno envelope", "k") == [("partita", b"\xffno envelope")]
    assert mode.envelope_bytes_of([("partita", b"\xffno envelope")]) == b"\xffno envelope"


def test_headers_without_bytes_are_passed_over() -> None:
    """Kafka's client hands out None for a header without a value."""
    mode = BinaryMode("ce_")
    assert mode.envelope_bytes_of([("partita", None), ("ce_id", None), ("traceparent", None)]) == b""
