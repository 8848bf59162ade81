"""A design becomes the texts of a project: the same for the same design, and no word of it becomes code or a path."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from tests.unit.design.skeleton.sample import fields, orders, positions, said

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.waiting import answers_of_waiting, commands_of_waiting
from partita.design.model.design import Design
from partita.design.model.saga import TimerDesign
from partita.design.skeleton.file import FilledFile, MigrationFile, WholeFile
from partita.design.skeleton.project import project_of
from partita.errors import SettingsError

HOSTILE = 'x"""\nimport os\n# \'\\"; <script>alert(1)</script> {blue} ](http://x) \u202e \ud800'


def texts(design: Design) -> dict[str, str]:
    """The text of each file by its path; a migration has no number yet."""
    found = {}
    for file in project_of(design).files:
        match file:
            case WholeFile(path, text):
                found[path] = text
            case FilledFile(path, head, parts):
                found[path] = "\n\n\n".join([head, *(part.text for part in parts)])
            case MigrationFile(folder, name, text):
                found[f"{folder}/{name}.sql"] = text
    return found


def with_waiting(design: Design) -> Design:
    """The design with the messages of its steps that wait, which the reading of a brief adds."""
    commands = (*design.commands, *commands_of_waiting(design.sagas, design.commands))
    answers = answers_of_waiting(design.sagas, commands, {}, design.load.retention, Ledger("orders.yaml"))
    return replace(design, commands=commands, events=(*design.events, *answers))


def test_the_same_design_gives_the_same_texts() -> None:
    assert project_of(orders()) == project_of(orders())


def test_messages_have_the_types_of_the_design() -> None:
    """Identifiers have types of their own, money is a whole number, and a record has the name of its message."""
    messages = texts(orders())["order_processing/messages.py"]
    placed = messages[messages.index("class OrderPlaced(Event") : messages.index("class OrderConfirmed")]
    assert placed.split('"""')[2].split("\n")[2:9] == [
        "    order_id: Key[OrderId]",
        "    customer_id: Annotated[CustomerId, Subject]",
        "    lines: list[OrderPlacedLine]",
        "    total_cents: int",
        "    email: Annotated[str, PII]",
        "    occurred_at: Annotated[dt.datetime, Millis]",
        "",
    ]
    assert "class StockRejected(Rejection):" in messages
    assert "class ReserveStock(Command[StockReserved, StockRejected], of=inventory_service):" in messages


def test_a_saga_has_its_steps_undos_times_and_reason() -> None:
    sagas = texts(orders())["order_processing/sagas.py"]
    assert 'why="money moves and must be undone in a known order"' in sagas
    assert "    reserve = step(ReserveStock, undo=ReleaseStock, timeout=seconds(30))\n" in sagas
    assert "    charge = pivot(ChargePayment, undo=RefundPayment, timeout=minutes(1))\n" in sagas
    assert "    confirm = retriable(ConfirmOrder, timeout=seconds(30))\n" in sagas


def test_a_step_is_retried_while_its_saga_waits_for_it() -> None:
    """The first retry topic waits a minute; a saga that gives a step up after half a minute would never see that retry."""
    found = texts(orders())
    assert (
        '@inventory_service.handles(ReserveStock, dedupe_by="order_id", retry=Retry(delays=()))'
        in (found["order_processing/handlers/inventory_service.py"])
    )
    assert "retry=Retry(in_place=0, delays=(1.0, 5.0, 25.0))" in found["order_processing/handlers/payment_service.py"]


def test_a_part_says_what_a_person_fills() -> None:
    inventory = texts(orders())["order_processing/handlers/inventory_service.py"]
    assert [line.strip() for line in inventory.split("\n") if "FILL:" in line] == [
        "# FILL: the conditions under which ReserveStock is refused:",
        'reservation_id=ReservationId(f"reservation of {cmd.order_id}"),  # FILL: reservation_id',
        "# FILL: the work of ReserveStock",
        "# FILL: give back what ReserveStock has taken",
    ]


