"""The demo's ledger: invariants computed by real queries over every service's database, the log and the witnesses.

Nothing here asks the runtime: see demo_reading.py for what is read, and the witnesses' own ledgers say what really
happened.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from partita.examples.shop.demo_facts import Facts
from partita.examples.shop.demo_orders import order, order_id

TERMINAL = {"CONFIRMED", "CANCELLED"}
SHOWN_MAX = 5


@dataclass(slots=True)
class Invariant:
    """One invariant: how often it was checked and where it did not hold."""

    id: str
    text: str
    checks: int = 0
    violations: list[str] = field(default_factory=list)

    def check(self, holds: bool, otherwise: str) -> None:
        """Count one check."""
        self.checks += 1
        if not holds:
            self.violations.append(otherwise)


def terminal(facts: Facts, i: Invariant) -> None:
    """I1, terminal."""
    rows = facts.fetch("order-service", "SELECT saga_id, status FROM saga WHERE saga = 'Checkout'")
    sagas = {row[0]: row[1] for row in rows}
    fits = {"CONFIRMED": "completed", "CANCELLED": "undone"}
    for number in facts.accepted:
        name = order_id(facts.seed, number)
        status = facts.orders.get(name, ("(missing)", 0))[0]
        i.check(status in TERMINAL, f"{name} was accepted and is {status}, its saga {sagas.get(name)}")
        i.check(fits.get(status) == sagas.get(name), f"{name} is {status}, its saga {sagas.get(name)}")


def money(facts: Facts, i: Invariant) -> None:
    """I2, money."""
    ledger: dict[str, Counter[str]] = defaultdict(Counter)
    for name, kind, cents in facts.psp.execute("SELECT order_id, kind, cents FROM effect WHERE answer = 'ok'"):
        ledger[name][kind] += 1
        ledger[name]["cents"] += cents
    captured = 0
    for name, (status, total) in facts.orders.items():
        charges, refunds = ledger[name]["charge"], ledger[name]["refund"]
        i.check(charges <= 1, f"{name} was charged {charges} times")
        net = ledger[name]["cents"] if charges and not refunds else 0
        captured += net
        if status in TERMINAL:
            due = total if status == "CONFIRMED" else 0
            i.check(net == due, f"{name} is {status}, the provider holds {net} of {due} cents")
    sold = sum(total for status, total in facts.orders.values() if status == "CONFIRMED")
    i.check(captured == sold, f"the provider holds {captured} cents, confirmed orders are worth {sold}")


def stock(facts: Facts, i: Invariant) -> None:
    """I3, stock."""
    sold: Counter[str] = Counter()
    # Of all orders, also one whose storefront died before it could write down that it was accepted.
    for name, (status, _) in facts.orders.items():
        if status == "CONFIRMED":
            for line in order(facts.seed, int(name.rpartition("_")[2])).lines:
                sold[line.sku] += line.quantity
    for sku, initial, on_hand, reserved, gone in facts.fetch(
        "inventory-service", "SELECT sku, initial, on_hand, reserved, sold FROM stock"
    ):
        i.check(on_hand + reserved + gone == initial, f"{sku}: {on_hand} + {reserved} + {gone} is not {initial}")
        i.check(min(on_hand, reserved, gone) >= 0, f"{sku}: below zero")
        i.check(reserved == 0, f"{sku}: {reserved} still reserved for nobody")
        i.check(gone == sold[sku], f"{sku}: {gone} sold, confirmed orders say {sold[sku]}")


def effects_once(facts: Facts, i: Invariant) -> None:
    """I4, effects once."""
    mails: dict[str, Counter[str]] = defaultdict(Counter)
    for name, template in facts.mail.execute("SELECT order_id, detail FROM effect"):
        mails[name][template] += 1
    wanted = {"CONFIRMED": {"OrderConfirmed": 1}, "CANCELLED": {"OrderCancelled": 1}}
    for name, (status, _) in facts.orders.items():
        if status in TERMINAL:
            i.check(dict(mails[name]) == wanted[status], f"{name} is {status}, mails sent: {dict(mails[name])}")
    counted = facts.fetch("analytics", "SELECT CAST(coalesce(sum(orders), 0) AS BIGINT) AS n FROM revenue")[0][0]
    confirmed = sum(status == "CONFIRMED" for status, _ in facts.orders.values())
    i.check(counted == confirmed, f"analytics counted {counted} orders, {confirmed} are confirmed")


def no_ghost(facts: Facts, i: Invariant) -> None:
    """I5, no ghost."""
    for record in facts.records:
        if record.envelope is not None:
            i.check(
                record.id in facts.outbox, f"{record.envelope.type} {record.id} is on the log and was never committed"
            )


def no_loss(facts: Facts, i: Invariant) -> None:
    """I6, no loss."""
    on_log = {r.id for r in facts.records}
    marks = {service: Counter(name for name, _ in handled) for service, handled in facts.handled.items()}
    for name, (owner, type_name, _, _) in facts.outbox.items():
        there = name in on_log or name in facts.stays
        i.check(there, f"{type_name} {name} of {owner} was committed and is not on the log")
        if name in facts.stays:
            count = marks[owner][name]
            i.check(count == 1, f"{owner} handled its own {type_name} {name} {count} times")
    for service in facts.app.services:
        interests = facts.app.catalog.interests(service)
        letters = facts.fetch(service.name, 'SELECT topic, partition, "offset" FROM dead_letter')
        dead = {(r[0], r[1], r[2]) for r in letters}
        for record in facts.records:
            if record.envelope is None:
                wants = record.topic in facts.app.catalog.topics_of(service)
                found = (record.topic, record.partition, record.position) in dead
                i.check(found == wants, f"{service.name}: unreadable record at {record.position} is no dead letter")
            elif record.envelope.type in interests:
                # What was handled at once says so itself: a mark beside that is a second time.
                at_once = record.envelope.at_once and record.envelope.source.startswith(f"{service.name}/")
                count = marks[service.name][record.id] + at_once
                i.check(count == 1, f"{service.name} handled {record.envelope.type} {record.id} {count} times")


def key_order(facts: Facts, i: Invariant) -> None:
    """I7, key order."""
    envelopes = {r.id: r for r in facts.records if r.envelope is not None}
    for service in facts.app.services:
        if service.order != "key":
            continue
        last: dict[tuple[str, str, str | None], int] = {}
        for name, _ in facts.handled[service.name]:
            record = envelopes.get(name)
            if record is None or record.envelope is None:
                continue
            place = (record.envelope.source, record.topic, record.key)
            number = record.envelope.key_sequence
            i.check(
                number > last.get(place, 0),
                f"{service.name} handled {record.key} number {number} after {last.get(place)}",
            )
            last[place] = number


def traceable(facts: Facts, i: Invariant) -> None:
    """I8, traceable."""
    for name, (service, type_name, correlation, cause) in facts.outbox.items():
        i.check(correlation in facts.roots, f"{type_name} {name}: its correlation id {correlation} is no root")
        known = cause in facts.outbox or cause in facts.roots
        i.check(known, f"{type_name} {name} of {service}: its cause {cause} does not exist")


def causality(facts: Facts, i: Invariant) -> None:
    """I9, causality."""
    for name, (_, type_name, _, _) in facts.outbox.items():
        if not type_name.endswith(".OrderConfirmed"):
            continue
        seen: set[str] = set()
        at: str | None = name
        for _ in range(100):
            if at not in facts.outbox:
                break
            row = facts.outbox[at]
            seen.add(row[1].rpartition(".")[2])
            at = row[3]
        missing = {"StockReserved", "PaymentCharged", "OrderPlaced"} - seen
        i.check(not missing, f"OrderConfirmed {name} without {', '.join(sorted(missing))} before it")
    addresses = {
        r.id: r.envelope.saga for r in facts.records if r.envelope is not None and r.envelope.kind == "command"
    }
    for service, handled in facts.handled.items():
        undone: set[tuple[str, str, str]] = set()
        for name, outcome in handled:
            address = addresses.get(name)
            if address is None or outcome != "handled":
                continue
            step = (address.saga, address.saga_id, address.step)
            if address.kind == "undo":
                undone.add(step)
            else:
                i.check(
                    step not in undone, f"{service}: {address.step} of {address.saga_id} took effect after its undo"
                )


def projection(facts: Facts, i: Invariant) -> None:
    """I10, the projection is the fold."""
    fold: Counter[tuple[str, str]] = Counter()
    for record in {r.id: r for r in facts.records}.values():
        if record.envelope is not None and record.envelope.type.endswith(".OrderConfirmed") and record.key:
            command = order(facts.seed, int(record.key.rpartition("_")[2]))
            cents = sum(line.quantity * line.price_cents for line in command.lines)
            fold[(command.occurred_at.date().isoformat(), command.country)] += cents
    rows = {(r[0], r[1]): r[2] for r in facts.fetch("analytics", "SELECT day, country, cents FROM revenue")}
    for place in sorted({*fold, *rows}):
        i.check(
            fold[place] == rows.get(place, 0), f"revenue of {place}: {rows.get(place, 0)}, the log says {fold[place]}"
        )


def timers(facts: Facts, i: Invariant, time_scale: float) -> None:
    """I12, timers."""
    waits = {s.name: s.timeout_s * time_scale for d in facts.app.definitions for s in d.steps}
    began: dict[str, int] = {}
    fired: Counter[tuple[str, str]] = Counter()
    for name, kind, step, note, at in facts.fetch(
        "order-service", "SELECT saga_id, kind, step, note, at_us FROM saga_event ORDER BY seq"
    ):
        if kind in ("started", "done"):
            began[name] = at
        elif kind == "timeout" and "deadline" not in note:
            fired[(name, step)] += 1
            late_by = (at - began[name]) / 1e6 - waits[step]
            i.check(late_by >= 0, f"{name}: {step} timed out {-late_by:.3f} s too early")
            i.check(fired[(name, step)] == 1, f"{name}: {step} timed out twice")


def quiet(facts: Facts, i: Invariant) -> None:
    """I13, quiescence."""
    for service in facts.app.services:
        name = service.name
        waiting = facts.fetch(name, "SELECT count(*) AS n FROM outbox_queue")[0][0]
        i.check(waiting == 0, f"{name}: {waiting} messages never left")
    open_sagas = facts.fetch(
        "order-service", "SELECT saga_id, status FROM saga WHERE status NOT IN ('completed', 'undone')"
    )
    i.check(not open_sagas, f"{len(open_sagas)} sagas never ended, such as {open_sagas[:2]}")
    i.check(facts.behind == 0, f"{facts.behind} records were never handled")


CHECKS: tuple[tuple[str, str, Callable[[Facts, Invariant], None]], ...] = (
    ("I1", "every accepted order ends confirmed or cancelled, as its saga did", terminal),
    ("I2", "money: charged at most once, kept only for confirmed orders", money),
    ("I3", "stock: on hand + reserved + sold = initial, nothing reserved for nobody", stock),
    ("I4", "each order: one mail, counted once", effects_once),
    ("I5", "nothing on the log that was not committed", no_ghost),
    ("I6", "everything committed is on the log and handled once, or a dead letter", no_loss),
    ("I7", "each key handled in its order", key_order),
    ("I8", "every message has its correlation and a cause that exists", traceable),
    ("I9", "no confirmation without stock and payment, no step after its undo", causality),
    ("I10", "the read model equals the fold of the log", projection),
    ("I13", "nothing waits: outboxes empty, groups at the head, no saga open", quiet),
)
TWICE = ("I2", "I4", "I10")
LOST = ("I1", "I6")


def examine(facts: Facts, time_scale: float) -> list[Invariant]:
    """Check every invariant on what was read."""
    found: list[Invariant] = []
    for name, text, check in CHECKS:
        invariant = Invariant(name, text)
        check(facts, invariant)
        found.append(invariant)
    timing = Invariant("I12", "no timer before its time, and each once")
    timers(facts, timing, time_scale)
    found.insert(-1, timing)
    return found


def lost_and_twice(invariants: Iterable[Invariant]) -> tuple[int, int]:
    """How many violations are losses, and how many are repeats."""
    by_id = {i.id: i for i in invariants}
    lost = [v for name in LOST for v in by_id[name].violations if " handled " not in v or v.endswith(" 0 times")]
    twice = [v for name in TWICE for v in by_id[name].violations]
    twice += [v for v in by_id["I6"].violations if " handled " in v and not v.endswith(" 0 times")]
    return len(lost), len(twice)


def latencies_ms(facts: Facts) -> list[float]:
    """From accepted to confirmed, of every confirmed order, in milliseconds, sorted."""
    rows = facts.fetch(
        "order-service",
        "SELECT e.at_us - i.at_us AS took FROM saga_event AS e JOIN inbox AS i ON i.key = e.saga_id "
        "AND i.consumer = 'order-service' AND i.type LIKE '%.PlaceOrder' WHERE e.kind = 'completed'",
    )
    return sorted(row[0] / 1_000 for row in rows)


def a_compensated_order(facts: Facts) -> str:
    """The first order that was undone, if one was."""
    return min((name for name, (status, _) in facts.orders.items() if status == "CANCELLED"), default="")
