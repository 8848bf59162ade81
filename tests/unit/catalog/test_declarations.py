"""An impossible handler is refused at its declaration, with the line to write; and a handler keeps its identity
whatever the name of its function is."""

import functools
import importlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest

from partita import Command, DeclarationError, Depends, Event, Fault, Key, Meta, Rejection, Service, Tx
from partita.catalog.binding import Binding

own = Service("own", namespace="declared.own")


class Made(Event, of=own):
    id: Key[str]


class Gone(Event, of=own):
    id: Key[str]


class No(Rejection):
    id: str


class Make(Command[Made, No], of=own):
    id: Key[str]


class Drop(Command[Gone], of=own):
    id: Key[str]


class Mailer:
    """The value of a provider."""

    async def handle(self, event: Made) -> None:
        """A method that handles an event."""

    async def __call__(self, event: Made) -> None:
        """An object that could be called."""


@pytest.fixture
def svc(monkeypatch: pytest.MonkeyPatch) -> Service:
    """The service of these messages, with no handler yet."""
    monkeypatch.setattr(own.declared, "bindings", [])
    return own


def only(service: Service) -> Binding:
    """The one handler of the service."""
    (found,) = service.declared.bindings
    return found


# --- what may be a handler


def plain_with_tx(cmd: Make, tx: Tx) -> Made: ...


def generates(event: Made) -> Iterator[Made]:
    yield event


async def generates_async(event: Made) -> AsyncIterator[Made]:
    yield event


async def by_keyword(event: Made, *, tx: Tx) -> None: ...


async def takes_nothing() -> None: ...


async def vague_tx(event: Made, tx: "Tx | None") -> None: ...


async def with_rest(event: Made, *rest: Any) -> None: ...


@asynccontextmanager
async def manages(event: Made) -> AsyncIterator[None]:
    yield


def needs(mail: str) -> Mailer: ...


async def needs_something(event: Made, mailer: Annotated[Mailer, Depends(needs)]) -> None: ...


async def depends_on_an_object(event: Made, mailer: Annotated[Mailer, Depends("mailer")]) -> None: ...  # type: ignore[arg-type]


async def of_no_module(event: "Made.missing") -> None: ...  # type: ignore[name-defined]


async def says_nonsense(event: "Made[") -> None: ...  # type: ignore[valid-type]  # noqa: F722


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (plain_with_tx, "asks for Tx and is a plain function"),
        (lambda event: None, "subscribes to None"),
        (generates, "is a generator"),
        (generates_async, "is a generator"),
        (manages, "is a generator"),
        (by_keyword, "takes 'tx' by keyword only"),
        (takes_nothing, "takes no message"),
        (vague_tx, "nothing can fill parameter 'tx'"),
        (with_rest, "nothing can fill parameter 'rest'"),
        (needs_something, "nothing can fill its parameter 'mail'"),
        (depends_on_an_object, "depends on a str, which cannot be called"),
        (of_no_module, "an annotation of of_no_module cannot be read"),
        (says_nonsense, "an annotation of says_nonsense cannot be read"),
        (Mailer, "the class Mailer is not a handler"),
        (Mailer(), "a Mailer is not a handler"),
        (functools.partial(generates_async), "a partial is not a handler"),
        (classmethod(takes_nothing), "a classmethod is not a handler"),
    ],
)
def test_what_can_be_no_handler_is_refused(svc: Service, function: Any, says: str) -> None:
    """If it were accepted, it would fail with every message or, worse, do nothing and confirm."""
    with pytest.raises(DeclarationError, match=says):
        svc.on(function)
    if function is plain_with_tx:
        with pytest.raises(DeclarationError, match=says):
            svc.handles(Make)(function)
    assert not svc.declared.bindings


def traced(function: Callable[..., Any]) -> Any:
    """A decorator as tracing libraries have it: a plain function that returns the coroutine."""

    @functools.wraps(function)
    def around(*args: Any) -> Any:
        return function(*args)

    return around


async def hears(event: Made, tx: Tx) -> None: ...


@pytest.mark.parametrize("function", [traced(hears), Mailer().handle, staticmethod(hears)])
def test_a_coroutine_function_is_one_also_as_a_method_or_behind_a_decorator(svc: Service, function: Any) -> None:
    """In a worker thread its coroutine would be created and never run."""
    svc.on(function)
    assert only(svc).is_async


@pytest.mark.parametrize("what", [Made, No, Fault[Made], Mailer, hears, str, 3])
def test_only_a_command_is_handled_with_handles(svc: Service, what: Any) -> None:
    """An event is handled with `on`; and a decorator without its command would take the function for the command."""
    with pytest.raises(DeclarationError, match="is not a command"):

        @svc.handles(what)
        async def handler(message: Any) -> Any: ...


def test_a_handler_is_annotated_with_the_command_it_handles(svc: Service) -> None:
    """Otherwise it is written for another message than it gets."""
    with pytest.raises(DeclarationError, match="handles Make and is annotated with Drop"):

        @svc.handles(Make)  # type: ignore[arg-type]
        async def handler(cmd: Drop) -> Made: ...


# --- its identity


