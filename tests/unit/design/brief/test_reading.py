"""A brief becomes a design: declared facts with their lines, defaults in the ledger, errors all at once."""

from __future__ import annotations

import pytest
from tests.unit.design.brief.briefs import SMALL, with_change, with_line
from tests.unit.design.domains import text_of

from partita.design.brief.reading import read_brief
from partita.design.brief.refused import BriefRefused
from partita.design.model.design import Design


def refused(text: str) -> list[tuple[int, str, str]]:
    """The findings of a brief that is refused."""
    with pytest.raises(BriefRefused) as caught:
        read_brief(text, "bistro.yaml")
    return [(each.line, each.what, each.write) for each in caught.value.findings]


def small() -> Design:
    return read_brief(SMALL, "bistro.yaml")


def test_a_declared_fact_has_its_line() -> None:
    """A document says of each line where it comes from; a wrong line sends its reader elsewhere."""
    design = small()
    step = design.sagas[0].steps[0]

    assert step.do == "HoldTable"
    assert step.origin.place == "bistro.yaml:30"
    assert design.sagas[0].deadline.origin.place == "bistro.yaml:28"
    assert SMALL.splitlines()[29].startswith("      - {do: HoldTable")
    assert design.sagas[0].deadline.value == 600.0
    assert design.purpose.origin.mark == "declared"


def test_steps_that_are_sent_together_know_no_answer_of_each_other() -> None:
    """Their commands leave in one transaction: a field of the other's answer would be missing."""
    together = "undone: DepositReturned, timeout: 60s, with: HoldTable"
    text = with_change("undone: DepositReturned, pivot: true, timeout: 60s", together)
    text = text.replace(
        "data: {booking_id: id, deposit: money}}\n  DepositRefused",
        "data: {booking_id: id, table_no: int}}\n  DepositRefused",
    )
    design = read_brief(text, "bistro.yaml")
    alone = read_brief(text.replace(", with: HoldTable", ""), "bistro.yaml")

    assert [step.beside for step in design.sagas[0].steps] == ["HoldTable", "HoldTable", ""]
    assert "table_no" in [field.name for field in alone.command("TakeDeposit").fields]
    assert "table_no" not in [field.name for field in design.command("TakeDeposit").fields]


def test_a_brief_that_says_all_leaves_the_usual_assumptions_alone() -> None:
    """A declared value is never listed as assumed: else the ledger says nothing."""
    texts = [each.text for each in small().assumptions]

    assert [each.id for each in small().assumptions] == [f"A-{n}" for n in range(1, len(texts) + 1)]
    assert not [text for text in texts if "timeout" in text or "PostgreSQL" in text or "bus" in text or "24 h" in text]


@pytest.mark.parametrize(
    ("old", "new", "assumed"),
    [
        (", timeout: 30s}\n    failed", "}\n    failed", "A command without a timeout is answered within 30 s: ConfirmBooking."),
        ("    deadline: 10m\n", "", "A saga without a deadline has twice the time of its steps: BookTable."),
        ("namespace: bistro\n", "", "All messages are in the namespace `table`."),
        (", peak: 720", "", "The peak of bookings is five times the steady rate."),
        (", begins: TableRequested", "", "Each of the bookings begins with BookingCancelled."),
        (", window: 24h}\ncompat", "}\ncompat", "Consumers know the messages that they have handled for 24 h."),
        (", replication: 3", "", "Topics have 3 copies."),
        ("compatibility: BACKWARD_TRANSITIVE\n", "", "A new schema reads everything that was ever written (BACKWARD_TRANSITIVE)."),
        ("crm, db: postgres", "crm", "Each of these services keeps its data in a PostgreSQL schema of its own: guest-mail."),
        (", Deposit: event-sourced}", "}", "These aggregates are rows, and their history is not kept: Deposit."),
    ],
)  # fmt: skip
def test_each_default_is_an_assumption_that_says_what_to_write(old: str, new: str, assumed: str) -> None:
    """A default that is in no ledger is a decision that no person made."""
    before = {each.text for each in small().assumptions}
    found = {each.text: each for each in read_brief(with_change(old, new), "bistro.yaml").assumptions}

    assert assumed in found and assumed not in before
    assert found[assumed].owner and found[assumed].wrong and found[assumed].write


