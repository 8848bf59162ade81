"""Clashes of a design: each rule speaks where its facts are, in numbers of the brief, and a defect in a rule is found."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator

import pytest
from tests.unit.design.brief.briefs import SMALL, with_change
from tests.unit.design.domains import DOMAINS, design_of

from partita.design.brief.reading import read_brief
from partita.design.document.block import Table
from partita.design.document.building import document_of
from partita.design.document.clashes import people, promising, repeating, retrying
from partita.design.document.clashes.clash import Clash
from partita.design.document.clashes.found import FIRST, RULES, clashes, questions
from partita.design.document.view import View, view_of

PERSON = SMALL.replace("kind: projection, db", "kind: projection, team: front, db").replace(
    "team: front, kind: projection, team: front,", "team: front, kind: projection,"
).replace("timeout: 30s}\n      - {do: TakeDeposit", "timeout: 2h, human: yes, remind: [30m]}\n      - {do: TakeDeposit").replace("deadline: 10m", "deadline: 3h")  # fmt: skip


IN_FORCE = [RULES]
"""The rules of the tests: the last entry. A test with a planted defect adds one."""


def clashes_of(shown: View) -> list[Clash]:
    return clashes(shown, IN_FORCE[-1])


def view(text: str) -> View:
    return view_of(read_brief(text, "small"))


def found(text: str, rule: str) -> list[Clash]:
    return [each for each in clashes_of(view(text)) if each.rule == rule]


def only(text: str, rule: str) -> Clash:
    (clash,) = found(text, rule)
    return clash


def test_a_first_retry_that_comes_too_late() -> None:
    """A minute is longer than thirty seconds, and a step of two minutes is not given up before it."""
    clash = only(SMALL, "first-retry")
    assert "first retry after 1 min x `HoldTable` given up after 30 s" in clash.between
    assert "`FreeTable`" in clash.does and clash.owner == "floor"
    early = with_change("retry_topics: [1m, 5m, 30m]", "retry_topics: [5s, 5m, 30m]")
    assert found(early, "first-retry") == []


def test_retries_that_outlive_a_saga() -> None:
    """36 minutes against ten; against forty there is no clash."""
    assert only(SMALL, "ladder").literally.startswith("1 of 3 waits end when `BookTable` has ended")
    assert "36 min" in only(SMALL, "ladder").between
    assert found(with_change("deadline: 10m", "deadline: 40m"), "ladder") == []


def test_an_hour_away_ends_the_sagas_of_an_hour() -> None:
    """720 an hour at the peak; a step that is sent again ends none."""
    clash = only(SMALL, "outage")
    assert "0.2/s x 1 h = 720;" in clash.literally and "0.1/s x 1 h = 360" in clash.literally
    assert "`ReturnDeposit` waits for `deposit-service` too" in clash.does
    waiting = SMALL.replace("timeout: 30s}\n      - {do: T", "timeout: 30s, on_timeout: retry}\n      - {do: T")
    waiting = waiting.replace("pivot: true, timeout: 60s}", "pivot: true, timeout: 60s, on_timeout: retry}")
    assert found(waiting, "outage") == []


def test_a_question_waits_for_an_absent_service_until_the_deadline() -> None:
    """It is behind the command in the topic, so that nothing is undone after 60 s; a deadline of ten minutes ends it all the same."""
    asking = with_change("pivot: true, timeout: 60s}", "pivot: true, timeout: 60s, on_timeout: ask}")
    clash = only(asking, "outage")
    assert "given up after 10 min" in clash.between
    assert "`on_timeout: ask` at `TakeDeposit`, and `deadline:` of `BookTable` above 1 h" in clash.decides
    longer = asking.replace("timeout: 30s}\n      - {do: T", "timeout: 30s, on_timeout: retry}\n      - {do: T")
    assert found(longer.replace("deadline: 10m", "deadline: 2h"), "outage") == []


def test_retries_that_end_within_the_hour() -> None:
    """24 minutes of 720 an hour; retries of two hours lose none."""
    assert "(1 h - 36 min) x 0.2/s = 288" in only(SMALL, "dead-letters").literally
    assert found(with_change("retry_topics: [1m, 5m, 30m]", "retry_topics: [1m, 2h]"), "dead-letters") == []


def test_a_weekend_is_longer_than_a_day() -> None:
    """A window of three days outlasts it."""
    assert "= 63 h" in only(SMALL, "weekend").between
    assert found(with_change("alert: team, window: 24h", "alert: team, window: 72h"), "weekend") == []


def test_topics_that_are_kept_for_longer_than_messages_are_known() -> None:
    """With a retention of twelve hours nothing older comes back."""
    assert "others kept 30 d" in only(SMALL, "retention").between
    assert found(with_change("retention: 30d", "retention: 12h"), "retention") == []


def test_at_most_once_has_no_end() -> None:
    """A rule that says its time does not clash with it."""
    assert only(SMALL, "endless").owner == "money"
    limited = with_change("a deposit is taken at most once", "a deposit is taken at most once within 24 hours")
    assert found(limited, "endless") == []


def test_a_key_for_a_command_and_its_undo() -> None:
    """Known by the key alone, the undo would be a duplicate."""
    assert (
        "`ReturnDeposit` is dropped as a duplicate of `TakeDeposit`"
        in " ".join(each.literally for each in clashes_of(view(SMALL)))
        or "`FreeTable` is dropped as a duplicate of `HoldTable`" in only(SMALL, "one-key").literally
    )


def test_three_messages_of_one_key() -> None:
    """Documents of a claim: 0.69 a second, for 0.23 claims."""
    (clash,) = [each for each in clashes_of(view_of(design_of("claims"))) if each.rule == "several"]
    assert "= 3;" in clash.literally and "`DocumentReceived` is known by its message id" in clash.does


def test_for_ever_outlives_a_record_of_ten_years() -> None:
    """The row that remembers has to stay."""
    (clash,) = [each for each in clashes_of(view_of(design_of("claims"))) if each.rule == "outlived"]
    assert "10 y" in clash.literally and "`SendPayout`" in clash.literally and "`Payout`" in clash.does


def test_a_bound_of_a_read_model_is_broken_by_the_death_of_a_process() -> None:
    """A bound of two minutes is not, nor by the first retry."""
    assert "first retry after 1 min" in only(SMALL, "staleness").between
    assert found(with_change("read: tonight, max: 5s", "read: tonight, max: 2m"), "staleness") == []


def test_any_order_is_borne_and_not_needed() -> None:
    """A rule that asks for an order is no clash."""
    rule = "  - {rule: bookings may arrive in any order at the host board, kind: order, key: booking_id}\n"
    text = SMALL.replace("failure: {retry", f"{rule}failure: {{retry")
    clash = only(text, "any-order")
    assert "`host-board`" in clash.does and clash.owner == "front"
    assert found(text.replace("in any order at", "in order at"), "any-order") == []


def test_an_invariant_over_two_databases_is_an_interval() -> None:
    """Its lower and its upper bound are states of the saga."""
    clash = only(SMALL, "between-databases")
    assert "{TakeDeposit sent, ReturnDeposit sent, ConfirmBooking sent, completed} <= those in" in clash.does
    assert "the same plus {HoldTable sent, FreeTable sent}" in clash.does and "0.2/s x 30 s = 6 at most" in clash.does


def test_a_limit_in_the_database_of_another_service() -> None:
    """Without the limit in its command the service that pays cannot refuse; with it, it can."""
    rule = "  - {rule: the deposit never exceeds the price of the table, kind: invariant, across: [Table, Deposit]}\n"
    text = SMALL.replace("failure: {retry", f"{rule}failure: {{retry").replace("table_no: int}", "table_no: int, price: money}")  # fmt: skip
    clash = only(text, "ceiling")
    assert "and not `TableHeld." in clash.does and "which service refuses it?" in clash.question
    carried = text.replace(
        "flows:\n", "commands: {TakeDeposit: {fields: [booking_id, deposit, table_no, price]}}\nflows:\n", 1
    )
    assert "a CHECK in its own database" in only(carried, "ceiling").does and only(carried, "ceiling").question == ""


def test_a_table_that_is_held_and_never_given_back() -> None:
    """An event that its service hears may end it."""
    assert "360" not in only(SMALL, "never-ends").literally and "a year at most" in only(SMALL, "never-ends").literally
    heard = with_change("who: guest-mail, does: write", "who: table-service, does: write")
    assert found(heard, "never-ends") == []


def test_people_who_decide() -> None:
    """Their open tasks, their number, the clock that decides for them; without a person there is none of it."""
    load = only(PERSON, "people")
    assert "0.1/s x 2 h = 720 open tasks" in load.literally and "0.1/s x 24 h x 15 min / 6.5 h = 332" in load.literally
    assert "after 30 min no reminder comes any more" in only(PERSON, "machine").literally
    assert {"people", "machine", "replayed"}.isdisjoint(each.rule for each in clashes_of(view(SMALL)))


@pytest.mark.parametrize("name", DOMAINS)
def test_each_domain_has_its_clashes_on_the_first_page_and_in_the_ledger(name: str) -> None:
    """The questions have owners, and numbers that go on behind those of the brief."""
    shown = view_of(design_of(name))
    every = clashes_of(shown)
    document = document_of(shown.design)
    first, ledger = (next(s for s in document.sections if s.number == number) for number in ("0", "A"))
    tables = [
        block for block in (*first.blocks, *ledger.blocks) if isinstance(block, Table) and block.columns[0] == "clash"
    ]
    assert [len(block.rows) for block in tables] == [1 if shown.design.clauses else FIRST, len(every)]
    asked = questions(shown)
    assert [each.id for each in asked] == [f"Q-{number}" for number in range(1, len(asked) + 1)]
    teams = {service.team for service in shown.design.services}
    assert all(each.owner in teams for each in every)
    assert len(asked) > len(shown.design.questions)


def test_each_rule_speaks_somewhere_and_is_silent_somewhere() -> None:
    """A rule that always speaks says nothing of a design; `coarse-key` is an error of the check."""
    seen = [{each.rule for each in clashes_of(view_of(design_of(name)))} for name in DOMAINS]
    seen += [{each.rule for each in clashes_of(view(text))} for text in (SMALL, PERSON, with_change("retention: 30d", "retention: 12h"))]  # fmt: skip
    assert len(set().union(*seen)) >= len(RULES) - 2
    assert not set.intersection(*seen) - {
        "dead-letters",
        "weekend",
        "never-ends",
        "one-key",
        "staleness",
        "between-databases",
        "ladder",
    }


PLANTED = {
    "retry-compared-upside-down": (retrying, "patience(saga, step) <= waits[0]", "patience(saga, step) > waits[0]", test_a_first_retry_that_comes_too_late),
    "a-question-given-up-at-its-timeout": (retrying, 'if step.on_timeout.value == "undo" else saga.deadline.value', "", test_a_question_waits_for_an_absent_service_until_the_deadline),
    "ladder-without-its-last-wait": (retrying, "total_s = sum(waits)", "total_s = sum(waits[:-1])", test_retries_that_outlive_a_saga),
    "outage-at-steady-load": (retrying, "lost = each.peak * AWAY_S", "lost = each.steady * AWAY_S", test_an_hour_away_ends_the_sagas_of_an_hour),
    "letters-of-the-whole-hour": (retrying, "letters = (AWAY_S - total_s)", "letters = (AWAY_S)", test_retries_that_end_within_the_hour),
    "a-weekend-of-a-day": (repeating, "window.value >= WEEKEND_S", "window.value >= WEEKEND_S / 3", test_a_weekend_is_longer_than_a_day),
    "limits-in-words-not-seen": (repeating, "LIMITED.search(rule.text)", "False", test_at_most_once_has_no_end),
    "rates-not-divided": (repeating, "share = event.rate.value / base.rate.value", "share = event.rate.value", test_three_messages_of_one_key),
    "bound-compared-with-nothing": (promising, "if seconds > rule.max", "if seconds > 0", test_a_bound_of_a_read_model_is_broken_by_the_death_of_a_process),
    "limit-not-looked-for": (promising, "if pair[1] in carried", "if pair[1] in ()", test_a_limit_in_the_database_of_another_service),
    "interval-without-later-undos": (promising, "for name in (each.do, each.undo) if name", "for name in (each.do,)", test_an_invariant_over_two_databases_is_an_interval),
    "people-for-an-hour": (people, "amount * DAY_S * TASK_S", "amount * DAY_S / 24 * TASK_S", test_people_who_decide),
}  # fmt: skip


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A module of rules with one defect, in the place of the right one."""
    module, right, wrong, test = PLANTED[request.param]
    text = inspect.getsource(module)
    assert text.count(right) == 1, f"{right} is {text.count(right)} times in {module.__name__}"
    made = types.ModuleType(module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, made)
    exec(compile(text.replace(right, wrong), module.__name__, "exec"), vars(made))
    rules = tuple(getattr(made, rule.__name__) if rule.__module__ == module.__name__ else rule for rule in RULES)
    IN_FORCE.append(rules)
    yield test
    IN_FORCE.pop()


@pytest.mark.parametrize("planted", PLANTED, indirect=True)
def test_a_planted_defect_is_found(planted: types.FunctionType) -> None:
    """A test that no defect can make red proves nothing."""
    with pytest.raises((AssertionError, ValueError)):
        planted()
