"""A message class as a .proto file: its types, names, presence, comments and numbers."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import subprocess
import sys
import uuid
from typing import Annotated, Any, Literal

import msgspec
import pytest

from partita.errors import DeclarationError
from partita.schemas import PII, Alias, Millis, Money, Subject
from partita.schemas.fields.reading import read
from partita.schemas.fields.shape import Shape, Since
from partita.schemas.protobuf.derivation import fingerprint, proto_file
from partita.schemas.protobuf.numbers import Numbers, completed
from partita.schemas.protobuf.printing import printed
from partita.schemas.protobuf.proto_file import ProtoFile


class State(enum.Enum):
    NEW = "new"
    UNDER_WAY = "in-transit"


class Line(msgspec.Struct, rename="camel"):
    """One line of an order.

    With more words."""

    sku_code: Annotated[str, msgspec.Meta(pattern="^[A-Z]+$", description="The code of the article.")]
    price: Money
    count: Annotated[int, msgspec.Meta(ge=0, le=9)] = 1


class Order(msgspec.Struct, rename="camel"):
    """An order."""

    order_id: str
    customer: Annotated[str, Subject]
    email: Annotated[str | None, PII]
    state: State
    lines: list[Line]
    at: dt.datetime
    seen_at: Annotated[dt.datetime, Millis] = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    tax: decimal.Decimal = decimal.Decimal("1.50")
    raw: bytes = b"\x00\xff"
    day: dt.date | None = dt.date(2026, 1, 1)
    clock: dt.time | None = None
    ref: uuid.UUID | None = None
    amount: int | float | str | list[int] = 0
    grid: list[list[int | None]] = []
    tags: dict[str, list[str]] = {}
    codes: list[int] = msgspec.field(default_factory=lambda: [1])
    kind: Literal[1, -7] = 1
    inner: Order | None = None
    URL: str = "-"


ORDER = Shape("Order", "shop.order.v1", Order)
TEXT = """\
syntax = "proto3";

package shop.order.v1;

import "google/protobuf/timestamp.proto";