def test_an_identity_is_the_service_the_type_and_the_name(svc: Service) -> None:
    """Whatever the name of the function is; each type of a union has an identity of its own."""

    @svc.handles(Make)
    async def any_name(cmd: Make) -> Made: ...

    @svc.on
    async def another(event: Made | Gone) -> None: ...

    @svc.on(name="mail")
    async def third(event: Made | Fault[Make], meta: Meta) -> None: ...

    make, both, mail = svc.declared.bindings
    assert make.identity("declared.own.v1.Make") == "own/declared.own.v1.Make"
    assert both.identity("declared.own.v1.Gone") == "own/declared.own.v1.Gone"
    assert mail.identity("declared.own.v1.Made") == "own/declared.own.v1.Made#mail"


def test_two_handlers_of_one_type_are_told_apart_by_a_name(svc: Service) -> None:
    """With one identity they would share idempotency keys and business keys: one of them, or both, would have no
    effect."""

    @svc.on
    async def mails(event: Made | Gone) -> None: ...

    with pytest.raises(DeclarationError, match=r'Gone is already subscribed by mails(.|\n)*@own.on\(name="pushes"\)'):

        @svc.on
        async def pushes(event: Gone) -> None: ...

    @svc.on(name="push")
    async def named(event: Gone) -> None: ...

    with pytest.raises(DeclarationError, match="Gone is already subscribed by named"):

        @svc.on(name="push")
        async def again(event: Gone) -> None: ...

    svc.on(name="push-of-made")(named)
    with pytest.raises(DeclarationError, match="already subscribed"):
        svc.on(named)
    assert [b.label for b in svc.declared.bindings] == ["", "push", "push-of-made"]


def test_functions_of_one_name_are_two_handlers(svc: Service) -> None:
    """As two modules may have them. Without names they are refused; with names both exist."""

    def made_in(name: str | None) -> None:
        @svc.on(name=name)
        async def notify(event: Made) -> None: ...

    made_in("mail")
    made_in("push")
    made_in(None)
    with pytest.raises(DeclarationError, match="already subscribed by notify"):
        made_in(None)
    assert len(svc.declared.bindings) == 3


@pytest.mark.parametrize("name", ["", "a/b", "a#b", " a", "é", "x" * 101, 7])
def test_a_name_is_made_of_plain_letters(svc: Service, name: Any) -> None:
    """The name is in keys that providers get."""
    with pytest.raises(DeclarationError, match="is not valid as a handler's name"):
        svc.on(name=name)


# --- executed again

CELL = "@svc.on\nasync def note(event: Made) -> None: ...\n"
COMMAND_CELL = "@svc.handles(Make)\nasync def make(cmd: Make) -> Made: ...\n"


def execute(text: str, file: str, names: dict[str, Any]) -> None:
    """As a notebook does with a cell."""
    exec(compile(text, file, "exec"), names)


@pytest.mark.parametrize("cell", [CELL, COMMAND_CELL])
@pytest.mark.parametrize("file", ["cell-7", "cell-8"])
def test_a_cell_that_is_run_again_takes_its_own_place(svc: Service, cell: str, file: str) -> None:
    """If the function were bound twice, it would handle each event twice; if it were refused, no one could
    experiment."""
    names = {"svc": svc, "Made": Made, "Make": Make, "__name__": "__main__"}
    execute(cell, "cell-7", names)
    first = only(svc).function
    execute(cell, file, names)
    assert only(svc).function is not first


def test_a_function_bound_twice_or_in_a_loop_is_refused(svc: Service) -> None:
    """It is not a second execution: the second would silently replace the first, or double it."""
    names = {"svc": svc, "Made": Made, "__name__": "__main__"}
    execute("@svc.on\n@svc.on(name='x')\nasync def note(event: Made) -> None: ...\n", "cell-7", names)
    with pytest.raises(DeclarationError, match="already subscribed by note"):
        svc.on(names["note"])
    loop = "for _ in range(2):\n    @svc.on(name='loop')\n    async def loops(event: Made) -> None: ...\n"
    with pytest.raises(DeclarationError, match="already subscribed by loops"):
        execute(loop, "cell-8", names)


MODULE = """
from tests.unit.catalog.test_declarations import Made, Make, own
{blank}
@own.on
async def note(event: Made) -> None: ...

@own.handles(Make)
async def make(cmd: Make) -> Made: ...
"""
TWICE = """
from tests.unit.catalog.test_declarations import Made, own

@own.on
async def note(event: Made) -> None: ...

@own.on
async def note(event: Made) -> None: ...
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of a user, which the test writes."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "declaring.py"
    sys.modules.pop("declaring", None)


@pytest.mark.parametrize("blank", ["", "\n# a line more\n\n"])
def test_a_module_that_is_reloaded_takes_its_own_places(svc: Service, module: Path, blank: str) -> None:
    """Also when its handlers are on other lines now."""
    module.write_text(MODULE.format(blank=""))
    declaring = importlib.import_module("declaring")
    module.write_text(MODULE.format(blank=blank))
    importlib.invalidate_caches()
    importlib.reload(declaring)
    assert [b.name for b in svc.declared.bindings] == ["note", "make"]
    assert svc.declared.bindings[0].function is declaring.note


def test_two_functions_of_one_name_in_one_module_are_refused(svc: Service, module: Path) -> None:
    """The second replaces the first in the module, and must not count as the first one reloaded."""
    module.write_text(TWICE)
    with pytest.raises(DeclarationError, match="already subscribed by note"):
        importlib.import_module("declaring")
