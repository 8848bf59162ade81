"""The demo's ledger: invariants computed by real queries over every service's database, the log and the witnesses.

Nothing here asks the runtime. See reading.py for the sources; the witnesses' own ledgers record what really
happened.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from partita.examples.proof.facts import Facts, Messages
from partita.examples.proof.orders import order, order_id, return_id

TERMINAL = {"CONFIRMED", "CANCELLED"}
SHOWN_MAX = 5


@dataclass(slots=True)
class Invariant:
    """One invariant: the number of checks, and its violations."""

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
    sagas = {row[0]: row[1] for row in facts.fetch("order-service", "SELECT saga_id, status FROM saga")}
    fits = {"CONFIRMED": "completed", "CANCELLED": "undone", "COMPLETED": "completed", "DECLINED": "undone"}
    for number in facts.accepted:
        name = order_id(facts.seed, number)
        status = facts.orders.get(name, ("(missing)", 0))[0]
        i.check(status in TERMINAL, f"{name} was accepted and is {status}, its saga {sagas.get(name)}")
        i.check(fits.get(status) == sagas.get(name), f"{name} is {status}, its saga {sagas.get(name)}")
    asked = {return_id(facts.seed, number) for number in facts.accepted_returns}
    for name in sorted({*asked, *facts.returns}):
        back = facts.returns[name].status if name in facts.returns else "(missing)"
        i.check(fits.get(back, "") == sagas.get(name), f"return {name} is {back}, its saga {sagas.get(name)}")


def money(facts: Facts, i: Invariant) -> None:
    """I2, money: by the movements in the provider's own ledger."""
    moved: dict[str, list[int]] = defaultdict(list)
    keys: Counter[tuple[str, str]] = Counter()
    did: Counter[tuple[str, str]] = Counter()
    for name, kind, cents, answer in facts.psp.execute("SELECT order_id, kind, cents, answer FROM effect"):
        keys[name, kind] += 1
        if answer == "ok":
            moved[name].append(cents)
            did[name, kind] += 1
    given_back: Counter[str] = Counter()
    completed: Counter[str] = Counter()
    for each in facts.returns.values():
        if each.status == "COMPLETED":
            given_back[each.order_id] += each.cents
            completed[each.order_id] += 1
    held = 0
    for name in sorted({*facts.orders, *moved}):
        status, total = facts.orders.get(name, ("(missing)", 0))
        for kind in ("charge", "refund"):
            i.check(keys[name, kind] <= 1, f"{name}: a {kind} was asked for under {keys[name, kind]} keys")
        net = sum(moved[name])
        held += net
        if status in TERMINAL:
            sold = status == "CONFIRMED"
            due = total - given_back[name] if sold else 0
            i.check(net == due, f"{name} is {status}, the provider holds {net} of {due} cents")
            i.check(did[name, "charge"] == 1 or not sold, f"{name} is {status}, charged {did[name, 'charge']} times")
            i.check(not (sold and did[name, "refund"]), f"{name} is {status}, and was refunded")
            parts = did[name, "part"]
            i.check(parts == completed[name], f"{name}: {parts} parts given back for {completed[name]} returns")
        else:
            i.check(net == 0 or status != "(missing)", f"{name} is not an order, the provider holds {net} cents of it")
    worth = sum(total for status, total in facts.orders.values() if status == "CONFIRMED") - given_back.total()
    i.check(held == worth, f"the provider holds {held} cents, confirmed orders less returns are worth {worth}")


