"""Bugs in the messages that leave with a transaction (G1, G2)."""

from __future__ import annotations

from tests.planted.finders import LEASED, RUNS, log, store
from tests.planted.planting import Plant, instead, swap

PUBLISHING = {
    "messages-without-their-state": Plant(
        "G1",
        "a transaction whose block raises commits what it wrote",
        "SqliteStore.transaction",
        swap(
            "yield session\n",
            "try:\n                yield session\n            except LookupError:\n                pass\n",
        ),
        store("a_block_that_raises_leaves_nothing"),
    ),
    "refusal-keeps-writes": Plant(
        "G1",
        "what a handler wrote before it refused stays",
        "SqliteSession.savepoint",
        swap('self._db.execute(f"ROLLBACK TO {name}")', "pass"),
        store("a_savepoint_undoes_only_itself"),
    ),
    "refusal-outside-keeps-writes": Plant(
        "G1",
        "what a handler that calls outside wrote before it refused stays",
        "_LateUnit.handlers",
        swap("await self._writes.__aexit__(type(refusal), refusal, refusal.__traceback__)", "pass"),
        RUNS + "idempotency/test_effects_once.py::test_a_refusal_of_a_handler_that_calls_outside_undoes_what_it_wrote",
    ),
    "handler-commits": Plant(
        "G1",
        "a handler's own COMMIT parts its mark from its effects",
        "_of_a_user",
        instead("return sql\n"),
        store("a_handler_cannot_end_the_transaction"),
    ),
    "answer-before-commit": Plant(
        "G1",
        "who sent a command is answered when the transaction is rolled back",
        "Pipeline._transaction",
        swap(
            "            for _ in range(",
            "            self.finished(work.admitted)\n            await self.clock.sleep(0.05)\n            for _ in range(",
        ),
        RUNS + "idempotency/test_effects_once.py::test_a_refusal_undoes_what_its_handler_wrote_and_nothing_else",
    ),
    "relay-called-for-a-rollback": Plant(
        "G1",
        "the relay is woken before the commit",
        "SqliteStore.transaction",
        swap("queued = True\n", "queued = True\n            self.bell.ring('rows')\n"),
        store("the_relay_is_called_when_rows_were_committed"),
    ),
    "marked-before-sent": Plant(
        "G2",
        "the relay marks rows as sent before the bus has them",
        "Relay._relay_once",
        swap("answers = await", "await self._settle(taken, [None for _ in taken])\n        answers = await"),
        RUNS + "outbox/test_relay.py::test_what_has_no_answer_is_sent_again_before_what_is_behind_it",
    ),
    "refused-marked-sent": Plant(
        "G2",
        "a row that the bus refused is marked as sent",
        "Relay._settle",
        swap("if why is None]", "]"),
        RUNS + "outbox/test_relay.py::test_rows_of_a_refused_key_do_not_pass",
    ),
    "refused-not-parked": Plant(
        "G2",
        "a row that the bus refused parks nothing: what is behind it passes",
        "Relay._settle",
        swap("await session.outbox.park(slot, row.seq, row.key, why)", "pass"),
        RUNS + "outbox/test_relay.py::test_rows_of_a_refused_key_do_not_pass",
    ),
    "parked-handed-out": Plant(
        "G2",
        "`Outbox.unsent` hands out rows of keys that a refused row holds",
        "UNSENT_BESIDE_PARKED",
        swap("WHERE p.slot = q.slot AND", "WHERE p.slot = -1 AND"),
        store("a_refused_row_holds_its_key_and_no_other"),
        under="store/sqlite",
    ),
    "parked-row-only": Plant(
        "G2",
        "a refused row waits, later ones of its key do not",
        "UNSENT_BESIDE_PARKED",
        swap("(p.seq = q.seq OR p.key = o.aggregateid)", "p.seq = q.seq"),
        store("a_refused_row_holds_its_key_and_no_other"),
        under="store/sqlite",
    ),
    "sent-by-slot": Plant(
        "G2",
        "marking a row as sent takes its slot's earlier rows along",
        "SENT",
        swap("seq = ?", "seq <= ?"),
        store("pending_rows_come_in_commit_order_until_they_are_sent"),
        under="store/sqlite",
    ),
    "unsent-purged": Plant(
        "G2",
        "retention takes what has not left",
        "PURGE",
        swap(
            "WHERE NOT EXISTS (SELECT 1 FROM outbox_queue AS q WHERE q.slot = o.slot AND q.seq = o.seq)", "WHERE true"
        ),
        store("only_sent_rows_are_forgotten"),
        under="store/sqlite/outbox",
    ),
    "number-given-again": Plant(
        "G2",
        "a number of the queue is given again, and its new row is marked as sent",
        "PURGE",
        swap("AND seq < (SELECT max(seq) FROM outbox)", ""),
        store("a_number_of_the_queue_is_never_given_again"),
        under="store/sqlite/outbox",
    ),
    "old-relay-appends": Plant(
        "G2",
        "a relay that stood still appends what another has appended",
        "_check_fences",
        instead("return\n"),
        log("an_old_epoch_appends_nothing"),
        under="bus/log",
    ),
    "new-id-on-the-log": Plant(
        "G2",
        "copies of a message carry different ids",
        "Relay._relay_once",
        swap("row.payload, row.id)", "row.payload, row.id + str(self.relayed))"),
        RUNS + "outbox/test_relay.py::test_rows_of_a_refused_key_do_not_pass",
    ),
    "trimmed-too-early": Plant(
        "G2",
        "the log forgets what a group has not handled",
        "TRIM",
        swap("g.position < r.position", "g.position < 0"),
        log("only_what_every_group_has_handled_is_trimmed"),
        under="bus/log",
    ),
    "came-back-unseen": Plant(
        "G2",
        "a partition that came and must go before a poll is reported as one that came back, and never released",
        "Parts._revoke",
        swap("if where in self._assigned:", "if False:"),
        LEASED + "test_a_partition_that_came_and_must_go_unseen_is_not_told_to_have_come[embedded]",
    ),
    "new-holding-given-back": Plant(
        "G2",
        "a partition that came back is given back by a release from before",
        "Parts.release",
        swap(" and part.leaving", ""),
        LEASED + "test_a_partition_that_came_back_is_not_given_back_by_an_old_release[embedded]",
    ),
    "position-rolled-back": Plant(
        "G2",
        "a position counts as written whose transaction was rolled back",
        "LeasedSubscription._give_back_released",
        swap(
            "            await self._give_back(gone, moved)\n            self._parts.written(moved)\n",
            "            self._parts.written(moved)\n            await self._give_back(gone, moved)\n",
        ),
        RUNS + "bus/log/test_log_news.py::test_a_release_that_was_rolled_back_can_be_made_again",
    ),
}