def test_each_refusal_silence_late_answer_copy_and_undo_of_a_step_has_a_test() -> None:
    names = re.findall(r"async def test_checkout_(\w+)\(", texts(orders())["tests/test_outcomes.py"])
    assert names == [
        "goes_well",
        "begins_twice",
        "each_command_comes_twice",
        "each_process_dies_before_its_commit",
        "each_process_dies_after_its_commit",
        "reserve_stock_is_refused_by_stock_rejected",
        "reserve_stock_is_not_answered",
        "reserve_stock_fails_and_is_overtaken_by_release_stock",
        "reserve_stock_waits_for_an_hour",
        "release_stock_fails_at_first",
        "reserve_stock_is_answered_late",
        "reserve_stock_is_answered_twice",
        "charge_payment_is_refused_by_payment_declined",
        "charge_payment_is_not_answered",
        "charge_payment_fails_and_is_overtaken_by_refund_payment",
        "charge_payment_waits_for_an_hour",
        "refund_payment_fails_at_first",
        "charge_payment_is_answered_late",
        "charge_payment_is_answered_twice",
        "confirm_order_fails_at_first",
    ]


def test_a_lossy_event_is_no_event_of_an_outbox() -> None:
    """It is a record in the batches of its reader; the channel is as wide as the load, and says how much goes on."""
    found = texts(positions())
    assert "class DriverMoved(msgspec.Struct, frozen=True" in found["order_processing/messages.py"]
    streams = found["order_processing/streams.py"]
    assert "Channel(keys_max=40_000)" in streams
    assert "At most 40,000 keys / 500 in a message / 1 s = 80 messages a second go on" in streams


def test_a_rule_without_an_end_is_kept_by_a_business_key_and_one_with_an_end_by_the_window() -> None:
    base = orders()
    for window, says in ((None, "window_s=86_400.0"), (259_200.0, "window_s=259_200.0")):
        found = texts(replace(base, rules=(replace(base.rules[0], window=window),)))
        assert says in found["order_processing/services.py"]
        assert 'dedupe_by="order_id"' in found["order_processing/handlers/payment_service.py"]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc",
        "a/b",
        "Event",
        "None",
        "x'); import os",
        "Größe",
        "",
        "A" * 90,
        "order-placed",
        "Order\nPlaced",
        "__init__",
    ],
)
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    """The reader of briefs checks names too; a design may come from elsewhere."""
    base = orders()
    with pytest.raises(SettingsError, match="cannot become code"):
        project_of(replace(base, events=(replace(base.events[0], name=name), *base.events[1:])))


@pytest.mark.parametrize("name", ["class", "../x", "str", "a b", "", "orderId"])
def test_a_field_that_would_mean_something_else_is_refused(name: str) -> None:
    base = orders()
    event = replace(base.events[2], fields=(*base.events[2].fields, replace(fields("reason string")[0], name=name)))
    with pytest.raises(SettingsError, match="cannot become code"):
        project_of(replace(base, events=(*base.events[:2], event, *base.events[3:])))


_REMINDERS = (TimerDesign(10.0, "RemindChargePayment", "remind"), TimerDesign(20.0, "RemindChargePayment", "remind"))


def test_a_reminder_is_a_timer_of_its_step() -> None:
    """The silence of a step that reminds counts its reminders."""
    base = orders()
    steps = (base.sagas[0].steps[0], replace(base.sagas[0].steps[1], timers=_REMINDERS), base.sagas[0].steps[2])
    found = texts(with_waiting(replace(base, sagas=(replace(base.sagas[0], steps=steps),))))
    sagas = found["order_processing/sagas.py"]
    assert "timers=(after(seconds(10), RemindChargePayment), after(seconds(20), RemindChargePayment))" in sagas
    assert "async def remind_charge_payment(" in found["order_processing/handlers/payment_service.py"]
    assert found["order_processing/outcomes.py"].count("sends={RemindChargePayment: 2}") == 3


