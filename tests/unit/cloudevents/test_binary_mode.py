"""An envelope in the headers of any protocol: Partita reads it back byte for byte, other programs read the
attributes."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec
import pytest

from partita.cloudevents.binary_mode import HEADER_SETS, BinaryMode, HeaderSet
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


def envelope_in(mode: BinaryMode, headers: Sequence[tuple[str, object]]) -> bytes:
    """The envelope's bytes of a message with these headers."""
    return mode.read(headers, b"v")[0]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_our_own_header_brings_back_each_byte(prefix: str) -> None:
    """The number of the key and the saga's step have no attribute, and must not be lost between two services of
    Partita."""
    data = envelope_to_bytes(FULL)
    mode = BinaryMode(prefix)
    assert envelope_in(mode, mode.headers_of(data, "o-1")) == data


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_attributes_alone_are_enough(prefix: str) -> None:
    """A proxy or another framework may drop a header that it does not know."""
    mode = BinaryMode(prefix)
    headers = [(name, value) for name, value in mode.headers_of(envelope_to_bytes(FULL), "o-1") if name != "partita"]
    read = envelope_from_bytes(envelope_in(mode, headers))
    assert (read.key_sequence, read.saga) == (0, None)
    read.key_sequence, read.saga = FULL.key_sequence, FULL.saga
    assert read == FULL


def test_the_headers_on_kafka_are_those_of_the_binding() -> None:
    """They are written out here: readers in other languages depend on these names."""
    headers = BinaryMode("ce_").headers_of(envelope_to_bytes(FULL), "ö")
    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"m-1"),
        ("ce_source", b"shop.order"),
        ("ce_type", b"shop.order.v1.OrderPlaced"),
        ("partita", base64.b64encode(envelope_to_bytes(FULL))),
        ("content-type", b"application/avro"),
        ("ce_time", b"2023-11-14T22:13:20.000042Z"),
        ("ce_correlationid", b"c-1"),
        ("ce_partitakind", b"command"),
        ("ce_partitionkey", "ö".encode()),
        ("ce_causationid", b"m-0"),
        ("ce_partitaschema", b"0123456789abcdef"),
        ("traceparent", b"00-a-b-01"),
    ]


def test_a_topic_may_carry_fewer_headers() -> None:
    """Readers of other programs get a whole CloudEvent from the required ones; JSON is read by its content type."""
    ours = ("partita", base64.b64encode(envelope_to_bytes(FULL)))
    mode = BinaryMode("ce_")
    assert mode.headers_of(envelope_to_bytes(FULL), "ö", "required") == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"m-1"),
        ("ce_source", b"shop.order"),
        ("ce_type", b"shop.order.v1.OrderPlaced"),
        ours,
        ("content-type", b"application/avro"),
    ]
    assert mode.headers_of(envelope_to_bytes(FULL), "ö", "ours") == [ours]


@pytest.mark.parametrize("carried", HEADER_SETS)
def test_each_choice_of_headers_brings_back_each_byte(carried: HeaderSet) -> None:
    """The choice changes process by process: readers see all three in one topic."""
    mode = BinaryMode("ce_")
    for data in (envelope_to_bytes(FULL), b"\xffno envelope"):
        assert envelope_in(mode, mode.headers_of(data, "o-1", carried)) == data


def test_the_content_type_of_another_program_is_required_too() -> None:
    """Its readers may know the form of the value by it alone."""
    read = foreign(("content-type", b"text/xml"), ("ce_subject", b"o-1"))
    sent = dict(BinaryMode("ce_").headers_of(envelope_to_bytes(read), None, "required"))
    assert sent.keys() == {"ce_specversion", "ce_id", "ce_source", "ce_type", "partita", "content-type"}
    assert sent["content-type"] == b"text/xml"


def test_the_trace_of_the_correlation_is_written_out_for_others() -> None:
    """Within Partita it is left empty; a tracer reads the header."""
    ours = "0192f3a1-7b1c-7c3e-8000-0123456789ab"
    envelope = msgspec.structs.replace(FULL, correlation_id=ours, traceparent="")
    headers = dict(BinaryMode("ce_").headers_of(envelope_to_bytes(envelope), "o-1"))
    assert headers["traceparent"] == b"00-0192f3a17b1c7c3e80000123456789ab-80000123456789ab-01"
    assert foreign(("ce_traceparent", b"")).traceparent is None, "an empty one is none"


def test_a_foreign_event_needs_three_attributes_only() -> None:
    """An unknown kind, a missing time and a name in capitals are no reason to lose an event."""
    mode = BinaryMode("ce_")
    needed = [("CE_ID", b"x"), ("Ce_Source", b"s"), ("ce_type", b"t")]
    read = envelope_from_bytes(envelope_in(mode, [*needed, ("ce_partitakind", b"rumour"), ("ce_time", b"soon")]))
    assert read == Envelope(id="x", source="s", type="t", time_us=0, correlation_id="x")
    for missing in needed:
        assert envelope_in(mode, [header for header in needed if header is not missing]) == b""