// An order.
message Order {
  enum State {
    STATE_UNSPECIFIED = 0;
    STATE_NEW = 1;
    STATE_IN_TRANSIT = 2;
  }

  message DayChoice {
    oneof choice {
      // A day, as 2026-01-31.
      string value = 8;
    }
  }

  message AmountItems {
    repeated int64 items = 1;
  }

  message AmountChoice {
    oneof choice {
      int64 whole = 2;
      double real = 3;
      string text = 4;
      AmountItems items = 5;
    }
  }

  message GridItemItemChoice {
    oneof choice {
      int64 whole = 2;
    }
  }

  message GridItemItems {
    repeated GridItemItemChoice items = 1;
  }

  message TagsValueItems {
    repeated string items = 1;
  }

  message CodesItems {
    repeated int64 items = 1;
  }

  // One line of an order.
  message Line {
    // The code of the article.
    // Required.
    optional string sku_code = 1;
    // Required.
    Money price = 2;
    // Default: 1
    optional int64 count = 3;
  }

  // An amount of money: its whole number of the currency's smallest unit, and the currency's three letters (ISO 4217).
  message Money {
    // Required.
    optional int64 minor_units = 1;
    // Required.
    optional string currency = 2;
  }

  // Required.
  optional string order_id = 1;
  // The person whose data the record holds.
  // Required.
  optional string customer = 2;
  optional string email = 3 [debug_redact = true];
  // Required.
  optional State state = 4;
  repeated Line lines = 5;
  // Required.
  google.protobuf.Timestamp at = 6;
  // An instant, to the millisecond.
  // Default: "2026-01-01T00:00:00Z"
  google.protobuf.Timestamp seen_at = 7;
  // A decimal number.
  // Default: "1.50"
  optional string tax = 8;
  // Default: "AP8="
  optional bytes raw = 9;
  // Default: "2026-01-01"
  DayChoice day = 10;
  // A time of day, as 23:59:59.
  optional string clock = 11;
  // A UUID.
  optional string ref = 12;
  // Default: 0
  AmountChoice amount = 13;
  repeated GridItemItems grid = 14;
  map<string, TagsValueItems> tags = 15;
  // Default: [1]
  CodesItems codes = 16;
  // Default: 1
  optional int64 kind = 17;
  Order inner = 18;
  // Default: "-"
  optional string url = 19 [json_name = "URL"];
}
"""


def text_of(struct: Any, numbers: Numbers | None = None, *, revision: int | None = None) -> str:
    return printed(proto_file(Shape("Made", "test", struct), numbers or Numbers(), revision=revision))


def test_each_type_has_its_form() -> None:
    """With presence for each singular field, so that an absent number is not taken for 0."""
    assert printed(proto_file(ORDER, Numbers())) == TEXT


def test_the_text_is_the_same_in_another_process_with_other_hashes() -> None:
    """It is committed, compared, and its fingerprint names the schema."""
    code = (
        "from tests.unit.schemas.protobuf.test_derivation import ORDER, Numbers, printed, proto_file;"
        "print(printed(proto_file(ORDER, Numbers())), end='')"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        assert done.stdout == TEXT


def test_words_and_marks_are_not_in_the_fingerprint_and_promises_are() -> None:
    """No reader needs a comment to read bytes; with another default it reads an absent field as another value."""

    def of(annotation: Any, *default: Any, doc: str = "") -> str:
        struct = msgspec.defstruct("Made", [("a", annotation, *default)], namespace={"__doc__": doc})
        return fingerprint(proto_file(Shape("Made", "test", struct), Numbers()))

    plain = of(str)
    assert plain.startswith("protobuf:") and len(plain) == len("protobuf:") + 16
    assert plain == of(str, doc="A record.") == of(Annotated[str, PII]) == of(Annotated[str, Subject])
    assert plain == of(Annotated[str, msgspec.Meta(description="A text.\nDefault: none of these lines.")])
    assert len({plain, of(int), of(str, "a"), of(str, "b"), of(str | None), of(list[str])}) == 6


def test_a_record_in_a_package_with_a_name_of_its_own_is_found_by_a_longer_name() -> None:
    """The innermost scope that has a name decides: a shorter name would be another thing there."""
    inner = msgspec.defstruct("google", [("a", str)])
    struct = msgspec.defstruct("Made", [("x", inner), ("at", dt.datetime)])
    assert ".google.protobuf.Timestamp at = 2;" in text_of(struct)


@pytest.mark.parametrize(
    ("struct", "why"),
    [
        (msgspec.defstruct("Made", [("größe", str)]), "größe is no name in Protobuf"),
        (msgspec.defstruct("Made", [("a", Literal["ja", "äöü"])]), "The value 'äöü' of MadeA is no name in Protobuf"),
        (msgspec.defstruct("Made", [("a", Literal["x y", "x-y"])]), "Two values of MadeA are MADE_A_X_Y"),
        (msgspec.defstruct("Made", [("a", Literal["unspecified"])]), "Two values of MadeA are MADE_A_UNSPECIFIED"),
        (msgspec.defstruct("Made", [("order_id", str), ("orderId", str)]), "are order_id in Protobuf"),
        (
            msgspec.defstruct("Made", [("line", msgspec.defstruct("line", [("a", str)]))]),
            "two of its fields, records and enums are line",
        ),
        (
            msgspec.defstruct("Made", [("a", list[list[int]]), ("b", msgspec.defstruct("AItemItems", [("a", str)]))]),
            "two of its fields, records and enums are AItemItems",
        ),
        (msgspec.defstruct("Made", [("a", str, "\ud800")]), "default"),
        (msgspec.defstruct("Made", [("a", int, 2**63)]), "more than 64 bits"),
        (msgspec.defstruct("Made", [("a", decimal.Decimal, decimal.Decimal("1E-10"))]), "default"),
        (
            msgspec.defstruct(
                "Made",
                [("a", dict[str, list[str]], msgspec.field(default_factory=lambda: {"\udfff": []}))],
            ),
            "default",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_protobuf_cannot_say_is_refused_where_it_is_declared(struct: Any, why: str) -> None:
    """With the place and a hint; otherwise protoc would refuse it at a colleague's desk, or a reader would see another value."""
    with pytest.raises(DeclarationError, match=why) as refused:
        text_of(struct)
    assert refused.value.hint