def stock(facts: Facts, i: Invariant) -> None:
    """I3, stock."""
    sold: Counter[str] = Counter()
    # All orders count, also one whose storefront died before it could record the acceptance.
    for name, (status, _) in facts.orders.items():
        if status == "CONFIRMED":
            for line in order(facts.seed, int(name.rpartition("_")[2])).lines:
                sold[line.sku] += line.quantity
    for each in facts.returns.values():
        if each.status == "COMPLETED":
            sold[each.sku] -= each.quantity
    there: set[str] = set()
    for sku, initial, on_hand, reserved, gone in facts.fetch(
        "inventory-service", "SELECT sku, initial, on_hand, reserved, sold FROM stock"
    ):
        there.add(sku)
        i.check(on_hand + reserved + gone == initial, f"{sku}: {on_hand} + {reserved} + {gone} is not {initial}")
        i.check(min(on_hand, reserved, gone) >= 0, f"{sku}: below zero")
        i.check(reserved == 0, f"{sku}: {reserved} still reserved without an order")
        i.check(gone == sold[sku], f"{sku}: {gone} sold, confirmed orders less returns say {sold[sku]}")
    for sku in sorted(sold.keys() - there):
        i.check(sold[sku] == 0, f"{sku}: confirmed orders hold {sold[sku]}, the warehouse does not know it")


def effects_once(facts: Facts, i: Invariant) -> None:
    """I4, effects once."""
    mails: dict[str, Counter[str]] = defaultdict(Counter)
    for name, template in facts.mail.execute("SELECT order_id, detail FROM effect"):
        mails[name][template] += 1
    wanted: dict[str, Counter[str]] = defaultdict(Counter)
    ends = {"CONFIRMED": "OrderConfirmed", "CANCELLED": "OrderCancelled"}
    ends |= {"COMPLETED": "ReturnCompleted", "DECLINED": "ReturnDeclined"}
    decided = [(name, status) for name, (status, _) in facts.orders.items()]
    for name, status in [*decided, *((each.order_id, each.status) for each in facts.returns.values())]:
        if status in ends:
            wanted[name][ends[status]] += 1
    for name in sorted({*wanted, *mails}):
        got, due = dict(mails[name]), dict(wanted[name])
        i.check(got == due, f"{name}: mails sent: {got}, due: {due}")
    counted = facts.fetch("analytics", "SELECT CAST(coalesce(sum(orders), 0) AS BIGINT) AS n FROM revenue")[0][0]
    confirmed = sum(status == "CONFIRMED" for status, _ in facts.orders.values())
    i.check(counted == confirmed, f"analytics counted {counted} orders, {confirmed} are confirmed")


def no_ghost(facts: Messages, i: Invariant) -> None:
    """I5, no ghost."""
    for record in facts.records:
        if record.envelope is not None:
            i.check(
                record.id in facts.outbox, f"{record.envelope.type} {record.id} is on the log and was never committed"
            )


def no_loss(facts: Messages, i: Invariant) -> None:
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
                i.check(found == wants, f"{service.name}: unreadable record at {record.position} is not a dead letter")
            elif record.envelope.type in interests:
                # The envelope of a message that was handled at once says so; a mark beside it counts as a second time.
                at_once = record.envelope.at_once and record.envelope.source.startswith(f"{service.name}/")
                count = marks[service.name][record.id] + at_once
                i.check(count == 1, f"{service.name} handled {record.envelope.type} {record.id} {count} times")


def key_order(facts: Messages, i: Invariant) -> None:
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


def traceable(facts: Messages, i: Invariant) -> None:
    """I8, traceable."""
    for name, (service, type_name, correlation, cause) in facts.outbox.items():
        i.check(correlation in facts.roots, f"{type_name} {name}: its correlation id {correlation} is not a root")
        known = cause in facts.outbox or cause in facts.roots
        i.check(known, f"{type_name} {name} of {service}: its cause {cause} does not exist")


BEFORE = {
    "OrderConfirmed": {"StockReserved", "PaymentCharged", "OrderPlaced"},
    "ReturnCompleted": {"ItemsRestocked", "ItemsRefunded", "ReturnRequested"},
}
"""The facts that must precede the published end of a saga."""