def test_commands_are_derived_from_the_steps_and_from_the_events_that_begin_outside() -> None:
    """The rule: the key, the start event's fields, what the command's own answer needs of earlier ones; no personal data."""
    text = with_change(
        "data: {booking_id: id, guests: int,", "data: {name: {type: string, pii: true}, booking_id: id, guests: int,"
    )
    design = read_brief(text, "bistro.yaml")
    fields = {each.name: [field.name for field in each.fields] for each in design.commands}

    assert (
        fields["RequestTable"] == ["name", "booking_id", "guests", "deposit"] and design.command("RequestTable").enters
    )
    assert fields["HoldTable"] == ["booking_id", "guests", "deposit"]
    assert fields["FreeTable"] == ["booking_id", "table_no"]
    assert [field.optional for field in design.command("FreeTable").fields] == [False, True]
    assert design.command("FreeTable").undoes == "HoldTable"
    assert design.command("TakeDeposit").refusals == ("DepositRefused",)
    assert {each.kind for each in design.events if each.name in ("HouseFull", "DepositRefused")} == {"refusal"}


def test_a_brief_may_say_the_fields_of_a_command() -> None:
    text = with_line("compatibility:", "commands: {HoldTable: {fields: [booking_id, guests], doc: Hold one table.}}")
    command = read_brief(text, "bistro.yaml").command("HoldTable")

    assert [field.name for field in command.fields] == ["booking_id", "guests"]
    assert (command.origin.mark, command.meaning.value) == ("declared", "Hold one table.")


def test_the_honest_question_names_the_undo_that_would_be_needed() -> None:
    """May the confirmation refuse? Then the money must be given back: the design cannot know."""
    design = small()
    asked = next(each for each in design.questions if "ConfirmBooking" in each.text)

    assert asked.text == "May ConfirmBooking (booking-service) refuse after DepositTaken? The design says no."
    assert "ReturnDeposit must then take back TakeDeposit" in asked.decides
    assert asked.owner == "front"


def test_rates_follow_from_the_load() -> None:
    rates = {each.name: round(each.rate.value, 6) for each in small().events}

    assert rates["TableRequested"] == rates["TableHeld"] == 0.1  # 360 an hour
    assert (rates["HouseFull"], rates["BookingCancelled"]) == (
        0.005,
        0.011,
    )  # two refusals, and one in a hundred without an answer


def test_words_that_yaml_1_1_reads_as_yes_and_no_stay_words() -> None:
    """`on` as a field's name and `no` as a default are texts; as a flag `yes` is yes."""
    text = with_change(
        "guests: int,",
        "'on': string, off: {type: string, default: no, optional: yes}, late: {type: bool, default: no}, guests: int,",
    )
    fields = {each.name: each for each in read_brief(text, "b.yaml").event("TableRequested").fields}

    assert "on" in fields and fields["off"].default == "no" and fields["off"].optional is True
    assert fields["late"].default is False
    unquoted = with_change("guests: int,", "on: string, no: string, guests: int,")
    assert {"on", "no"} <= {each.name for each in read_brief(unquoted, "b.yaml").event("TableRequested").fields}


