"""A handler declares the events that it publishes: the catalog knows them without running it, and impossible ones are refused."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from types import ModuleType
from typing import Annotated, Any, List, Never, NewType, NoReturn, Optional, Tuple, TypeVar  # noqa: UP035  # as users write

import msgspec
import pytest
from click.testing import CliRunner
from typing_extensions import TypeAliasType

from partita import (
    App,
    Command,
    DeclarationError,
    Event,
    Fault,
    Key,
    Rejection,
    Saga,
    Service,
    Tx,
    minutes,
    retriable,
    seconds,
    step,
)
from partita.catalog.binding import Binding
from partita.catalog.contract import contract_of
from partita.cli.main import cli
from partita.examples.rides.app import app as rides_app
from partita.examples.shop.app import app as shop_app

shop = Service("shop", namespace="emits.shop")


class Family(Event):
    """Events of a kind; without an owner the class itself is not an event."""

    id: Key[str]


class Asked(Event, of=shop):
    id: Key[str]


class One(Family, of=shop): ...


class Two(Family, of=shop): ...


class Done(Event, of=shop):
    id: Key[str]


class No(Rejection):
    why: str


class Do(Command[Done, No], of=shop):
    id: Key[str]


class Mixin:
    """A class of the user's that is not an event, or may be mixed into one."""


Either = One | Two
Alias = TypeAliasType("Alias", One | None)
Renamed = NewType("Renamed", One)
T = TypeVar("T", bound=Event)


@pytest.fixture
def svc() -> Iterator[Service]:
    """The service of these messages, with no handler yet."""
    yield shop
    for service in (shop, other):
        service.declared.bindings.clear()


def hears(annotation: Any, *, plain: bool = False) -> Any:
    """A handler of an event with this annotation of its result; ... = without one."""

    async def handler(event: Asked, tx: Tx): ...  # type: ignore[no-untyped-def]
    def plainly(event: Asked): ...  # type: ignore[no-untyped-def]

    made = plainly if plain else handler
    if annotation is not ...:
        made.__annotations__["return"] = annotation
    return made


def only(service: Service) -> Binding:
    """The one handler of the service."""
    (found,) = service.declared.bindings
    return found


def emits(service: Service) -> list[str]:
    """The names of the events that its one handler publishes."""
    binding = only(service)
    assert binding.emitted == {contract.cls for contract in binding.emits}
    return [contract.name for contract in binding.emits]


# --- a handler of events