def test_a_field_that_is_gone_keeps_its_number_from_others() -> None:
    """And so does a value of an enum. The next field gets a number that none ever had, whatever its place in the class."""
    first = msgspec.defstruct("Made", [("a", str), ("b", Literal["x", "y"]), ("c", int)])
    given = completed(Numbers(), read(Shape("Made", "test", first)))
    later = msgspec.defstruct("Made", [("d", str), ("b", Literal["y", "z"]), ("a", str)])
    text = text_of(later, given)
    assert [line.strip() for line in text.splitlines() if "=" in line or "reserved" in line][1:] == [
        "reserved 3;",
        'reserved "c";',
        "reserved 1;",
        'reserved "MADE_B_X";',
        "MADE_B_UNSPECIFIED = 0;",
        "MADE_B_Y = 2;",
        "MADE_B_Z = 3;",
        "optional string d = 4;",
        "optional MadeB b = 2;",
        "optional string a = 1;",
    ]


def test_a_renamed_field_keeps_its_number() -> None:
    """Its earlier name is never given to another field, also when the note is gone one day."""
    given = completed(Numbers(), read(Shape("Made", "test", msgspec.defstruct("Made", [("payer", str), ("x", str)]))))
    renamed = msgspec.defstruct("Made", [("paid_by", Annotated[str, Alias("payer")]), ("x", str)])
    again = msgspec.defstruct("Made", [("by", Annotated[str, Alias("paid_by")]), ("x", str)])
    numbers = completed(given, read(Shape("Made", "test", renamed)))
    later = completed(numbers, read(Shape("Made", "test", again)))
    assert later.given["Made"] == {"payer": 1, "x": 2, "paid_by": "payer", "by": "payer"}
    text = text_of(msgspec.defstruct("Made", [("by", str), ("x", str)]), later)
    assert "optional string by = 1;" in text and 'reserved "paid_by", "payer";' in text and "reserved 1" not in text
    both = msgspec.defstruct("Made", [("by", str), ("payer", str)])
    with pytest.raises(DeclarationError, match=r"Made.payer has the number 1 of Made.by"):
        text_of(both, later)


def test_an_earlier_name_with_a_number_of_its_own_is_refused() -> None:
    """The values under it would be passed over in silence, and the field have its default."""
    struct = msgspec.defstruct("Made", [("paid_by", Annotated[str, Alias("payer")])])
    with pytest.raises(
        DeclarationError, match="paid_by has the number 2, and payer, its earlier name, has 1"
    ) as refused:
        text_of(struct, Numbers({"Made": {"payer": 1, "paid_by": 2}}))
    assert 'paid_by = "payer"' in refused.value.hint


def test_an_older_revision_leaves_later_fields_out_and_reserves_nothing_of_them() -> None:
    """Its number is used by the next revision: a reserved number could not be."""
    struct = msgspec.defstruct("Made", [("a", str), ("b", Annotated[str, Since(2)], "x")])
    assert "reserved" not in text_of(struct, revision=1) and " b " not in text_of(struct, revision=1)
    assert 'Default: "x"\n  optional string b = 2;' in text_of(struct, revision=2)


def test_numbers_that_another_project_gives_are_not_reserved_by_a_class_that_lacks_some() -> None:
    """A consumer declares the fields that it needs."""
    numbers = Numbers({"Made": {"a": 3, "b": 7}}, "the owner's", ProtoFile(package="", messages=()))
    text = text_of(msgspec.defstruct("Made", [("b", str)]), numbers)
    assert "optional string b = 7;" in text and "reserved" not in text


def test_numbers_of_protobuf_itself_are_passed_over() -> None:
    """19000 to 19999 are refused by protoc."""
    numbers = Numbers({"Made": {"a": 18_999}})
    text = text_of(msgspec.defstruct("Made", [("a", str), ("b", str), ("c", str)]), numbers)
    assert "b = 20000;" in text and "c = 20001;" in text


def test_a_default_is_written_whole_whatever_its_class_leaves_out() -> None:
    """Two classes of one wire form have one text and one fingerprint."""

    def text_of(*, sparse: bool) -> str:
        part = msgspec.defstruct("Part", [("n", float, 1), ("m", int, 2)], omit_defaults=sparse, tag=sparse or None)
        made = msgspec.defstruct("Made", [("a", list[part] | None, msgspec.field(default_factory=lambda: [part()]))])  # type: ignore[valid-type]
        return printed(proto_file(Shape("Made", "test", made), Numbers()))

    assert text_of(sparse=True) == text_of(sparse=False)
    assert '// Default: [{"m": 2, "n": 1.0}]' in text_of(sparse=True)
