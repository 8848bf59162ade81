"""Forms in a browser: each type has its control, and each text its value, or an error at its field."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from partita import Command, Event, Key, Rejection, Service
from partita.catalog.contract import contract_of
from partita.observability.tasks import Form, FormField
from partita.operators.task_form import controls, filled
from partita.schemas import Money

desk = Service("desk", namespace="forms.desk")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Part(msgspec.Struct):
    name: str
    count: int


class Answered(Event, of=desk):
    id: Key[str]
    text: str
    whole: Annotated[int, msgspec.Meta(ge=0, description="in cents")]
    share: float
    exact: decimal.Decimal
    truth: bool
    colour: Colour
    size: Literal["s", "m"]
    day: dt.date
    at: dt.datetime
    cost: Money
    lines: list[str]
    numbers: tuple[int, ...]
    part: Part
    note: str | None = None
    limit: int | None = None
    level: int = 3


class No(Rejection):
    why: str
    code: int = 0


class Picture(Event, of=desk):
    id: Key[str]
    data: bytes


class Ask(Command[Answered, No], of=desk):
    id: Key[str]


def form_of(cls: Any, **given: Any) -> Form:
    """The form of an answer, with these values of the command."""
    contract = contract_of(cls)
    fields = msgspec.structs.fields(contract.shape.struct)
    return Form(contract, tuple(FormField(f.name, "", f.required, given.get(f.name)) for f in fields))


GOOD = {
    "text": "a\r\nb <b>",
    "whole": " 12 ",
    "share": "0.5",
    "exact": "1.10",
    "truth": "false",
    "colour": "blue",
    "size": "m",
    "day": "2026-12-24",
    "at": "2026-12-24T10:30",
    "cost.amount": "12.50",
    "cost.currency": "eur",
    "lines": "one\r\n\r\n two ",
    "numbers": "1\n2",
    "part": '{"name": "roof", "count": 2}',
}


def test_each_type_has_its_control() -> None:
    found = {each.name: (each.kind, each.options) for each in controls(form_of(Answered, id="k"))}
    assert "id" not in found, "the command's key is the answer's"
    assert found["colour"] == ("choice", ("red", "blue")) and found["size"] == ("choice", ("m", "s"))
    kinds = {name: kind for name, (kind, _) in found.items()}
    assert kinds == {
        "text": "text", "whole": "whole", "share": "number", "exact": "number", "truth": "truth", "colour": "choice",
        "size": "choice", "day": "date", "at": "instant", "cost": "money", "lines": "list", "numbers": "list",
        "part": "json", "note": "text", "limit": "whole", "level": "whole",
    }  # fmt: skip
    assert [each.kind for each in controls(form_of(Picture, id="k"))] == ["none"]


def test_texts_become_the_values_of_their_types() -> None:
    """An empty field is left out; money is exact in its smallest unit; a time without a zone is UTC."""
    made = filled(form_of(Answered, id="k"), GOOD)
    assert made.errors == {}
    assert made.answer == Answered(
        id="k",
        text="a\nb <b>",
        whole=12,
        share=0.5,
        exact=decimal.Decimal("1.10"),
        truth=False,
        colour=Colour.BLUE,
        size="m",
        day=dt.date(2026, 12, 24),
        at=dt.datetime(2026, 12, 24, 10, 30, tzinfo=dt.UTC),
        cost=Money(1250, "EUR"),
        lines=["one", "two"],
        numbers=(1, 2),
        part=Part("roof", 2),
    )
    refusal = filled(form_of(No), {"why": "no roof", "code": ""}).answer
    assert isinstance(refusal, No) and refusal.why == "no roof"  # type: ignore[attr-defined]  # its own field


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("text", ""),
        ("whole", "many"),
        ("whole", "1.5"),
        ("whole", "-1"),
        ("whole", "9" * 5_000),
        ("share", "x"),
        ("exact", "1,10"),
        ("truth", "maybe"),
        ("colour", "green"),
        ("size", "xl"),
        ("day", "24.12.2026"),
        ("at", "tomorrow"),
        ("cost.amount", "12.505"),
        ("cost.amount", "NaN"),
        ("cost.amount", "1e999999"),
        ("cost.currency", ""),
        ("cost.currency", "<b>"),
        ("numbers", "1\nx"),
        ("part", "{"),
        ("part", "[" * 100_000),
        ("part", '{"name": 1}'),
    ],
)
def test_a_text_that_does_not_fit_is_an_error_at_its_field_alone(field: str, text: str) -> None:
    form = form_of(Answered, id="k")
    made = filled(form, {**GOOD, field: text})
    name = field.partition(".")[0]
    assert made.answer is None and set(made.errors) == {name} and made.errors[name].strip()
    again = {each.name: each for each in controls(form, {**GOOD, field: text}, made.errors)}
    assert again[name].error == made.errors[name] and text in again[name].texts
    assert again["day" if name != "day" else "text"].error == ""


def test_several_errors_are_told_at_once_and_an_unknown_field_is_one() -> None:
    """The key and the person are no fields: a form that was changed by hand cannot give them."""
    made = filled(form_of(Answered, id="k"), {**GOOD, "whole": "x", "day": ""})
    assert set(made.errors) == {"whole", "day"}
    for name in ("id", "by", "actor"):
        assert set(filled(form_of(Answered, id="k"), {**GOOD, name: "other"}).errors) == {""}


def test_a_value_of_the_command_is_the_text_of_its_control() -> None:
    given = {"whole": 7, "truth": True, "cost": Money(5, "JPY"), "lines": ["a", "b"], "day": dt.date(2026, 1, 2)}
    found = {each.name: each.texts for each in controls(form_of(Answered, id="k", **given))}
    assert found["whole"] == ("7",) and found["truth"] == ("true",) and found["cost"] == ("5", "JPY")
    assert found["lines"] == ("a\nb",) and found["day"] == ("2026-01-02",)