def test_all_errors_come_at_once_with_their_lines_and_the_words_to_write() -> None:
    text = SMALL.replace("style: orchestration", "style: orchestra").replace("deadline: 10m", "deadline: soon")
    text = text.replace(
        "key: booking_id, data: {booking_id: id, table_no: int}", "keys: booking_id, data: {booking_id: uid}"
    )

    found = refused(text)

    assert found == [
        (17, "TableHeld has no `key`: the field that is partition key and scope of order.", "key: order_id"),
        (17, "TableHeld has no key 'keys'.", "`key`."),
        (17, "booking_id: 'uid' is not one of its words.", "booking_id: id"),
        (25, "style: 'orchestra' is not one of its words.", "style: orchestration"),
        (28, "deadline: 'soon' is not a time.", "a number and ms, s, m, h, d, w or y: 30s, 24h, 10y."),
    ]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("  HouseFull:", "  ../../etc/passwd:", "the name in events: '../../etc/passwd' is not a name for a type."),
        ("  HouseFull:", "  '<script>alert(1)</script>':", "the name in events: '<script>alert(1)</script>' is not a name for a type."),
        ("  guest-mail:", "  con/../x:", "the name in consumers: 'con/../x' is not a name for a service."),
        ("guests: int", "class: int", "the name in data: 'class' is not a name for a field."),
        ("guests: int", "'__import__(\"os\")': int", "the name in data: '__import__(\"os\")' is not a name for a field."),
        ("  HouseFull:", "  None:", "the name in events: 'None' is not a name for a type."),
        ("team: crm", "team: \"a\\x1b[31mb\"", "team: 'a\\x1b[31mb' is not a name for a team."),
        ("nobody waits for a mail", "\"\\u202Eevil\"", "why: '\\u202eevil' is not a text of 1 to 500 visible characters."),
        ("namespace: bistro", "namespace: bistro..x", "namespace: 'bistro..x' is not a name for a namespace."),
        ("partitions: 12", "partitions: 12.5", "partitions: '12.5' is not a number that it can be."),
        ("partitions: 12", "partitions: 1e9", "partitions: '1e9' is not a number that it can be."),
        ("steady: 360", "steady: .inf", "steady: '.inf' is not a number that it can be."),
        ("steady: 360", "steady: -1", "steady: '-1' is not a number that it can be."),
        ("timeout: 60s", "timeout: forever", "timeout: 'forever' is not a time."),
        ("timeout: 60s", "timeout: 0s", "timeout: '0s' is not a time."),
        ("pivot: true", "pivot: maybe", "pivot: 'maybe' is not yes or no."),
        ("  After:\n    style: choreography", "  After:\n    deadline: 5m\n    style: choreography", "After is choreography, and has `deadline`."),
        ("    start: TableRequested\n", "", "BookTable is orchestration, and has no `start`."),
        ("guests: int", "guests: {type: int, default: many}", "guests: the default 'many' is no value of the type int."),
        ("guests: int", "guests: {type: list, default: x}", "guests: the default 'x' is no value of the type list."),
        ("does: write to the guest}", "does: write, and send it}", "reacts has no key 'and send it'."),
        ("owns: [Table]", "owns: []", "owns is an empty list."),
        ("design: 1", "design: 2", "design: '2' is not one of its words."),
    ],
)  # fmt: skip
def test_names_and_values_outside_of_the_form_are_refused(old: str, new: str, what: str) -> None:
    """Names become files, types and topics: no path, no markup, no code and no sign for a terminal passes."""
    assert [each[1] for each in refused(with_change(old, new))] == [what]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "The text is empty."),
        ("# nothing\n", "The text is empty."),
        ("- a\n- b\n", "the brief is a list, and not a brief."),
        ("design: [1\n", "This is no YAML"),
        ("a: &x 1\nb: *x\n", "Anchors and aliases"),
        ("a: *x\n", "Anchors and aliases"),
        ("a: !!python/object/apply:os.system ['true']\n", "Tags (`!name`) are not read."),
        ("a: !x 1\n", "Tags (`!name`) are not read."),
        ("a: 1\n---\na: 2\n", "A second document begins."),
        ("a: 1\na: 2\n", "The key 'a' is here a second time, after line 1."),
        ("? [a, b]\n: 1\n", "A list or a mapping is used as a key."),
        ("a: " + "[" * 40 + "]" * 40, "Parts are nested more than 12 deep."),
        ("a: " + "{b: " * 30_000 + "1" + "}" * 30_000, "Parts are nested more than 12 deep."),
        ("a: [" + "1," * 150_000 + "]", "The text has more than 100,000 parts."),
        ("a: " + "x" * 1_000_001, "The text has more than 1,000,000 bytes."),
        ("a: \x07\n", "The text has characters that YAML does not allow."),
        ("a: \ud800\n", "The text has characters that YAML does not allow."),
    ],
)  # fmt: skip
def test_a_hostile_text_is_a_clear_error(text: str, what: str) -> None:
    """Bombs, code by tags, and depth that would exhaust the stack."""
    assert refused(text)[0][1].startswith(what)


def test_a_text_for_people_may_hold_anything_visible() -> None:
    """Markup in a purpose is data: each page that prints it escapes it."""
    text = with_change("Give each guest one table.", "'<b>Give</b> each *guest* `one` table & 100 % joy'")
    assert read_brief(text, "b.yaml").purpose.value == "<b>Give</b> each *guest* `one` table & 100 % joy"


def test_a_brief_with_500_events_is_read() -> None:
    more = "\n".join(
        f"  Seat{n}Taken: {{by: table-service, key: booking_id, data: {{booking_id: id, seat: int, note: string}}}}"
        for n in range(500)
    )
    design = read_brief(with_line("  HouseFull:", more), "big.yaml")

    assert len(design.events) == 509
    assert any(each.text.endswith("and 501 more.") for each in design.assumptions)


def test_the_same_brief_gives_the_same_design() -> None:
    """Everything but reading and writing files is pure: a document built twice has the same bytes."""
    assert repr(small()) == repr(small())


def test_a_command_that_moves_money_asks_where_it_goes() -> None:
    """Without a token of the card nobody can be charged; the field that the question asks for answers it."""
    text = text_of("orders")
    token = ", payment_token]}"
    assert token in text
    asked, answered = (read_brief(each, "orders").questions for each in (text.replace(token, "]}"), text))
    (question,) = [each for each in asked if "where the money goes" in each.text]
    assert "`commands: {ChargePayment: {fields: [order_id, total, currency, payment_token]}}`" in question.decides
    assert not [each for each in answered if "where the money goes" in each.text]