def test_an_escalation_and_a_timer_are_commands_of_the_step_in_the_order_of_their_times() -> None:
    """The handler of an escalation names its receiver; that of another timer is the work of its command."""
    base = orders()
    timers = (
        TimerDesign(5.0, "AskOtherBank", "send"),
        TimerDesign(20.0, "EscalateChargePayment", "escalate", "head-of-finance"),
    )
    steps = (base.sagas[0].steps[0], replace(base.sagas[0].steps[1], timers=timers), base.sagas[0].steps[2])
    found = texts(with_waiting(replace(base, sagas=(replace(base.sagas[0], steps=steps),))))
    handlers = found["order_processing/handlers/payment_service.py"]
    assert "# FILL: the message to head-of-finance about ChargePayment" in handlers
    assert "async def ask_other_bank(cmd: AskOtherBank) -> OtherBankAsked:" in handlers
    assert "sends={AskOtherBank: 1, EscalateChargePayment: 1}" in found["order_processing/outcomes.py"]


def test_steps_that_are_sent_together_are_a_group_and_undone_together() -> None:
    """A refused step of a group undoes the one beside it, which may be done."""
    base = orders()
    beside = replace(base.sagas[0].steps[0], name="pack", do="PackStock", undo="UnpackStock", beside="ReserveStock")
    reserve, *rest = base.sagas[0].steps
    steps = (replace(reserve, beside="ReserveStock"), beside, *rest)
    packs = [
        replace(base.command("ReserveStock"), name="PackStock", reply="StockPacked"),
        replace(base.command("ReleaseStock"), name="UnpackStock", undoes="PackStock"),
    ]
    packed = replace(base.event("StockReserved"), name="StockPacked")
    found = texts(
        replace(
            base,
            events=(*base.events, packed),
            commands=(*base.commands, *packs),
            sagas=(replace(base.sagas[0], steps=(steps[0], replace(beside, ok="StockPacked"), *rest)),),
        )
    )
    assert "    parallel(reserve, pack)\n" in found["order_processing/sagas.py"]
    outcomes = found["order_processing/outcomes.py"]
    refused = outcomes[outcomes.index("checkout_reserve_stock_is_refused") :]
    assert "undos=(UnpackStock,)" in refused[: refused.index("checkout_reserve_stock_is_not")]


def test_a_question_is_answered_by_the_work_of_its_step() -> None:
    """A lost answer is found by the question; a step that was not done is undone."""
    base = orders()
    asking = replace(base.sagas[0].steps[1], on_timeout=said("ask"), ask="AskChargePayment")
    steps = (base.sagas[0].steps[0], asking, base.sagas[0].steps[2])
    found = texts(with_waiting(replace(base, sagas=(replace(base.sagas[0], steps=steps),))))
    assert 'on_timeout="ask", ask=AskChargePayment' in found["order_processing/sagas.py"]
    handlers = found["order_processing/handlers/payment_service.py"]
    assert 'if not await step_work.is_done(tx, "ChargePayment", cmd.order_id):' in handlers
    assert "raise ChargePaymentNotDone(order_id=cmd.order_id)" in handlers
    assert "t.stub(ChargePayment).does_it_unanswered()" in found["order_processing/outcomes.py"]


def test_a_step_of_a_person_is_answered_later_and_leaves_no_work_to_undo() -> None:
    base = orders()
    steps = (base.sagas[0].steps[0], replace(base.sagas[0].steps[1], human=True), base.sagas[0].steps[2])
    found = texts(with_waiting(replace(base, sagas=(replace(base.sagas[0], steps=steps),))))
    handlers = found["order_processing/handlers/payment_service.py"]
    assert "async def charge_payment(cmd: ChargePayment) -> PaymentCharged | Later:" in handlers
    assert "    return later()" in handlers and "step_work" not in handlers
    outcomes = found["order_processing/outcomes.py"]
    assert 'answers={ChargePayment: PaymentDeclined(order_id=OrderId("order-1"), reason="reason-1")}' in outcomes
    assert "late={ChargePayment: PaymentCharged(" in outcomes and "again={ChargePayment: PaymentDeclined(" in outcomes
    assert "t.stub(ChargePayment).refuses(" not in outcomes and "t.stub(ChargePayment).is_silent()" not in outcomes
    assert '("payment-service", "ChargePayment")' not in outcomes
    assert (
        'Command[PaymentCharged, PaymentDeclined], of=payment_service, concerns="human"'
        in (found["order_processing/messages.py"])
    )


