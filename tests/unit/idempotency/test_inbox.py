"""Decisions about a batch: a table of situations, and generated traffic in which a batch decides as its messages alone."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from partita.idempotency.inbox import (
    Admittance,
    Candidate,
    Decided,
    Facts,
    Origin,
    SequenceKey,
    Verdict,
    asked_of,
    decide,
    payload_hash,
    stale,
)
from partita.message import Envelope, SagaAddress
from partita.store.inbox import InboxEntry
from partita.store.parking import State
from partita.store.port import Known
from partita.store.tombstones import Tombstone

GROUP, NOW_US = "desk", 1_700_000_000_000_000
STEP = ("Checkout", "o1", "charge")
PLACE: SequenceKey = ("shop", "shop.events", "k")


def a_message(id_: str = "m1", number: int = 0, value: bytes = b"1", **how: Any) -> Candidate:
    """A message of key k."""
    origin, business = how.pop("origin", Origin.NEW), how.pop("business", ())
    envelope = Envelope(id_, "shop", "T", NOW_US, "c", key_sequence=number, **how)
    return Candidate(envelope, "shop.events", "k", value, origin, business)


def a_step(kind: str, id_: str = "m1", **how: Any) -> Candidate:
    """A command of a saga."""
    return a_message(id_, kind="command", saga=SagaAddress(*STEP, 1, kind), **how)


def marked(value: bytes = b"1", outcome: str = "handled") -> InboxEntry:
    """The mark of a message with that value."""
    return InboxEntry(payload_hash("T", value), outcome, 1, None)


def decided(
    *candidates: Candidate,
    marks: Mapping[str, InboxEntry] | None = None,
    last: int | None = None,
    parked: bool = False,
    undone: bool = False,
    ordered: bool = True,
    **more: Any,
) -> Decided:
    """The decision when the database has this state of key k; `more` are other facts."""
    known = Known(
        {(GROUP, id_): entry for id_, entry in (marks or {}).items()},
        {} if last is None else {PLACE: last},
        frozenset({("shop.events", "k")} if parked else ()),
        {STEP: Tombstone(SagaAddress(*STEP, 1, "undo"), 1, b"")} if undone else {},
    )
    return decide(Facts(GROUP, ordered, known, **more), candidates, NOW_US)


def verdicts(found: Decided) -> list[str]:
    """The verdicts, in order."""
    return [said.verdict.value for said in found.admittances]


MARK, DEAD = {"m1": marked()}, {"m1": marked(outcome="dead")}
FATAL: dict[str, InboxEntry] = {"m1": marked(outcome="fatal")}
READY: dict[str, State] = {"m1": "ready"}
PARKED, COUNTS = Origin.PARKED, Origin.COUNTS
SITUATIONS: list[tuple[str, Decided, str]] = [
    ("nothing is known", decided(a_message()), "fresh"),
    ("its id was handled", decided(a_message(), marks=MARK), "duplicate"),
    ("its id named another content", decided(a_message(value=b"2"), marks=MARK), "conflict"),
    ("two copies in one batch", decided(a_message(), a_message()), "fresh duplicate"),
    ("two contents of one id in a batch", decided(a_message(), a_message(value=b"2")), "fresh conflict"),
    ("the next number", decided(a_message(number=4), last=3), "fresh"),
    ("the first number of a key", decided(a_message(number=7)), "fresh"),
    ("a number is missing", decided(a_message(number=5), last=3), "gap"),
    ("the missing one comes behind it", decided(a_message(number=5), a_message("m2", 4), last=3), "gap fresh"),
    ("without order a number is nothing", decided(a_message(number=9), last=3, ordered=False), "fresh"),
    ("an old number without a mark", decided(a_message(number=3), last=3), "stale"),
    ("a number below the base", decided(a_message(number=3), last=9, bases={PLACE: 5}), "passed"),
    ("below a base begun in this batch", decided(a_message(number=7), a_message("m2", 3)), "fresh passed"),
    (
        "one that only counts, below the base",
        decided(a_message(number=3, origin=COUNTS), last=9, bases={PLACE: 5}),
        "stale",
    ),
    ("its key is parked", decided(a_message(), parked=True), "held"),
    ("a copy of a parked key", decided(a_message(), parked=True, marks=MARK), "duplicate"),
    ("an undo that takes its command out", decided(a_step("undo"), parked=True, overtaking=["m1"]), "fresh"),
    ("its step was undone", decided(a_step("do"), undone=True), "undone"),
    ("its undo stands before it", decided(a_step("undo"), a_step("do", "m2")), "fresh undone"),
    ("its undo comes behind it", decided(a_step("do"), a_step("undo", "m2")), "fresh fresh"),
    ("an undo that comes again under a new id", decided(a_step("undo"), undone=True), "undone"),
    ("a question is never undone", decided(a_step("ask"), undone=True), "fresh"),
    ("its saga sends again what died", decided(a_step("do"), marks=DEAD), "fresh"),
    ("... twice in one batch", decided(a_step("do"), a_step("do"), marks=DEAD), "fresh duplicate"),
    ("... and ended its process", decided(a_step("do"), marks=FATAL), "duplicate"),
    ("an undo whose like ended its process", decided(a_step("undo"), parked=True, fatal=["m1"]), "duplicate"),
    ("... and a person had it done since", decided(a_step("undo"), undone=True, fatal=["m1"]), "undone"),
    ("... and a person replays it", decided(a_step("undo", origin=PARKED), fatal=["m1"], standing=READY), "fresh"),
    ("an event that died comes again", decided(a_message(), marks=DEAD), "duplicate"),
    ("ready in the parking", decided(a_message(origin=PARKED), standing={"m1": "ready"}), "fresh"),
    ("settled in the parking", decided(a_message(origin=PARKED)), "duplicate"),
    ("parked again meanwhile", decided(a_message(origin=PARKED), standing={"m1": "waiting"}), "duplicate"),
    ("behind nobody of this batch", decided(a_message(origin=PARKED), standing={"m1": "behind"}), "duplicate"),
    (
        "behind a ready one",
        decided(a_message(origin=PARKED), a_message("m2", origin=PARKED), standing={"m1": "ready", "m2": "behind"}),
        "fresh fresh",
    ),
    ("so old that its mark may be gone", decided(a_message(), expired=["m1"]), "expired"),
    ("made here just now", decided(a_message(origin=Origin.MADE), marks=MARK), "fresh"),
]


@pytest.mark.parametrize(("found", "expected"), [row[1:] for row in SITUATIONS], ids=[row[0] for row in SITUATIONS])
def test_a_situation_has_its_verdict(found: Decided, expected: str) -> None:
    """Each verdict, and its difference from its neighbour."""
    assert " ".join(verdicts(found)) == expected


def test_every_verdict_stands_in_the_table() -> None:
    """Else no group would ever try a new one."""
    assert {word for row in SITUATIONS for word in row[2].split()} == {verdict.value for verdict in Verdict}


def test_a_message_that_ended_its_process_is_not_tried_again_for_its_saga() -> None:
    """Each try would end some more processes, for as long as the saga waits."""
    assert verdicts(decided(a_step("do"), marks=FATAL)) == ["duplicate"]
    assert verdicts(decided(a_step("undo", "m2"), a_step("ask", "m3"), fatal=["m2", "m3"])) == [
        "duplicate",
        "duplicate",
    ]


def test_a_message_is_marked_once_and_only_if_it_is_handled_or_waits() -> None:
    """A gap has no mark; otherwise its missing predecessor would find it handled."""
    found = decided(a_message(), a_message(), a_message("m2"), a_message("m3", 9), last=3)
    assert [(row.message_id, row.outcome) for row in found.marks] == [
        ("m1", "handled"),
        ("m2", "handled"),
    ]
    held = decided(a_message(), parked=True)
    assert [(row.message_id, row.outcome) for row in held.marks] == [("m1", "waiting")]
    assert not decided(a_message(origin=PARKED), standing={"m1": "ready"}).marks
    assert not decided(a_message(number=4, origin=Origin.AT_ONCE, at_once=True), last=3).marks


def test_each_number_counts_in_its_turn_whatever_becomes_of_its_message() -> None:
    """Otherwise all later messages of its key would wait for a copy under a new number."""
    copy = decided(a_message(number=4), a_message("m2", 5), marks=MARK, last=3)
    assert verdicts(copy) == ["duplicate", "fresh"] and copy.counted == {PLACE: 5}
    ahead = decided(a_message(number=5), marks=MARK, last=3)
    assert ahead.admittances[0].ahead and not ahead.counted
    assert decided(a_message(number=7)).counted == decided(a_message(number=7)).bases == {PLACE: 7}


def test_a_business_key_is_marked_for_each_handler_and_found_again() -> None:
    """The second message with that key repeats the effect of the first, for this handler alone."""
    one, other = a_message(business=(("h1", "T#1"),)), a_message("m2", business=(("h1", "T#1"), ("h2", "T#1")))
    found = decided(one, other)
    assert list(found.admittances[1].repeated) == ["h1"]
    keys = [(row.consumer, row.message_id) for row in found.marks if row.message_id == "T#1"]
    assert keys == [("h1", "T#1"), ("h2", "T#1")]


def test_nothing_is_asked_of_a_message_that_was_made_here() -> None:
    """No receiver can have seen its id."""
    asked = asked_of(GROUP, True, [a_message(origin=Origin.MADE), a_message("m2"), a_step("do", "m3")])
    assert asked.marks == [(GROUP, "m2"), (GROUP, "m3")] and asked.steps == [STEP]


def test_the_base_is_only_asked_where_it_decides() -> None:
    """The case is a number that was counted and has no mark."""
    asked = [a_message(number=3), a_message("m2", 6), a_message("m3", 4, origin=COUNTS)]
    assert stale(asked, decided(*asked, marks=MARK, last=5)) == []
    asked.append(a_message("m4", 2))
    assert stale(asked, decided(*asked, marks=MARK, last=5)) == [PLACE]


class Database:
    """The writes of the decisions so far."""

    def __init__(self) -> None:
        self.marks: dict[tuple[str, str], InboxEntry] = {}
        self.last: dict[SequenceKey, int] = {}
        self.bases: dict[SequenceKey, int] = {}
        self.undone: dict[tuple[str, str, str], Tombstone] = {}

    def decide(self, candidates: Sequence[Candidate]) -> list[Admittance]:
        """Decide about a batch, and write."""
        known = Known(dict(self.marks), dict(self.last), frozenset(), dict(self.undone))
        facts = Facts(GROUP, True, known)
        bases = {place: self.bases.get(place, 1) for place in stale(candidates, decide(facts, candidates, NOW_US))}
        found = decide(facts._replace(bases=bases), candidates, NOW_US)
        for row in found.marks:
            self.marks[row.consumer, row.message_id] = InboxEntry(row.payload_hash, row.outcome, row.at_us, row.reply)
        self.last |= found.counted
        self.bases |= found.bases
        for candidate, said in zip(candidates, found.admittances, strict=True):
            if said.marked and said.verdict is Verdict.FRESH:  # its unit of work says so
                name = (GROUP, candidate.envelope.id)
                self.marks[name] = self.marks[name]._replace(outcome="handled")
            if candidate.is_undo and said.verdict is Verdict.FRESH and candidate.step is not None:
                self.undone[candidate.step] = Tombstone(SagaAddress(*candidate.step, 1, "undo"), 1, b"")
        return found.admittances


def traffic(dice: random.Random) -> list[Candidate]:
    """Messages of two keys: out of order, again, again under new numbers, with other contents, and a saga's."""
    numbers, found = {"a": dice.randint(1, 3), "b": 1}, list[Candidate]()
    for n in range(dice.randint(5, 30)):
        key, roll = dice.choice("ab"), dice.random()
        if found and roll < 0.35:
            again = dice.choice(found)
            envelope = again.envelope
            number = envelope.key_sequence if dice.random() < 0.6 else numbers[again.key or "a"]
            numbers[again.key or "a"] += number != envelope.key_sequence
            value = b"other" if dice.random() < 0.15 else again.value
            envelope = Envelope(
                envelope.id, envelope.source, envelope.type, envelope.time_us, "c", envelope.kind,
                key_sequence=number, saga=envelope.saga,
            )  # fmt: skip
            found.append(Candidate(envelope, again.topic, again.key, value, again.origin, again.business))
            continue
        number, numbers[key] = numbers[key], numbers[key] + 1
        saga = SagaAddress("Checkout", key, dice.choice("xy"), 1, dice.choice(["do", "undo"])) if roll < 0.6 else None
        kind = "event" if saga is None else "command"
        envelope = Envelope(f"m{n}", "shop", "T", NOW_US, "c", kind, key_sequence=number, saga=saga)
        business = (("h", f"T#{dice.randint(1, 4)}"),) if dice.random() < 0.2 else ()
        origin = COUNTS if dice.random() < 0.1 else Origin.NEW
        found.append(Candidate(envelope, "t", key, b"1", origin, () if origin is COUNTS else business))
    for _ in range(dice.randint(0, 4)):  # some change places
        i = dice.randrange(len(found) - 1)
        found[i], found[i + 1] = found[i + 1], found[i]
    return found


