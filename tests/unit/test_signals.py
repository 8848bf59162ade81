"""The table of signals: a number is refused without its fields, and the values that a field can hold are all there."""

from __future__ import annotations

import ast
import inspect
from typing import get_args

import pytest

from partita.idempotency.inbox import TAKEN, Verdict
from partita.observability.metrics import METRICS, metric_of
from partita.runtime.failing.setting_aside import FOLLOWED
from partita.runtime.path import saga_steps
from partita.sagas import compensation, engine, hearing, progress, sending, verbs
from partita.sagas.verbs import Verb
from partita.signals import CONSUMER_LAG, FIELDS, MESSAGES_HANDLED, SIGNALS, Signal
from partita.store import parking


def test_a_number_has_the_fields_of_its_signal() -> None:
    sample = CONSUMER_LAG.of(3, topic="shop.events", group="audit")
    assert sample.signal is CONSUMER_LAG and sample.values == ("audit", "shop.events") and sample.value == 3.0


@pytest.mark.parametrize("fields", [{}, {"group": "audit"}, {"group": "audit", "topic": "t", "key": "k"}])
def test_a_field_too_few_or_too_many_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(TypeError, match=r"consumer\.lag has the fields group, topic"):
        CONSUMER_LAG.of(3, **fields)


def test_a_metric_is_derived_from_its_signal() -> None:
    """Prometheus' rules: one prefix, base units at the end, counters for what happens."""
    assert metric_of(CONSUMER_LAG)[:2] == ("partita_consumer_lag_messages", "gauge")
    assert metric_of(MESSAGES_HANDLED)[:2] == ("partita_messages_handled", "counter")
    assert metric_of(Signal("parked.messages", "state", "messages", "")).name == "partita_parked_messages"
    assert len({metric.name for metric in METRICS.values()}) == len(SIGNALS)


def test_no_field_could_hold_a_key_an_id_or_an_error() -> None:
    """A metric with one series for each order would fill the server that keeps it."""
    assert not {"key", "id", "message_id", "saga_id", "member", "error", "cause"} & set(FIELDS)


def test_the_outcomes_are_those_of_admission_and_handling() -> None:
    """A new verdict has to be said in the table."""
    handled = ("handled", "refused", "tombstone")
    assert FIELDS["outcome"].values == (*handled, *(each.value for each in Verdict if each not in TAKEN))


def test_the_decisions_are_those_of_the_retry_policy() -> None:
    assert set(FIELDS["decision"].values) == {*FOLLOWED.values(), "dead"}


def test_the_states_are_those_of_the_parking() -> None:
    assert FIELDS["state"].values == get_args(parking.State)


def test_the_entries_are_those_of_the_saga_engine() -> None:
    """Every literal that is written into a history, and each verb of a person."""
    written = {"needs_attention"}
    trees = [
        ast.parse(inspect.getsource(module)) for module in (engine, progress, sending, compensation, hearing, verbs)
    ]
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "note":
            kind = node.args[0]
            written |= {str(kind.value)} if isinstance(kind, ast.Constant) else set(get_args(Verb))
    assert '"needs_attention", "", "", why' in inspect.getsource(saga_steps)
    assert set(FIELDS["entry"].values) == written
