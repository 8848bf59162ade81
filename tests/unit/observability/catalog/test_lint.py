"""Each rule of the lint finds its mistake, and nothing once the line that it says is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest

from partita import App, Command, Event, Key, Rejection, Service
from partita.errors import DeclarationError
from partita.examples.claims.app import app as claims
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop
from partita.observability.catalog.lint import Finding, failures, lint
from partita.observability.catalog.rules import RULES
from partita.schemas import PII, Subject
from partita.topics import Sizing, TopicPlan

GUIDE = Path(__file__).resolve().parents[4] / "docs/guides/the-catalog.md"
OrderId = NewType("OrderId", str)
PersonId = NewType("PersonId", str)


def hear(service: Service, event: Any) -> None:
    async def heard(happened: Any) -> None: ...

    heard.__annotations__["happened"] = event
    service.on(name=event.__name__)(heard)


def one(accept: dict[Any, str] | None = None, *, mended: bool = False, doc: bool = True, heard: bool = True) -> App:
    """An app of one event, with the docstring and the hearer that its rule needs."""
    svc = Service("svc", namespace="lint.svc", team="a team")

    class Arrived(Event, of=svc, accept=accept):
        id: Key[OrderId]

    Arrived.__doc__ = "It is here." if doc or mended else None
    if heard or mended:
        hear(svc, Arrived)
    return App(svc)


def unhandled(accept: dict[Any, str] | None = None, *, mended: bool = False) -> App:
    svc = Service("svc", namespace="lint.svc", team="a team")

    class Arrived(Event, of=svc):
        """It is here."""

        id: Key[OrderId]

    class Send(Command[Arrived], of=svc, accept=accept):
        """Send it."""

        id: Key[OrderId]

    if mended:

        @svc.handles(Send)
        async def send(cmd: Send) -> Arrived: ...

    return App(svc)


def fields(
    accept: dict[Any, str] | None = None, *, plan: TopicPlan | None = None, name: str = "Arrived", **types: Any
) -> App:
    """An event with these fields."""
    svc = Service("svc", namespace="lint.svc", team="a team")
    made: dict[str, Any] = {"__doc__": "It is here.", "__annotations__": types, "__module__": __name__}
    cls = type(Event)(name, (Event,), made, of=svc, accept=accept)
    hear(svc, cls)
    return App(svc, topics=plan)


def commanded(name: str, accept: dict[Any, str] | None = None) -> App:
    svc = Service("svc", namespace="lint.svc", team="a team")

    class Arrived(Event, of=svc):
        """It is here."""

        id: Key[OrderId]

    made: dict[str, Any] = {"__doc__": "Send it.", "__annotations__": {"id": Key[OrderId]}, "__module__": __name__}
    made["__orig_bases__"] = (Command[Arrived],)
    cls = type(Event)(name, (Command,), made, of=svc, accept=accept)

    async def send(cmd: Any) -> Any: ...

    send.__annotations__.update({"cmd": cls, "return": Arrived})
    svc.handles(cls)(send)
    return App(svc)


def owners(accept: dict[Any, str] | None = None, *, mended: bool = False) -> App:
    first, second = (Service(name, namespace=f"lint.{name}", team="a team") for name in ("first", "second"))
    name = "ArrivedLate" if mended else "ARRIVED"
    for service, called in ((first, "Arrived"), (second, name)):
        made: dict[str, Any] = {"__doc__": "Here.", "__annotations__": {"id": Key[OrderId]}, "__module__": __name__}
        hear(first, type(Event)(called, (Event,), made, of=service, accept=accept))
    return App(first, second)


def topics(*, mended: bool = False) -> App:
    """A group whose name ends like a topic of another service: their dead letters would share a topic."""
    pair = ("a", "b_events_c" if not mended else "b"), ("a.events.b", "c")
    services = [Service(name, namespace=namespace, team="t") for namespace, name in pair]
    for service, name in zip(services, ("ItArrived", "ItLeft"), strict=True):
        made: dict[str, Any] = {"__doc__": "Here.", "__annotations__": {"id": Key[OrderId]}, "__module__": __name__}
        hear(service, type(Event)(name, (Event,), made, of=service))
    return App(*services)


def teamless(*, team: str = "") -> App:
    svc = Service("svc", namespace="lint.svc", team=team)

    class Arrived(Event, of=svc):
        """It is here."""

        id: Key[OrderId]

    hear(svc, Arrived)
    return App(svc)


ID: dict[str, Any] = {"id": Key[OrderId]}
EMAIL = Annotated[str, PII]
PERSON = Annotated[PersonId, Subject]
EVER = TopicPlan(of={"lint.svc": Sizing(retention_s=None)})


class Address(msgspec.Struct):
    street: Annotated[str, PII]


def said(words: str) -> Any:
    return msgspec.Meta(description=words)


Made = Callable[..., App]
# Rule -> the mistake, and the same with the line that the finding says.
CASES: dict[str, tuple[Made, Made]] = {
    "unheard-event": (lambda **o: one(heard=False, **o), lambda: one(mended=True)),
    "unhandled-command": (unhandled, lambda: unhandled(mended=True)),
    "no-description": (lambda **o: one(doc=False, **o), lambda: one(mended=True)),
    "event-not-past": (lambda **o: fields(name="OrderPlacement", **ID, **o), lambda: fields(name="OrderPlaced", **ID)),
    "command-no-order": (lambda **o: commanded("PlacedOrder", **o), lambda: commanded("PlaceOrder")),
    "two-owners": (owners, lambda: owners(mended=True)),
    "topics-collide": (topics, lambda: topics(mended=True)),
    "pii-kept-for-ever": (
        lambda **o: fields(plan=EVER, to=list[Address], person=PERSON, **ID, **o),
        lambda: fields(to=list[Address], person=PERSON, **ID),
    ),
    "pii-without-subject": (
        lambda **o: fields(email=EMAIL, **ID, **o),
        lambda: fields(email=EMAIL, person=PERSON, **ID),
    ),
    "key-without-meaning": (
        lambda **o: fields(id=Key[str], **o),
        lambda: fields(id=Annotated[Key[str], said("the number on the receipt")]),
    ),
    "field-without-meaning": (
        lambda **o: fields(qty=int, **ID, **o),
        lambda: fields(qty=Annotated[int, said("bottles")], status=Literal["here", "gone"], **ID),
    ),
    "no-example": (
        lambda **o: fields(code_of_it=Annotated[str, msgspec.Meta(pattern="^[0-9]{4}$")], **ID, **o),
        lambda: fields(code_of_it=Annotated[str, msgspec.Meta(pattern="^[0-9]{4}$", examples=["0815"])], **ID),
    ),
    "owner-without-team": (teamless, lambda: teamless(team="a team")),
}
OF_NO_MESSAGE = {"topics-collide", "owner-without-team"}


def test_there_is_a_case_for_each_rule() -> None:
    assert list(CASES) == list(RULES)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_its_mistake_alone_and_nothing_once_it_is_mended(rule: str) -> None:
    wrong, right = CASES[rule]
    found = lint(wrong())
    assert {each.rule for each in found} == {rule}, found
    assert lint(right()) == ()


@pytest.mark.parametrize("rule", CASES)
def test_a_finding_says_where_why_and_what_to_write(rule: str) -> None:
    for each in lint(CASES[rule][0]()):
        assert re.search(r"test_lint\.py:\d+$", each.place) and each.what.endswith(".")
        assert each.why == RULES[rule].why and each.severity == RULES[rule].severity
        assert "{" not in each.instead.replace('accept={"', "").replace('of={"', "").replace("{4}", ""), each.instead


@pytest.mark.parametrize("rule", sorted(CASES.keys() - OF_NO_MESSAGE))
def test_the_owner_accepts_a_finding_with_a_reason(rule: str) -> None:
    """It is still reported, and fails nothing."""
    found = lint(CASES[rule][0](accept={rule: "a reason"}))
    assert found and failures(found, strict=True) == []
    assert {each.accepted for each in found} == {"a reason"}


def test_errors_fail_and_warnings_only_where_it_is_strict() -> None:
    def made(severity: Any, accepted: str = "") -> Finding:
        return Finding(
            rule="r", severity=severity, subject="", place="", what="", why="", instead="", accepted=accepted
        )

    error, warning, accepted = made("error"), made("warning"), made("error", "because")
    assert failures([error, warning, accepted]) == [error]
    assert failures([error, warning, accepted], strict=True) == [error, warning]


def test_a_rule_that_does_not_exist_is_refused_at_the_declaration() -> None:
    with pytest.raises(DeclarationError, match="accepts 'no-descripton', which is no rule"):
        one(accept={"no-descripton": "a reason"})


def test_a_refusal_has_a_description_too() -> None:
    svc = Service("svc", namespace="lint.svc", team="a team")

    class Arrived(Event, of=svc):
        """It is here."""

        id: Key[OrderId]

    class Gone(Rejection):
        reason: str

    class Send(Command[Arrived, Gone], of=svc):
        """Send it."""

        id: Key[OrderId]

    @svc.handles(Send)
    async def send(cmd: Send) -> Arrived: ...

    (finding,) = lint(App(svc))
    assert finding.what == "The refusal Gone of svc has no description." and "accept=" not in finding.instead


@pytest.mark.parametrize("app", [shop, rides, claims], ids=["shop", "rides", "claims"])
def test_the_examples_are_clean(app: App) -> None:
    assert lint(app) == ()


def test_the_guide_has_each_rule_with_its_severity() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(name, rule.severity) for name, rule in RULES.items()]