@pytest.mark.parametrize(
    ("annotation", "names"),
    [
        (None, []),
        ("None", []),
        (Never, []),
        (NoReturn, []),
        (tuple[()], []),
        (One, ["One"]),
        ("One", ["One"]),
        (One | None, ["One"]),
        (Optional[Two], ["Two"]),  # noqa: UP045
        (One | Two | None, ["One", "Two"]),
        (Either, ["One", "Two"]),
        (Alias, ["One"]),
        (Renamed, ["One"]),
        (Annotated[One, "first"], ["One"]),
        (list[One], ["One"]),
        (List[One], ["One"]),  # noqa: UP006
        (list["One | Two"], ["One", "Two"]),
        (tuple[One, Two], ["One", "Two"]),
        (Tuple[One, ...], ["One"]),  # noqa: UP006
        (tuple[One | Two, ...], ["One", "Two"]),
        (Sequence[Either], ["One", "Two"]),
        (Iterable[One], ["One"]),
        (Collection[Alias.__value__.__args__[0]], ["One"]),
        (list[One] | tuple[Two] | None, ["One", "Two"]),
        (list[One] | One, ["One"]),
        (Awaitable[One | None], ["One"]),
        (Coroutine[Any, Any, list[Two]], ["Two"]),
        (One | Never, ["One"]),
    ],
    ids=str,
)
def test_the_return_annotation_names_the_events(svc: Service, annotation: Any, names: list[str]) -> None:
    """The declaration is the annotation that a type checker checks."""
    svc.on(hears(annotation))
    assert emits(svc) == names


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ((), []),
        ([], []),
        (One, ["One"]),
        ((One, Two), ["One", "Two"]),
        ([One, Two, One], ["One", "Two"]),
        (Either, ["One", "Two"]),
        ((Either, Asked), ["One", "Two", "Asked"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("annotation", [..., None, Any, list[Event], Family, object], ids=str)
def test_emits_names_what_is_given_to_publish(svc: Service, annotation: Any, given: Any, names: list[str]) -> None:
    """Also where the annotation names no event: a union of events counts for each of them."""
    svc.on(emits=given)(hears(annotation))
    assert emits(svc) == names


def test_both_together_are_what_it_publishes(svc: Service) -> None:
    """Each event counts once."""
    svc.on(emits=(Two, One))(hears(One | Asked))
    assert emits(svc) == ["One", "Asked", "Two"]


@pytest.mark.parametrize(
    "annotation",
    [
        ...,
        Any,
        object,
        Event,
        Family,
        msgspec.Struct,
        list,
        List,  # noqa: UP006
        tuple,
        Tuple,  # noqa: UP006
        Sequence,
        list[Any],
        list[Event],
        One | Any,
        tuple[One, Any],
        T,
        list[T],
        Mixin,
        Awaitable,
        Awaitable[Any],
    ],
    ids=str,
)
@pytest.mark.parametrize("plain", [True, False])
def test_a_handler_that_does_not_say_what_it_publishes_is_refused(svc: Service, annotation: Any, plain: bool) -> None:
    """Without a declaration the picture of its effects would be a guess. The refusal has the lines to write."""
    with pytest.raises(
        DeclarationError, match=r"test_emits(.|\n)*(does not declare|does not name)(.|\n)*emits="
    ) as refused:
        svc.on(hears(annotation, plain=plain))
    assert "->" in refused.value.hint
    assert not svc.declared.bindings


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (str, "returns str, and str is not an event"),
        (int | None, "int is not an event"),
        (dict[str, One], r"dict\[str, One\] is not an event"),
        (set[One], r"set\[One\] is not an event"),
        (type[One], r"type\[One\] is not an event"),
        (frozenset, "frozenset is not an event"),
        (Iterator[One], r"Iterator\[One\] is not an event"),
        (Generator[One, None, None], "is not an event"),
        (AsyncIterator[One], "is not an event"),
        (list[One | None], "None is not an event"),
        (tuple[One, None], "None is not an event"),
        (list[list[One]], r"list\[One\] is not an event"),
        (list[str], "str is not an event"),
        (Do, r"Do is not an event(.|\n)*tx.send"),
        (One | Do, r"Do is not an event(.|\n)*tx.send"),
        (No, r"No is not an event(.|\n)*is raised"),
        (Fault[One], r"Fault\[One\] is not an event"),
    ],
    ids=str,
)
@pytest.mark.parametrize("given", [None, One])
def test_a_result_that_can_be_no_event_is_refused(svc: Service, annotation: Any, says: str, given: Any) -> None:
    """It would fail with the first message for which it returns that result."""
    with pytest.raises(DeclarationError, match=says):
        svc.on(emits=given)(hears(annotation))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None | One, "emits None"),
        ((One, None), "emits None"),
        ("One", "emits One"),
        (Do, r"emits Do(.|\n)*tx.send"),
        (No, r"emits No(.|\n)*is raised"),
        (Fault[One], r"emits Fault\[One\](.|\n)*dead letter"),
        (Event, "emits Event"),
        (Family, r"emits Family(.|\n)*of=service"),
        (Mixin, "emits Mixin"),
        (list[One], r"emits list\[One\]"),
        ((One, (Two,)), "emits "),
        ({One}, "emits "),
        (3, "emits 3"),
        (shop, "emits Service"),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["on", "handles"])
def test_what_is_no_event_is_not_emitted(svc: Service, how: str, given: Any, says: str) -> None:
    """If it were silently accepted, it would declare nothing."""
    with pytest.raises(DeclarationError, match=says):
        if how == "on":
            svc.on(emits=given)(hears(None))
        else:
            svc.handles(Do, emits=given)(does(Done))


