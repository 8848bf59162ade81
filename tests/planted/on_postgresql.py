"""Bugs in the SQL of the server tiers."""

from __future__ import annotations

from tests.planted.finders import WITHIN, postgres
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
    "offsets-taken-early": Plant(
        "G4",
        "a transaction takes its offsets when it names its messages, with locks that last until its commit",
        "Within.take",
        swap(
            "self._link.ending = self._put",
            "await self._link.connection.execute(self._put())\n            self._rows = []",
        ),
        WITHIN + "test_no_partition_is_locked_before_the_commit",
    ),
    "offset-given-twice": Plant(
        "G2",
        "offsets are counted from the records that are there: those of trimmed records are given again",
        "PUT",
        swap(
            "SET head = p.head + c.count",
            "SET head = c.count + (SELECT count(*) FROM partita_log.record AS o WHERE o.place = p.place)",
        ),
        WITHIN + "test_retention_trims_what_every_group_has_passed",
        under="bus/postgres",
    ),
    "trimmed-past-a-slow-group": Plant(
        "G2",
        "retention takes what the fastest group has passed (PostgreSQL)",
        "TRIM",
        swap("min(g.position)", "max(g.position)"),
        WITHIN + "test_retention_trims_what_every_group_has_passed",
        under="bus/postgres",
    ),
    "late-partition-skipped": Plant(
        "G2",
        "a group reads all partitions from one position on: what is committed late in one of them is passed",
        "PostgresSubscription._read",
        swap(
            "after = [(place, part.read) for place, part in asked.items()]",
            "after = [(place, max(part.read for part in asked.values())) for place in asked]",
        ),
        WITHIN + "test_a_group_misses_nothing_that_is_committed_late",
    ),
    "queued-row-overtaken": Plant(
        "G4",
        "a message goes into the log although an earlier one of its key waits in the queue",
        "RESERVE",
        swap("ORDER BY o.seq DESC LIMIT 1", "ORDER BY o.seq LIMIT 1"),
        WITHIN + "test_a_row_that_was_queued_while_its_key_was_waited_for_is_seen",
        under="store/postgres/questions",
    ),
    "queue-asked-before-the-lock": Plant(
        "G4",
        "the queue is asked about before the key is locked: a row that the lock's former holder queued is not seen",
        "RESERVE",
        swap(
            "    lasts BIGINT[];\nBEGIN",
            "    lasts BIGINT[];\n    waiting TEXT[];\nBEGIN\n    waiting := ARRAY(SELECT o.aggregateid FROM outbox AS o "
            "JOIN outbox_queue AS q ON q.seq = o.seq);",
            "EXISTS (\n",
            "r.key = ANY(waiting) AND EXISTS (\n",
        ),
        WITHIN + "test_a_row_that_was_queued_while_its_key_was_waited_for_is_seen",
        under="store/postgres/questions",
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
