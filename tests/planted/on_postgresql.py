"""Bugs in the SQL of the server tiers."""

from __future__ import annotations

from tests.planted.finders import postgres
from tests.planted.planting import Plant, swap

ON_POSTGRESQL = {
    "parked-handed-out-on-postgresql": Plant(
        "G2",
        "`Outbox.unsent` hands out rows of keys that a refused row holds (PostgreSQL)",
        "UNSENT",
        swap("p.slot = q.slot AND (p.seq", "p.slot = -1 AND (p.seq"),
        postgres("a_refused_row_holds_its_key_and_no_other"),
        under="store/postgres/questions",
    ),
    "no-fence-on-postgresql": Plant(
        "G3",
        "a process that stood still writes when it wakes (PostgreSQL)",
        "read_known",
        swap("check_epochs(asked.consumer, asked.held,", "check_epochs(asked.consumer, (),"),
        postgres("a_former_holder_is_fenced"),
        under="store/postgres/known",
    ),
    "outbox-turned-round-on-postgresql": Plant(
        "G4",
        "the relay takes rows in another order than they were committed in (PostgreSQL)",
        "UNSENT",
        swap("ORDER BY r.seq;", "ORDER BY r.seq DESC;"),
        postgres("pending_rows_come_in_commit_order_until_they_are_sent"),
        under="store/postgres/questions",
    ),
    "epoch-not-raised-on-postgresql": Plant(
        "G3",
        "who takes a partition over has the epoch of who held it (PostgreSQL)",
        "CLAIM",
        swap("epoch = c.epoch + 1", "epoch = c.epoch"),
        postgres("a_former_holder_is_fenced"),
        under="store/postgres",
    ),
    "take-over-does-not-wait-on-postgresql": Plant(
        "G3",
        "who takes a partition over does not wait for a transaction that has passed the fence (PostgreSQL)",
        "FIND_KNOWN",
        swap("\n        FOR KEY SHARE) AS found", ") AS found"),
        "tests/conformance/test_postgres.py::test_a_take_over_waits_for_a_transaction_that_passed_the_fence",
        under="store/postgres/questions",
    ),
    "mark-of-parked-forgotten-on-postgresql": Plant(
        "G3",
        "the mark of a message that is parked is forgotten after the window (PostgreSQL)",
        "OLDEST",
        swap("outcome NOT IN ('waiting', 'dead', 'fatal')", "true"),
        postgres("the_mark_of_a_parked_message_outlives_the_window"),
        under="store/postgres/inbox",
    ),
    "unsent-purged-on-postgresql": Plant(
        "G2",
        "retention takes what has not left (PostgreSQL)",
        "PURGE",
        swap("q.slot = o.slot AND q.seq = o.seq", "q.slot = -1 AND q.seq = o.seq"),
        postgres("only_sent_rows_are_forgotten"),
        under="store/postgres/outbox",
    ),
    "parking-turned-round-on-postgresql": Plant(
        "G4",
        "out of the parking comes the last of a key first (PostgreSQL)",
        "NEXT",
        swap("SELECT min(idx)", "SELECT max(idx)"),
        postgres("a_key_is_held_until_its_first_is_gone"),
        under="store/postgres/parking",
    ),
    "timer-early-on-postgresql": Plant(
        "G6",
        "the store names timers before they are due (PostgreSQL)",
        "DUE",
        swap("due_us <= $1", "due_us <= $1 + 1000000"),
        postgres("timers_come_due_in_order"),
        under="store/postgres",
    ),
    "timers-in-hand-of-oneself-on-postgresql": Plant(
        "Handlers",
        "a process takes what it has in hand itself for another's (PostgreSQL)",
        "DUE",
        swap("AND t.member <> $3", "AND $3 <> ''"),
        postgres("who_has_timers_in_hand_is_seen_by_others"),
        under="store/postgres",
    ),
    "deaths-not-counted-on-postgresql": Plant(
        "G7",
        "tries are counted anew by each process (PostgreSQL)",
        "COUNT",
        swap("tried = t.tried + excluded.tried", "tried = excluded.tried"),
        postgres("what_was_in_hand_is_told_to_the_successor"),
        under="store/postgres/tries",
    ),
}