def test_a_handler_behind_a_decorator_declares_what_it_returns_itself(svc: Service) -> None:
    """As tracing libraries have it."""

    def traced(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def around(*args: Any) -> Any:
            return function(*args)

        return around

    svc.on(traced(hears(One)))
    assert emits(svc) == ["One"]


def test_events_of_a_function_are_named_there(svc: Service) -> None:
    """As a test declares them."""

    class Local(Event, of=svc):
        id: Key[str]

    @svc.on(emits=One)
    async def handler(event: Asked) -> Local | list[Two]: ...

    assert emits(svc) == ["Local", "Two", "One"]


# --- the handler of a command


def does(annotation: Any) -> Any:
    """A handler of a command with this annotation of its result; ... = without one."""

    async def handler(cmd: Do, tx: Tx): ...  # type: ignore[no-untyped-def]

    if annotation is not ...:
        handler.__annotations__["return"] = annotation
    return handler


@pytest.mark.parametrize(
    "annotation", [..., Any, Done, "Done", Awaitable, Awaitable[Done], Event, Never, Annotated[Done, 1], T], ids=str
)
def test_a_command_declares_its_reply_and_emits_the_rest(svc: Service, annotation: Any) -> None:
    """The reply is published as any event; the annotation adds nothing to what the command declares."""
    svc.handles(Do)(does(annotation))
    assert emits(svc) == ["Done"]
    svc.declared.bindings.clear()
    svc.handles(Do, emits=(One, Done))(does(annotation))
    assert emits(svc) == ["Done", "One"]


@pytest.mark.parametrize(
    "annotation",
    [None, One, Done | None, Done | One, Done | No, No, Do, list[Done], tuple, str, dict[str, Done]],
    ids=str,
)
def test_another_result_than_the_reply_is_refused(svc: Service, annotation: Any) -> None:
    """A type checker accepts a union with the reply, and the handler would fail with the first message."""
    with pytest.raises(DeclarationError, match=r"and Do is answered by Done(.|\n)*handles\(Do, emits="):
        svc.handles(Do)(does(annotation))
    assert not svc.declared.bindings


# --- the catalog


class Finished(Event, of=shop):
    id: Key[str]


class Undone(Event, of=shop):
    id: Key[str]


class Undo(Command[Undone], of=shop):
    id: Key[str]


class Finish(Command[Finished], of=shop):
    id: Key[str]


other = Service("other", namespace="emits.other")


class Cancelled(Event, of=shop):
    id: Key[str]


class Work(Saga, start=Asked, deadline=minutes(5), undone=Cancelled, of=shop):
    do = step(Do, undo=Undo, timeout=seconds(60))
    finish = retriable(Finish, timeout=seconds(60))


def declared(svc: Service) -> App:
    """An app with handlers of two services."""

    @svc.handles(Do, emits=One)
    async def do(cmd: Do) -> Done: ...

    @svc.handles(Undo)
    async def undo(cmd: Undo) -> Undone: ...

    @svc.handles(Finish)
    async def finish(cmd: Finish) -> Finished: ...

    @svc.on(name="again")
    async def again(event: Two | Asked) -> list[One]: ...

    def notifying(name: str, emits: type[Event]) -> None:
        @svc.on(name=name, emits=emits)
        async def notify(event: Fault[Do] | Two) -> None: ...

    notifying("mail", Asked)
    notifying("push", Finished)

    @other.on(emits=Cancelled)
    async def give_up(event: Fault[Finish]) -> None: ...

    return App(svc, other)


def test_the_catalog_knows_the_publishers_of_an_event(svc: Service) -> None:
    """Handlers of each service, the replies of commands, and sagas; with the messages upon which they do."""
    catalog = declared(svc).catalog

    def of(event: type[Any]) -> list[tuple[str, str, str, list[str]]]:
        found = catalog.publishers(contract_of(event))
        return [(each.service, each.name, each.kind, [c.name for c in each.upon]) for each in found]

    assert of(One) == [("shop", "do", "handles", ["Do"]), ("shop", "again", "on", ["Two", "Asked"])]
    assert of(Done) == [("shop", "do", "handles", ["Do"])]
    saga = ("shop", "Work", "saga", ["Asked", "Done", "No", "Undone", "Finished"])
    assert of(Cancelled) == [saga, ("other", "give_up", "on", ["Fault[Finish]"])]
    notify = ("shop", "notify", "on", ["Fault[Do]", "Two"])
    assert of(Asked) == [notify]
    assert of(Finished) == [("shop", "finish", "handles", ["Finish"]), notify]
    assert of(Two) == []


@pytest.mark.parametrize("app", [shop_app, rides_app], ids=["shop", "rides"])
def test_every_event_of_the_examples_is_published_by_somebody(app: App) -> None:
    """Each is the reply of a command, or the end of a saga, or comes by an ingress; no arrow in a picture of the system comes out of
    nowhere."""
    events = [c for c in app.catalog.contracts.values() if c.kind == "event" and c.upcaster is None]
    assert events
    from_outside = ["PaymentDisputed"] if app is shop_app else []
    assert [event.name for event in events if not app.catalog.publishers(event)] == from_outside


def test_describe_shows_what_is_published_and_by_what(svc: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """For people, and as JSON for what is built upon it."""
    module = ModuleType("declares_what_it_emits")
    module.app = declared(svc)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def described(*words: str) -> str:
        done = CliRunner().invoke(cli, ["describe", *words, "--app", f"{module.__name__}:app"], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    service = described("service", "shop").splitlines()
    *_, do = [line.split() for line in service if line.startswith("Do ")]
    assert do == ["Do", "do", "1", "Done,", "One"]
    assert next(line.split() for line in service if line.startswith("Work ")) == ["Work", "Asked", "Cancelled"]
    as_json = json.loads(described("service", "shop", "-o", "json"))
    notify = [each["emits"] for each in as_json["emits"] if each["name"] == "notify"]
    assert notify == [["emits.shop.v1.Asked"], ["emits.shop.v1.Finished"]]
    assert {"name": "again", "emits": ["emits.shop.v1.One"]} in as_json["emits"]
    assert {"name": "Work", "emits": ["emits.shop.v1.Cancelled"]} in as_json["emits"]

    assert "published by Work (saga) of shop, give_up of other\n" in described("event", "Cancelled")
    assert "published by no handler and no saga\n" in described("event", "Two")
    assert "published by" not in described("event", "Do")
    done = json.loads(described("event", "Done", "-o", "json"))
    assert done["publishers"] == [{"service": "shop", "name": "do", "kind": "handles"}]
    assert (done["kind"], done["message_kind"]) == ("Message", "event")
