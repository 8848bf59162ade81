"""Notes on a field: whose data it is, its earlier names, its precision; and descriptions. Readers of the bytes need none of them."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import uuid
from typing import Annotated, Any, NewType

import msgspec
import pytest

import partita.schemas
from partita import Command, Event, Key, Rejection, Service
from partita.catalog.contract import contract_of
from partita.codec.avro import AvroCodec
from partita.errors import DeclarationError, Malformed
from partita.schemas import PII, Alias, Millis, Money, Subject
from partita.schemas.avro import derive, fingerprint
from partita.schemas.fields.shape import Shape

CustomerId = NewType("CustomerId", uuid.UUID)
Name = NewType("Name", Annotated[str, PII])  # type: ignore[valid-newtype]  # a note is no part of the type for a checker


class Address(msgspec.Struct):
    """Where a parcel goes.

    A second paragraph is for readers of the code.
    """

    street: Annotated[str, PII]


class Bare(msgspec.Struct):
    city: str


class Heir(Address):
    floor: int


class Moved(msgspec.Struct, rename="camel"):
    """A customer
    has moved."""

    customer_id: Annotated[CustomerId, Subject]
    name: Annotated[str, PII] | None
    called: list[Name]
    to: Address
    bare: Bare
    heir: Heir
    at: Annotated[dt.datetime, Millis]


def record_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return derive(Shape(struct.__name__, "test", struct)).record


def field_of(record: dict[str, Any], name: str) -> dict[str, Any]:
    return next(field for field in record["fields"] if field["name"] == name)


def test_marks_stand_in_the_schema() -> None:
    """Also where the note is within the field's type: on the member of a union, in a list, in a new type's own type."""
    record = record_of(Moved)
    assert {f["name"] for f in record["fields"] if f.get("pii")} == {"name", "called"}
    assert {f["name"] for f in record["fields"] if f.get("subject")} == {"customerId"}
    assert field_of(field_of(record, "to")["type"], "street")["pii"] is True


def test_the_first_paragraph_of_a_classs_own_docstring_is_the_records_description() -> None:
    """A record without one inherits none: it would describe another record."""
    record = record_of(Moved)
    assert record["doc"] == "A customer has moved."
    assert field_of(record, "to")["type"]["doc"] == "Where a parcel goes."
    assert "doc" not in field_of(record, "bare")["type"] and "doc" not in field_of(record, "heir")["type"]


def test_a_message_and_a_refusal_have_their_docstrings_in_their_schemas() -> None:
    """A refusal is an exception: its struct is another class."""
    shop = Service("shop", namespace="shop")

    class Sold(Event, of=shop):
        """It is sold."""

        id: Key[str]

    class Gone(Rejection):
        """It is sold already."""

    class Sell(Command[Sold, Gone], of=shop):
        id: Key[str]

    docs = [derive(contract_of(cls).shape).record.get("doc") for cls in (Sold, Gone, Sell)]
    assert docs == ["It is sold.", "It is sold already.", None]


def test_marks_aliases_and_docstrings_change_no_fingerprint() -> None:
    """No reader of the bytes needs them: marking a field must not make each reader fetch a schema."""

    class One(msgspec.Struct):
        """An order."""

        id: Annotated[str, Subject]
        name: Annotated[str, PII, Alias("called")]

    class Other(msgspec.Struct):
        id: str
        name: str

    marked, plain = (derive(Shape("Order", "test", struct)).record for struct in (One, Other))
    assert marked != plain and fingerprint(marked) == fingerprint(plain)


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        ((Annotated[str, Subject], Annotated[str, Subject]), "2 subjects"),
        ((Annotated[float, Subject],), "no subject"),
        ((Annotated[list[str], Subject],), "no subject"),
        ((Annotated[str, Alias("field1")], str), "name of field1"),
        ((Annotated[str, Alias("old")], Annotated[str, Alias("old")]), "name of field0"),
        ((Annotated[str, Alias("field0")],), "name of field0"),
        ((Annotated[str, Alias("no-name")],), "no name in Avro"),
        ((Annotated[int, Millis],), "Millis"),
    ],
    ids=str,
)
def test_a_mark_that_says_nothing_definite_is_refused(annotations: tuple[Any, ...], why: str) -> None:
    """Two subjects leave open whose data it is; one old name of two fields, which of them an old value fills."""
    struct = msgspec.defstruct("Held", [(f"field{n}", each) for n, each in enumerate(annotations)])
    with pytest.raises(DeclarationError, match=why):
        record_of(struct)


def test_a_field_that_was_renamed_is_read_under_its_old_name() -> None:
    """From bytes that were written before the class was changed, as in the log and among the dead letters."""
    before = msgspec.defstruct("Paid", [("payer", str), ("amount", int)])

    class Paid(msgspec.Struct, rename="camel"):
        amount: int
        paid_by: Annotated[str, Alias("customer"), Alias("payer")] = ""

    writer, reader = AvroCodec(), AvroCodec()
    written, data = writer.encode(Shape("Paid", "test", before), before(payer="ann", amount=7))
    reader.teach(written, writer.schema_text(written) or "")
    assert reader.decode(Shape("Paid", "test", Paid), written, data) == Paid(amount=7, paid_by="ann")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (dt.datetime(2026, 11, 29, 1, 2, 3, 4_567, tzinfo=dt.UTC), "milliseconds"),
        (dt.datetime(2026, 11, 29, tzinfo=dt.UTC).replace(tzinfo=None), "time zone"),
    ],
)
def test_an_instant_finer_than_its_field_is_refused_where_it_is_sent(value: dt.datetime, why: str) -> None:
    """It would be read as another one."""
    struct = msgspec.defstruct("Held", [("at", Annotated[dt.datetime, Millis])])
    shape, codec = Shape("Held", "test", struct), AvroCodec()
    assert field_of(record_of(struct), "at")["type"] == {"type": "long", "logicalType": "timestamp-millis"}
    with pytest.raises(Malformed, match=why):
        codec.encode(shape, struct(at=value))
    exact = struct(at=value.replace(microsecond=4_000, tzinfo=dt.UTC))
    assert codec.decode(shape, *codec.encode(shape, exact)) == exact


def test_money_is_exact() -> None:
    """Each currency has its own smallest unit, and two are never mixed."""
    assert Money.of("12.50", "EUR") == Money(1250, "EUR") == Money(1300, "EUR") - Money.of("0.5", "EUR")
    assert [str(Money(1, currency)) for currency in ("EUR", "JPY", "KWD")] == ["0.01 EUR", "1 JPY", "0.001 KWD"]
    assert Money(-1, "EUR") < Money(0, "EUR") <= Money(0, "EUR") and -(Money(2, "EUR") * 3) == Money(-6, "EUR")
    for amount in ("12.505", "NaN", "1e400", "many", 0.5):
        with pytest.raises(Malformed):
            Money.of(amount, "EUR")  # type: ignore[arg-type]  # a float is refused
    for wrong in (lambda: Money(1, "EUR") + Money(1, "USD"), lambda: Money(1, "EUR") * 0.5):  # type: ignore[operator]
        with pytest.raises(Malformed):
            wrong()


@pytest.mark.parametrize("currency", ["eur", "EURO", "EUR\n", "", "€€€"])
def test_a_currency_is_three_letters_where_it_is_sent(currency: str) -> None:
    """A type of its own in the message: the amount and its currency travel together."""
    struct = msgspec.defstruct("Held", [("price", Money)])
    shape, codec = Shape("Held", "test", struct), AvroCodec()
    assert codec.decode(shape, *codec.encode(shape, struct(Money(5, "EUR")))) == struct(Money(5, "EUR"))
    with pytest.raises(Malformed):
        codec.encode(shape, struct(Money(5, currency)))


DERIVE = """
from tests.unit.schemas.test_marks import Moved
from partita.schemas.fields.shape import Shape
from partita.schemas.languages import LANGUAGES, schema_of
for language in LANGUAGES:
    print(schema_of(Shape("Moved", "test", Moved), language))
