"""Each rule finds the brief that breaks it, and no other rule finds that brief."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.design.brief.briefs import SMALL, with_change, with_line

from partita.design import checking
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import RULES, Verdict, check

MORE_EVENT = "{by: deposit-service, key: booking_id, data: {booking_id: id}}"
AFTER = "      - {when: [TableRequested, TableBooked], who: host-board, does: project tonight}"


def step(old: str, new: str) -> str:
    return with_change(old, new)


FAULTS = {
    "unknown-service": [
        (with_change("TableHeld: {by: table-service", "TableHeld: {by: table-servise"), "table-service, or table-servise:"),
        (with_change("who: guest-mail", "who: guest-post"), "guest-post"),
    ],
    "unknown-event": [
        (with_change("when: [TableBooked, B", "when: [TableBocked, B"), "TableBooked, or TableBocked:"),
        (with_change("start: TableRequested", "start: TableRequired"), "TableRequested, or"),
        (with_change("begins: TableRequested", "begins: TableWished"), "TableWished"),
        (with_change("undone: TableFreed", "undone: TableFree"), "TableFreed, or"),
        (with_change("does: write to the guest", "does: write, gives: MailSent"), "MailSent"),
    ],
    "taken-name": [(with_change("do: HoldTable", "do: TableHeld"), "as an order")],
    "two-owners": [(with_change("owns: [Table]", "owns: [Table, Booking]"), "owns: [Booking] at one of them")],
    "unowned-aggregate": [(with_change("Table: crud", "Table: crud, Guest: crud"), "owns: [Guest]")],
    "orphan-event": [(with_line("  HouseFull:", f"  CardBurned: {MORE_EVENT}"), "`when: CardBurned`")],
    "orphan-service": [(with_line("  guest-mail:", "  cellar: {team: floor, db: none}"), "a reaction of cellar")],
    "key-not-in-payload": [
        (with_change("key: booking_id, data: {booking_id: id, table_no", "key: table_id, data: {booking_id: id, table_no"), "data: {table_id: id"),
    ],
    "key-not-always": [
        (with_change("data: {booking_id: id, guests", "data: {booking_id: {type: id, optional: yes}, guests"), "booking_id: id"),
        (with_change("data: {booking_id: id, guests", "data: {booking_id: {type: id, since: 2, default: x}, guests"), "booking_id: id"),
        (with_change("data: {booking_id: id, guests", "data: {booking_id: money, guests"), "booking_id: id"),
    ],
    "personal-key": [
        (with_change("data: {booking_id: id, guests", "data: {booking_id: {type: id, pii: true}, guests"), "a random id"),
    ],
    "pii-in-compacted-topic": [
        (with_change("key: booking_id, data: {booking_id: id, guests: int", "key: booking_id, compact: yes, data: {booking_id: id, guests: {type: string, pii: true}"), "compact: no"),
        (with_change("key: booking_id, data: {booking_id: id, guests: int", "key: booking_id, compact: yes, data: {booking_id: id, who: {type: list, of: record, fields: {name: {type: string, pii: yes}}}"), "compact: no"),
    ],
    "outbox-overload": [
        (with_change("bookings_per_hour: {steady: 360, peak: 720, begins: TableRequested}", "bookings_per_second: {steady: 10, peak: 20, begins: TableRequested}, looks_per_second: {steady: 40000, peak: 40000, begins: HostLooked}")
         .replace("  HouseFull:", "  HostLooked: {by: host-board, key: host_id, data: {host_id: id}}\n  HouseFull:", 1)
         .replace("does: write to the guest}", "does: write to the guest}\n      - {when: HostLooked, who: host-board, does: count it}"), "lossy: yes"),
    ],
    "lossy-but-needed": [
        (with_change("TableHeld: {by: table-service,", "TableHeld: {by: table-service, lossy: yes,"), "lossy: no"),
        (with_change("BookingCancelled: {by: booking-service,", "BookingCancelled: {by: booking-service, lossy: yes,"), "lossy: no"),
    ],
    "later-without-default": [
        (with_change("guests: int", "guests: {type: int, since: 2}"), "guests: {type: int, since: 2, default: ...}"),
    ],
    "record-without-fields": [
        (with_change("guests: int", "guests: {type: list, of: record}"), "fields:"),
        (with_change("guests: int", "guests: record"), "fields:"),
    ],
    "reference-record": [
        (SMALL.replace("domain: table-booking", "domain: order-processing").replace("TableRequested", "OrderPlaced"), "occurred_at: timestamp"),
        (SMALL.replace("namespace: bistro", "namespace: shop").replace("TableRequested", "OrderPlaced"), "customer_id: id"),
    ],
    "step-without-undo": [(step(" undo: FreeTable, undone: TableFreed,", "").replace("  TableFreed: {by: table-service, key: booking_id, data: {booking_id: id}}\n", ""), "undo: ReleaseTable, undone: TableReleased;")],
    "pivot-without-undo": [(step(" undo: ReturnDeposit, undone: DepositReturned,", "").replace("  DepositReturned: {by: deposit-service, key: booking_id, data: {booking_id: id}}\n", ""), "undo: ReturnDeposit, undone: DepositReturned;")],
    "undo-without-answer": [
        (step("undo: FreeTable, undone: TableFreed", "undo: FreeTable").replace("  TableFreed: {by: table-service, key: booking_id, data: {booking_id: id}}\n", ""), "undone: TableFreed"),
    ],
    "refusable-undo": [
        (with_line("compatibility:", "commands: {FreeTable: {refuses: HouseFull}}"), "as the undo of HoldTable"),
    ],
    "step-after-pivot": [
        (step("ok: TableBooked, retriable: true, timeout", "ok: TableBooked, fail: HouseShut, no_effect: yes, timeout")
         .replace("  HouseFull:", "  HouseShut: {by: booking-service, key: booking_id, data: {booking_id: id}}\n  HouseFull:", 1), "retriable: yes"),
    ],
    "undo-after-pivot": [
        (step("ok: TableBooked, retriable: true", "ok: TableBooked, undo: Unconfirm, undone: Unconfirmed, retriable: true")
         .replace("  HouseFull:", "  Unconfirmed: {by: booking-service, key: booking_id, data: {booking_id: id}}\n  HouseFull:", 1), "without `undo`"),
    ],
    "refused-retriable": [
        (step("ok: TableBooked, retriable: true", "ok: TableBooked, fail: HouseShut, retriable: true")
         .replace("  HouseFull:", "  HouseShut: {by: booking-service, key: booking_id, data: {booking_id: id}}\n  HouseFull:", 1), "without `fail`"),
    ],
    "no-refusal": [
        (step(" fail: HouseFull,", "").replace("  HouseFull: {by: table-service, key: booking_id, data: {booking_id: id}}\n", ""), "fail: none"),
    ],
    "no-failed": [(step("    failed: BookingCancelled\n", ""), "failed:")],
    "failed-never": [
        (SMALL.replace("[TableRequested, TableBooked], who", "[TableRequested, TableBooked, LeaveSeen], who")
         .replace("  After:", "  Leave:\n    style: orchestration\n    why: a table is swept\n    start: LeaveSeen\n    steps: [{do: SweepTable, at: table-service, ok: TableSwept, retriable: yes, timeout: 30s}]\n    failed: SweepFailed\n  After:", 1)
         .replace("[TableBooked, BookingCancelled]", "[TableBooked, BookingCancelled, SweepFailed]")
         .replace("  HouseFull:", "".join(f"  {each}: {{by: table-service, key: booking_id, data: {{booking_id: id}}}}\n" for each in ("LeaveSeen", "TableSwept", "SweepFailed")) + "  HouseFull:", 1), "without `failed`"),
    ],
    "end-not-filled": [
        (with_change("BookingCancelled: {by: booking-service, key: booking_id, data: {booking_id: id, reason: string}}", "BookingCancelled: {by: booking-service, key: booking_id, data: {booking_id: id, outcome: string}}"), "reason: string"),
        (with_change("BookingCancelled: {by: booking-service, key: booking_id, data: {booking_id: id,", "BookingCancelled: {by: booking-service, key: booking_id, data: {booking_id: id, guests: string,"), "guests in TableRequested"),
    ],
    "outcome-of-another-service": [
        (with_change("DepositRefused: {by: deposit-service", "DepositRefused: {by: table-service"), "by: deposit-service at DepositRefused"),
        (with_change("TableFreed: {by: table-service", "TableFreed: {by: deposit-service"), "by: table-service at TableFreed"),
        (with_change("BookingCancelled: {by: booking-service", "BookingCancelled: {by: table-service"), "by: booking-service at BookingCancelled"),
    ],
    "answer-without-key": [
        (with_change("TableHeld: {by: table-service, key: booking_id, data: {booking_id: id, table_no: int}}", "TableHeld: {by: table-service, key: table_no, data: {table_no: int}}"), "booking_id: id"),
    ],
    "refusal-heard": [(with_change("[TableBooked, BookingCancelled]", "[TableBooked, BookingCancelled, HouseFull]"), "when: BookingCancelled")],
    "command-of-two": [
        (SMALL.replace("  After:", "  Again:\n    style: orchestration\n    why: a deposit is taken alone\n    start: DepositWished\n    failed: DepositForgotten\n    steps: [{do: HoldTable, at: deposit-service, ok: DepositTaken, fail: DepositRefused, undo: ReturnDeposit, undone: DepositReturned, timeout: 30s}]\n  After:", 1)
         .replace("[TableBooked, BookingCancelled]", "[TableBooked, BookingCancelled, DepositForgotten]")
         .replace("  HouseFull:", "".join(f"  {each}: {{by: deposit-service, key: booking_id, data: {{booking_id: id}}}}\n" for each in ("DepositWished", "DepositForgotten")) + "  HouseFull:", 1), "another name"),
    ],
    "deadline-shorter-than-steps": [(with_change("deadline: 10m", "deadline: 1m"), "deadline: 2m or more")],
    "retries-longer-than-timeout": [(with_change("pivot: true, timeout: 60s", "pivot: true, timeout: 60s, retry: [30s, 45s]"), "timeout: 150s")],
    "reminder-after-timeout": [
        (with_change("pivot: true, timeout: 60s", "pivot: true, timeout: 60s, remind: [30s, 90s]"), "shorter than 1m"),
        (with_change("pivot: true, timeout: 60s", "pivot: true, timeout: 60s, escalate: {after: 60s, to: boss}"), "shorter than 1m"),
        (with_change("pivot: true, timeout: 60s", "pivot: true, timeout: 60s, timers: [{after: 2m, do: CallBank}]"), "shorter than 1m"),
    ],
    "group-apart": [
        (with_change("pivot: true, timeout: 60s", "pivot: true, timeout: 60s, with: BookTable"), "with: the command"),
        (with_change("retriable: true", "retriable: true, with: HoldTable"), "one below the other"),
    ],
    "pivot-in-group": [(with_change("pivot: true, timeout: 60s", "pivot: true, timeout: 60s, with: HoldTable"), "TakeDeposit below the group")],
    "mixed-group": [(with_change("retriable: true", "retriable: true, with: HoldTable").replace("pivot: true, ", "with: HoldTable, "), "one kind each")],
    "group-of-one-answer": [
        (with_change("      - {do: TakeDeposit", "      - {do: HoldChairs, at: table-service, ok: TableHeld, fail: HouseFull, undo: FreeChairs, undone: TableFreed, timeout: 30s, with: HoldTable}\n      - {do: TakeDeposit"), "of its own as `ok`"),
    ],
    "timeout-contradicts-step": [
        (with_change("pivot: true, timeout: 60s", "pivot: true, timeout: 60s, human: yes, on_timeout: ask"), "on_timeout: undo"),
        (with_change("retriable: true", "retriable: true, on_timeout: undo"), "on_timeout: retry"),
    ],
    "window-shorter-than-retries": [
        (SMALL.replace("window: 24h}\ncomp", "window: 30m}\ncomp").replace("  - {rule: a deposit is taken at most once, kind: exactly-once-effect, key: booking_id, window: 24h}\n", ""), "window: 24h under `failure`"),
        (with_change("key: booking_id, window: 24h}\n  -", "key: booking_id, window: 10m}\n  -"), "window: 24h"),
    ],
    "window-not-kept": [(with_change("key: booking_id, window: 24h}\n  -", "key: booking_id, window: 72h}\n  -"), "window: 3d under `failure`")],
    "forever-without-row": [(with_change("key: booking_id, window: 24h}\n  -", "key: booking_id, window: forever}\n  -"), "across: [Booking]")],
    "rule-incomplete": [
        (with_change(", across: [Booking, Table]", ""), "across:"),
        (with_change("read: tonight, max: 5s", "max: 5s"), "read:"),
        (with_change("key: booking_id, window: 24h}\n  -", "window: 24h}\n  -"), "key:"),
    ],
    "key-too-coarse": [
        (with_change("bookings_per_hour: {steady: 360, peak: 720, begins: TableRequested}", "bookings_per_hour: {steady: 360, peak: 720, begins: TableRequested}, photos_per_hour: {steady: 1080, peak: 2000, begins: PhotoTaken}")
         .replace("  HouseFull:", "  PhotoTaken: {by: host-board, key: booking_id, data: {booking_id: id}}\n  HouseFull:", 1)
         .replace("does: write to the guest}", "does: write to the guest}\n      - {when: PhotoTaken, who: host-board, does: count it}"), "a field that each TakePhoto has"),
    ],
    "unknown-key": [(with_change("effect, key: booking_id", "effect, key: card_no"), "key: a field")],
    "unknown-read-model": [(with_change("read: tonight", "read: tomorrow"), "does: project tomorrow")],
    "strong-read-of-a-projection": [(with_change("kind: staleness, read: tonight, max: 5s", "kind: strong-read, read: tonight"), "or read from booking-service")],
    "staleness-tighter-than-polling": [(with_change("max: 5s", "max: 200ms"), "max: 2s")],
    "audit-without-history": [
        (SMALL.replace("event-sourced", "crud").replace("failure:", "  - {rule: each booking can be explained, kind: audit, keep: 10y}\nfailure:"), "event-sourced"),
    ],
    "order-without-partitions": [
        (SMALL.replace("use: kafka", "use: eventbridge").replace("failure:", "  - {rule: a booking is told in order, kind: order, key: booking_id}\nfailure:"), "bus: {use: kafka}"),
    ],
    "unknown-aggregate": [(with_change("across: [Booking, Table]", "across: [Booking, Table, Chair]"), "owns: [Chair]")],
    "invariant-without-saga": [
        (with_change("guest-mail: {team: crm,", "guest-mail: {team: crm, owns: [Letter],").replace("across: [Booking, Table]", "across: [Booking, Letter]").replace("Table: crud", "Table: crud, Letter: crud"), "booking-service and guest-mail"),
    ],
    "clause-not-kept": [
        (with_line("purpose: ", "answers: [{said: each guest gets one table, kept: HoldTabel}]"), "`HoldTable` in `kept:`, the line"),
        (with_line("purpose: ", "answers: [{said: mails may be late, kept: guest-mail.TableHeld}]"), "`guest-mail.TableBooked` in"),
        (with_line("purpose: ", "answers: [{said: it takes ten seconds, kept: [TakeDeposit.remind]}]"), "`kept: none`"),
    ],
    "accepts-nothing": [
        (with_line("compatibility:", "accept: [{rule: orphan-event, at: TableHeld, why: none}]"), "orphan-event"),
        (with_line("compatibility:", "accept: [{rule: step-without-undo, at: HoldTable, why: none}]"), "no such line"),
    ],
}  # fmt: skip
CASES = [(rule, text, write) for rule, cases in FAULTS.items() for text, write in cases]


def verdict(text: str) -> Verdict:
    return check(read_brief(text, "bistro.yaml"))


def test_a_brief_without_a_fault_has_no_finding() -> None:
    """A check that finds something everywhere is switched off."""
    assert verdict(SMALL) == Verdict((), ())


@pytest.mark.parametrize(("rule", "text", "write"), CASES, ids=[rule for rule, _, _ in CASES])
def test_a_brief_with_one_fault_has_that_finding_alone(rule: str, text: str, write: str) -> None:
    """With the line of the fault, the reason, and the words that mend it."""
    found = verdict(text).to_mend

    assert {each.rule for each in found} == {rule}, found
    assert any(write in each.write for each in found), [each.write for each in found]
    for each in found:
        assert each.what and each.why and each.at
        assert each.line > 1


def test_each_rule_of_the_code_has_a_brief_that_breaks_it() -> None:
    """A rule without one may be one that never finds anything."""
    folder = Path(checking.__file__).parent
    named = {
        name
        for path in folder.glob("*.py")
        for call in re.findall(r"finding\(\s*((?:\"[a-z-]+\"[^,]*?)),", path.read_text(encoding="utf-8"))
        for name in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', call)
    }
    assert named == set(FAULTS)


def test_the_guide_has_each_rule() -> None:
    """A finding names its rule, and a reader looks there for it."""
    guide = (Path(__file__).resolve().parents[4] / "docs/guides/designing.md").read_text(encoding="utf-8")
    section = guide.partition("## The check")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\S+)` \| (.*) \|$", section, re.MULTILINE)

    assert rows == list(RULES.items())
    assert sorted(RULES) == sorted(FAULTS)


@pytest.mark.parametrize(
    ("rule", "at", "text"),
    [
        ("orphan-event", "CardBurned", FAULTS["orphan-event"][0][0]),
        ("orphan-service", "cellar", FAULTS["orphan-service"][0][0]),
        ("personal-key", "TableRequested", FAULTS["personal-key"][0][0]),
        ("reference-record", "OrderPlaced", FAULTS["reference-record"][0][0]),
    ],
)
def test_a_matter_of_judgement_may_be_accepted_with_a_reason(rule: str, at: str, text: str) -> None:
    """A rule that cannot be answered is switched off as a whole."""
    found = verdict(text + f"accept: [{{rule: {rule}, at: {at}, why: it is so}}]\n")

    assert found.to_mend == ()
    assert [(each.rule, why) for each, why in found.accepted] == [(rule, "it is so")]


def test_a_contradiction_cannot_be_accepted() -> None:
    text = FAULTS["pivot-without-undo"][0][0] + "accept: [{rule: pivot-without-undo, at: TakeDeposit, why: we hope}]\n"

    assert {each.rule for each in verdict(text).to_mend} == {"pivot-without-undo", "accepts-nothing"}


def test_the_line_of_a_finding_is_that_of_the_fault() -> None:
    text = with_change("deadline: 10m", "deadline: 1m")
    (found,) = verdict(text).to_mend

    assert text.splitlines()[found.line - 1].strip() == "deadline: 1m"
    assert found.what == (
        "The deadline of BookTable is 1m, and its steps may take 30s (HoldTable) + 1m (TakeDeposit) + 30s (ConfirmBooking) = 2m."
    )


def test_an_undo_that_is_the_refusable_command_of_another_saga_is_refusable() -> None:
    """The refusal is declared at the step, and not where the undo is named."""
    text = SMALL.replace(
        "  After:",
        "  Free:\n    style: orchestration\n    why: a guest leaves\n    start: GuestLeft\n    failed: GuestStayed\n    steps:\n"
        "      - {do: FreeTable, at: table-service, ok: TableFreed, fail: GuestSits, no_effect: yes, timeout: 30s}\n  After:",
    ).replace(
        "  HouseFull:",
        "".join(
            f"  {name}: {{by: table-service, key: booking_id, data: {{booking_id: id}}}}\n"
            for name in ("GuestLeft", "GuestStayed", "GuestSits")
        )
        + "  HouseFull:",
        1,
    )  # fmt: skip
    text = text.replace("[TableBooked, BookingCancelled]", "[TableBooked, BookingCancelled, GuestStayed]")

    assert {each.rule for each in verdict(text).to_mend} == {"refusable-undo"}


@pytest.mark.timeout(30)
def test_500_events_are_read_and_checked() -> None:
    """It takes half a second; a search through all events for each name would take minutes."""
    more = "\n".join(
        f"  Seat{n}Taken: {{by: table-service, key: booking_id, data: {{booking_id: id, seat: int}}}}"
        for n in range(500)
    )
    heard = "\n".join(f"      - {{when: Seat{n}Taken, who: guest-mail, does: write it down}}" for n in range(500))
    text = with_line("  HouseFull:", more).replace("does: write to the guest}", f"does: write to the guest}}\n{heard}")

    assert verdict(text) == Verdict((), ())