def test_a_batch_decides_as_its_messages_one_by_one() -> None:
    """The size of a batch is an accident: verdicts, marks, numbers and bases are the same however the traffic is cut,
    and no id is taken twice."""
    seen = set[Verdict]()
    for seed in range(2_000):
        dice = random.Random(seed)
        messages = traffic(dice)
        alone, cut = Database(), Database()
        one_by_one = [said for message in messages for said in alone.decide([message])]
        batches, rest = list[Admittance](), messages
        while rest:
            size = dice.randint(1, len(rest))
            batches += cut.decide(rest[:size])
            rest = rest[size:]
        assert [s.verdict for s in batches] == [s.verdict for s in one_by_one], seed
        assert [s.ahead for s in batches] == [s.ahead for s in one_by_one], seed
        assert [list(s.repeated) for s in batches] == [list(s.repeated) for s in one_by_one], seed
        assert (cut.last, cut.bases, cut.undone) == (alone.last, alone.bases, alone.undone), seed
        assert {name: (m.payload_hash, m.outcome) for name, m in cut.marks.items()} == {
            name: (m.payload_hash, m.outcome) for name, m in alone.marks.items()
        }, seed
        seen |= {said.verdict for said in batches}
        taken = [m.envelope.id for m, s in zip(messages, batches, strict=True) if s.taken and m.origin is Origin.NEW]
        assert len(taken) == len(set(taken)), seed
    assert seen >= {Verdict.FRESH, Verdict.DUPLICATE, Verdict.CONFLICT, Verdict.GAP, Verdict.STALE, Verdict.UNDONE}