def causality(facts: Messages, i: Invariant) -> None:
    """I9, causality."""
    for name, (_, type_name, _, _) in facts.outbox.items():
        ended = type_name.rpartition(".")[2]
        if ended not in BEFORE:
            continue
        seen: set[str] = set()
        at: str | None = name
        for _ in range(100):
            if at not in facts.outbox:
                break
            row = facts.outbox[at]
            seen.add(row[1].rpartition(".")[2])
            at = row[3]
        missing = BEFORE[ended] - seen
        i.check(not missing, f"{ended} {name} without {', '.join(sorted(missing))} before it")
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
            elif address.is_effect:
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
    for _, name, _, at, kind, step, _, note in facts.histories("order-service"):
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
        parked = facts.fetch(name, "SELECT message_id, state FROM parked WHERE state <> 'dead'")
        i.check(not parked, f"{name}: {len(parked)} messages are parked, such as {parked[:2]}")
    open_sagas = facts.fetch(
        "order-service", "SELECT saga_id, status FROM saga WHERE status NOT IN ('completed', 'undone')"
    )
    i.check(not open_sagas, f"{len(open_sagas)} sagas never ended, such as {open_sagas[:2]}")
    i.check(facts.behind == 0, f"{facts.behind} records were never handled")


CHECKS: tuple[tuple[str, str, Callable[[Facts, Invariant], None]], ...] = (
    ("I1", "every accepted order and return ends, and as its saga did", terminal),
    ("I2", "money: charged once, refunded once, kept only for what is sold", money),
    ("I3", "stock: on hand + reserved + sold = initial, nothing reserved without an order", stock),
    ("I4", "each order and return: one mail, each order counted once", effects_once),
    ("I5", "nothing on the log that was not committed", no_ghost),
    ("I6", "everything committed is on the log and handled once, or a dead letter", no_loss),
    ("I7", "each key handled in its order", key_order),
    ("I8", "every message has its correlation and a cause that exists", traceable),
    ("I9", "no saga completed without its steps, no step after its undo", causality),
    ("I10", "the read model equals the fold of the log", projection),
    ("I13", "nothing waits: outboxes empty, none parked, groups at the head, no saga open", quiet),
)
TWICE = ("I2", "I4", "I10")
LOST = ("I1", "I6")


def examine(facts: Facts, time_scale: float) -> list[Invariant]:
    """Check every invariant on the facts."""
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
    """The numbers of violations that are losses, and that are repeats."""
    by_id = {i.id: i for i in invariants}
    lost = [v for name in LOST for v in by_id[name].violations if " handled " not in v or v.endswith(" 0 times")]
    twice = [v for name in TWICE for v in by_id[name].violations]
    twice += [v for v in by_id["I6"].violations if " handled " in v and not v.endswith(" 0 times")]
    return len(lost), len(twice)


def moved_at_the_provider(facts: Facts) -> dict[str, int]:
    """The numbers of money movements: without refunds an invariant about refunds proves nothing."""
    asked = "SELECT kind, count(*) FROM effect WHERE answer = 'ok' AND cents <> 0 GROUP BY kind"
    found = dict(facts.psp.execute(asked).fetchall())
    return {kind: found.get(kind, 0) for kind in ("charge", "refund", "part")}


def latencies_ms(facts: Facts) -> list[float]:
    """From accepted to confirmed, of every confirmed order, in milliseconds, sorted."""
    asked = "SELECT key, at_us FROM inbox WHERE consumer = 'order-service' AND type LIKE '%.PlaceOrder'"
    accepted = {row[0]: row[1] for row in facts.fetch("order-service", asked)}
    ended = [entry for entry in facts.histories("order-service") if entry.kind == "completed"]
    return sorted((entry.at_us - accepted[entry.saga_id]) / 1_000 for entry in ended if entry.saga_id in accepted)


def a_compensated_order(facts: Facts) -> str:
    """The first order that was undone, if one was."""
    return min((name for name, (status, _) in facts.orders.items() if status == "CANCELLED"), default="")