"""


def test_a_schema_is_the_same_text_in_every_process() -> None:
    """Hash seeds and their orders of sets differ from run to run; files of schemas are committed."""
    texts = set()
    for seed in ("0", "1", "4321"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = [sys.executable, "-c", DERIVE]
        texts.add(subprocess.run(run, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout)
    assert len(texts) == 1 and "Moved" in texts.pop()


def test_the_public_door_has_the_notes_and_no_more() -> None:
    """Others may be changed without a word."""
    assert sorted(partita.schemas.__all__) == ["Alias", "Millis", "Money", "PII", "Subject"]
    assert all(hasattr(partita.schemas, name) for name in partita.schemas.__all__)


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (str | None, "a", ["string", "null"]),
        (str | None, None, ["null", "string"]),
        (int | str | None, "a", ["string", "null", "long"]),
        (int | float, 1.5, ["long", "double"]),
        (list[Address] | Address, Address("x"), [{"type": "array", "items": "Address"}, "Address"]),
    ],
    ids=str,
)
def test_the_branch_of_the_default_is_the_first_of_its_union(
    annotation: Any, default: Any, expected: list[Any]
) -> None:
    """Readers before Avro 1.12 take a default for one of the first branch. Numbers keep their order, by which a writer chooses, and a
    type is written out in its first place."""
    struct = msgspec.defstruct("Held", [("value", annotation, msgspec.field(default_factory=lambda: default))])
    branches = field_of(record_of(struct), "value")["type"]
    assert [{**b, "items": b["items"]["name"]} if isinstance(b, dict) else b for b in branches] == expected
