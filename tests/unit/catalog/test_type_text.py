"""A field's type is shown as its declaration has it."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any, Dict, List, Literal, NewType, Optional, Union  # noqa: UP035  # as users write them
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner

from partita import Key, Since
from partita.catalog.contract import KEY_MARK
from partita.catalog.type_text import type_text
from partita.cli.main import cli
from partita.schemas import PII, Alias, Millis, Subject

OrderId = NewType("OrderId", str)


class Line(msgspec.Struct):
    """A part of a message."""

    sku: str


class Stage(enum.Enum):
    """A stage."""

    NEW = "new"


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (str, "str"),
        (Key[OrderId], "Key[OrderId]"),
        (Key[UUID], "Key[UUID]"),
        (Annotated[str | None, KEY_MARK], "Key[str | None]"),
        (Annotated[list[Line], Since(2)], "Annotated[list[Line], Since(2)]"),
        (Annotated[Key[OrderId], Since(3)], "Annotated[Key[OrderId], Since(3)]"),
        (Annotated[int, msgspec.Meta(ge=1)], "Annotated[int, msgspec.Meta(ge=1)]"),
        (Annotated[str, PII], "Annotated[str, PII]"),
        (Annotated[OrderId, Subject], "Annotated[OrderId, Subject]"),
        (Annotated[dt.datetime, Millis], "Annotated[datetime, Millis]"),
        (Annotated[str, Alias("payer"), PII], 'Annotated[str, Alias("payer"), PII]'),
        (Annotated[Key[OrderId], Subject], "Annotated[Key[OrderId], Subject]"),
        (list[Annotated[int, msgspec.Meta(ge=1)]], "list[Annotated[int, msgspec.Meta(ge=1)]]"),
        (Optional[int], "int | None"),  # noqa: UP045
        (Union[int, str, None], "int | str | None"),  # noqa: UP007
        (Line | None, "Line | None"),
        (List[Line], "list[Line]"),  # noqa: UP006
        (Dict[str, Decimal], "dict[str, Decimal]"),  # noqa: UP006
        (tuple[dt.date, ...], "tuple[date, ...]"),
        (frozenset[Stage], "frozenset[Stage]"),
        (Literal["in_transit", 'a "b"'], 'Literal["in_transit", "a \\"b\\""]'),
        (Literal[1, 2], "Literal[1, 2]"),
        (dict[str, list[OrderId] | None], "dict[str, list[OrderId] | None]"),
        (Any, "Any"),
        (type(None), "None"),
    ],
    ids=str,
)
def test_a_type_is_shown_as_it_was_written(hint: Any, text: str) -> None:
    """No user has written `typing.Annotated[tests.OrderId, 'partita.key']`."""
    assert type_text(hint) == text


def test_a_class_of_a_function_has_its_own_name() -> None:
    class Local(msgspec.Struct):
        """A part of a message, in a function."""

    assert type_text(list[Local]) == "list[Local]"


@pytest.mark.parametrize("name", ["OrderPlaced", "ReserveStock", "ChargePayment"])
def test_describe_shows_no_inner_form(name: str) -> None:
    """Of an event and of commands."""
    done = CliRunner().invoke(cli, ["describe", "event", name, "--app", "partita.examples.shop.app:app"])
    assert done.exit_code == 0 and "typing" not in done.output and "partita.key" not in done.output
    assert "Key[OrderId]" in done.output