def test_the_last_hop_is_the_parent() -> None:
    """The attribute `traceparent` names the hop at which the event was made, the header names the hop that sent it."""
    mode = BinaryMode("ce_")
    needed = [("ce_id", b"x"), ("ce_source", b"s"), ("ce_type", b"t"), ("ce_traceparent", b"first")]
    assert envelope_from_bytes(envelope_in(mode, needed)).traceparent == "first"
    for headers in ([("traceparent", b"last"), *needed], [*needed, ("traceparent", b"last")]):
        assert envelope_from_bytes(envelope_in(mode, headers)).traceparent == "last"
    assert envelope_from_bytes(envelope_in(mode, [*needed, ("traceparent", b"")])).traceparent == "first"


def test_bytes_that_are_no_envelope_travel_as_they_are() -> None:
    """They become a dead letter at the reader, with the very bytes."""
    mode = BinaryMode("ce_")
    assert mode.headers_of(b"\xffno envelope", "k") == [("partita", base64.b64encode(b"\xffno envelope"))]
    assert envelope_in(mode, mode.headers_of(b"\xffno envelope", "k")) == b"\xffno envelope"
    assert envelope_in(mode, [("partita", b"\xffno envelope")]) == b"\xffno envelope"


def test_headers_without_bytes_are_passed_over() -> None:
    """Kafka's client returns None for a header without a value."""
    mode = BinaryMode("ce_")
    assert envelope_in(mode, [("partita", None), ("ce_id", None), ("traceparent", None)]) == b""


FOREIGN = [("ce_specversion", b"1.0"), ("ce_id", b"7"), ("ce_source", b"urn:psp"), ("ce_type", b"shop.v1.Paid")]


def foreign(*more: tuple[str, bytes], value: bytes = b"{}", at_us: int = 5) -> Envelope:
    """The envelope of a foreign event."""
    return envelope_from_bytes(BinaryMode("ce_").read([*FOREIGN, *more], value, at_us)[0])


def test_a_foreign_event_is_known_by_its_source_and_its_id() -> None:
    """Otherwise two programs that both count from 1 would be taken for one; on the wire each id is that of its
    program."""
    read = foreign()
    assert (read.id, read.correlation_id, read.source) == ("urn:psp 7", "urn:psp 7", "urn:psp")
    assert dict(BinaryMode("ce_").headers_of(envelope_to_bytes(read), None))["ce_id"] == b"7"
    read.id, read.causation_id = "0123", "urn:psp 7"
    assert dict(BinaryMode("ce_").headers_of(envelope_to_bytes(read), None))["ce_causationid"] == b"7"


def test_a_foreign_event_without_a_time_has_that_of_its_arrival() -> None:
    """In 1970 it would be too old to count as new."""
    assert foreign().time_us == 5
    assert foreign(("ce_time", b"2023-11-14T22:13:20Z")).time_us == 1_700_000_000_000_000


def test_attributes_that_no_one_knows_here_survive() -> None:
    """A handler reads them, and a copy in a retry topic has them still."""
    more = [("ce_subject", b"o-1"), ("ce_tracestate", b"a=1"), ("ce_myext", b"x"), ("ce_dataschema", b"urn:s")]
    read = foreign(*more, ("content-type", b"text/xml"))
    assert read.extra == {
        "subject": "o-1", "tracestate": "a=1", "myext": "x", "dataschema": "urn:s", "datacontenttype": "text/xml",
    }  # fmt: skip
    sent = BinaryMode("ce_").headers_of(envelope_to_bytes(read), None)
    assert [header for header in sent if header[0] in dict(more)] == more and ("content-type", b"text/xml") in sent


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "text/json", "application/x+json"]
)
def test_foreign_json_is_known_by_its_content_type(content_type: str) -> None:
    """Its writer names no schema."""
    assert foreign(("content-type", content_type.encode())).schema == "json:"
    assert foreign(("content-type", b"application/xml")).schema == foreign().schema == ""


def test_a_message_in_an_unknown_language_travels_on() -> None:
    """It becomes a dead letter, whose bytes go to a topic. If they could not leave, no message behind them would."""
    read = foreign(("ce_partitaschema", b"xml:1"))
    sent = BinaryMode("ce_").headers_of(envelope_to_bytes(read), None)
    assert ("ce_partitaschema", b"xml:1") in sent and ("content-type", b"application/octet-stream") in sent


def test_our_header_is_a_text_and_is_read_as_bytes_too() -> None:
    """Some readers take all headers for texts. Debezium writes the bytes of the outbox as they are."""
    mode, data = BinaryMode("ce_"), envelope_to_bytes(FULL)
    headers = dict(mode.headers_of(data, "k"))
    assert all(isinstance(held, bytes) and held.decode() for held in headers.values())
    for held in (data, headers["partita"]):
        assert envelope_in(mode, [("partita", held)]) == data
    for held in (b"no base64!", b"abc", b""):
        assert envelope_in(mode, [("partita", held)]) == held