def test_two_parts_of_one_name_are_refused() -> None:
    base = orders()
    with pytest.raises(SettingsError, match="has the name of a"):
        project_of(replace(base, sagas=(replace(base.sagas[0], name="OrderPlaced"),)))


def test_a_pivot_without_an_undo_and_a_saga_without_an_end_are_refused() -> None:
    base = orders()
    steps = (base.sagas[0].steps[0], replace(base.sagas[0].steps[1], undo="", undone=""), base.sagas[0].steps[2])
    with pytest.raises(SettingsError) as refused:
        project_of(replace(base, sagas=(replace(base.sagas[0], steps=steps, failed=""),)))
    assert "Checkout.charge is the pivot without an undo" in str(refused.value)
    assert "Checkout can be undone and names no event for it" in str(refused.value)


def test_hostile_words_are_inert() -> None:
    """Words of people are texts and comments: the code is that of the same design without them."""
    plain, found = texts(orders()), texts(hostile(orders()))
    assert set(found) == set(plain)
    for path, text in found.items():
        if path.endswith(".py"):
            assert shape_of(text) == shape_of(plain[path]), path
            assert not [line for line in text.split("\n") if line.startswith("import os")]
        assert "\u202e" not in text
    assert "<script>" not in found["README.md"]


def test_all_paths_stay_in_the_project() -> None:
    for design in (orders(), positions(), hostile(orders())):
        for path in texts(design):
            parts = PurePosixPath(path).parts
            assert parts and ".." not in parts and not path.startswith("/") and path.isascii()


def hostile(base: Design) -> Design:
    """The design with hostile words in each place that takes words."""
    reactions = tuple(
        replace(group, why=said(HOSTILE), reactions=tuple(replace(each, does=HOSTILE) for each in group.reactions))
        for group in base.choreographies
    )
    return replace(
        base,
        source=HOSTILE,
        purpose=said(HOSTILE),
        events=tuple(
            replace(
                each,
                meaning=said(HOSTILE),
                fields=tuple(replace(one, doc=HOSTILE, unit=HOSTILE) for one in each.fields),
            )
            for each in base.events
        ),
        commands=tuple(replace(each, meaning=said(HOSTILE)) for each in base.commands),
        services=tuple(replace(each, doc=HOSTILE, team=HOSTILE) for each in base.services),
        sagas=tuple(replace(each, why=said(HOSTILE)) for each in base.sagas),
        choreographies=reactions,
    )


def shape_of(text: str) -> list[str]:
    """The statements of code, and the functions that it calls but notes of fields, which hold texts alone."""
    nodes = list(ast.walk(ast.parse(text)))
    calls = (ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call))
    return [
        *(type(node).__name__ for node in nodes if isinstance(node, ast.stmt)),
        *(name for name in calls if name != "msgspec.Meta"),
    ]


def test_a_field_that_may_be_absent_comes_behind_those_that_are_there() -> None:
    """Python reads an attribute without a default behind one with a default as a mistake."""
    base = orders()
    first = replace(fields("note string")[0], optional=True)
    event = replace(base.events[0], fields=(base.events[0].fields[0], first, *base.events[0].fields[1:]))
    messages = texts(replace(base, events=(event, *base.events[1:])))["order_processing/messages.py"]
    placed = messages[messages.index("class OrderPlaced(Event") : messages.index("class OrderConfirmed")]
    assert placed.rstrip().endswith("note: str | None = None")
