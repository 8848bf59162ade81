"""Errors written into the files of a shop that made none: for each clause of each invariant one world that violates
it, and the words by which the ledger must report it."""

from __future__ import annotations

from typing import NamedTuple


class Fact(NamedTuple):
    """One error: in words, as SQL on one file of the data folder, and the invariant that must find it."""

    meaning: str
    file: str
    sql: str
    invariant: str
    says: str


ORDER, STOCK, PAY, MAIL, LOG = "order-service", "inventory-service", "payment-service", "mail", "log"
REFUND_AGAIN = (
    "INSERT INTO effect SELECT key || '-again', kind, order_id, asked, detail, answer, cents, at FROM effect "
    "WHERE order_id = :refunded AND kind = 'refund'"
)
OTHER_KIND = (
    "INSERT INTO effect SELECT key || '-again', '{kind}', order_id, asked, detail, 'ok', {cents}, at FROM effect "
    "WHERE order_id = :confirmed AND kind = 'charge'"
)
STEP_AFTER_UNDO = (
    "UPDATE inbox SET seq = 1000000 WHERE message_id = ("
    "SELECT step.message_id FROM inbox step JOIN inbox undo USING (key) WHERE step.outcome = 'handled' "
    "AND step.type LIKE '%.ReserveStock' AND undo.outcome = 'handled' AND undo.type LIKE '%.ReleaseStock' LIMIT 1)"
)
SWAP = "UPDATE inbox SET seq = seq + 1000000 WHERE key = :refunded AND type LIKE '%.ChargePayment'"
ENTRIES = "json_each('[' || replace(rtrim(history, char(10)), char(10), ',') || ']')"
EARLIER = (
    "UPDATE saga SET history = (SELECT group_concat(CASE json_extract(value, '$[2]') WHEN 'timeout' "
    "THEN json_replace(value, '$[1]', json_extract(value, '$[1]') - 2000000) ELSE value END, char(10)) || char(10) "
    f"FROM {ENTRIES}) WHERE history LIKE '%timeout%'"
)
TWICE = (
    f"UPDATE saga SET history = history || (SELECT value || char(10) FROM {ENTRIES} "
    "WHERE json_extract(value, '$[2]') = 'timeout' LIMIT 1) WHERE history LIKE '%timeout%'"
)

FACTS: dict[str, Fact] = {
    # I1
    "order-gone": Fact(
        "an accepted order is nowhere",
        ORDER,
        "DELETE FROM orders WHERE order_id = :confirmed",
        "I1",
        "is \\(missing\\)",
    ),
    "order-undecided": Fact(
        "an order is never decided",
        ORDER,
        "UPDATE orders SET status = 'PLACED' WHERE order_id = :confirmed",
        "I1",
        "was accepted and is PLACED",
    ),
    "order-unlike-saga": Fact(
        "an order is confirmed and its saga undone",
        ORDER,
        "UPDATE saga SET status = 'undone' WHERE saga_id = :confirmed",
        "I1",
        "CONFIRMED, its saga undone",
    ),
    "order-without-saga": Fact(
        "an order was confirmed by nobody",
        ORDER,
        "DELETE FROM saga WHERE saga_id = :confirmed",
        "I1",
        "CONFIRMED, its saga None",
    ),
    "return-gone": Fact(
        "an accepted return is nowhere",
        ORDER,
        "DELETE FROM item_return WHERE return_id = :back",
        "I1",
        "return .* is \\(missing\\)",
    ),
    "return-undecided": Fact(
        "a return is never decided",
        ORDER,
        "UPDATE item_return SET status = 'REQUESTED' WHERE return_id = :back",
        "I1",
        "return .* is REQUESTED",
    ),
    "return-unlike-saga": Fact(
        "a return is declined and its saga completed",
        ORDER,
        "UPDATE item_return SET status = 'DECLINED' WHERE return_id = :back",
        "I1",
        "return .* is DECLINED, its saga completed",
    ),
    # I2
    "charged-twice": Fact(
        "an order was charged twice",
        "psp",
        OTHER_KIND.format(kind="charge", cents="cents"),
        "I2",
        "a charge was asked for under 2 keys",
    ),
    "charge-asked-twice": Fact(
        "a charge was asked for again under another key, and declined",
        "psp",
        "INSERT INTO effect SELECT key || '-again', kind, order_id, asked, detail, 'card declined', cents, at FROM effect "
        "WHERE order_id = :confirmed AND kind = 'charge'",
        "I2",
        "a charge was asked for under 2 keys",
    ),
    "charged-too-little": Fact(
        "a confirmed order was charged less than it is worth",
        "psp",
        "UPDATE effect SET cents = cents - 1 WHERE order_id = :confirmed AND kind = 'charge'",
        "I2",
        "CONFIRMED, the provider holds",
    ),
    "not-charged": Fact(
        "a confirmed order was never charged",
        "psp",
        "DELETE FROM effect WHERE order_id = :confirmed",
        "I2",
        "CONFIRMED, charged 0 times",
    ),
    "refunded-twice": Fact(
        "one charge was refunded twice", "psp", REFUND_AGAIN, "I2", "a refund was asked for under 2 keys"
    ),
    "not-refunded": Fact(
        "a cancelled order keeps its money",
        "psp",
        "DELETE FROM effect WHERE order_id = :refunded AND kind = 'refund'",
        "I2",
        "CANCELLED, the provider holds [1-9]\\d* of 0 cents",
    ),
    "refunded-in-part": Fact(
        "of a cancelled order only a part was refunded",
        "psp",
        "UPDATE effect SET cents = cents + 1 WHERE order_id = :refunded AND kind = 'refund'",
        "I2",
        "CANCELLED, the provider holds 1 of 0 cents",
    ),
    "refund-as-part": Fact(
        "a cancelled order was given back as if articles had been returned",
        "psp",
        "UPDATE effect SET kind = 'part' WHERE order_id = :refunded AND kind = 'refund'",
        "I2",
        "1 parts given back for 0 returns",
    ),
    "sold-and-refunded": Fact(
        "a refund that moved nothing voids a confirmed order",
        "psp",
        OTHER_KIND.format(kind="refund", cents="0"),
        "I2",
        "CONFIRMED, and was refunded",
    ),
    "part-without-return": Fact(
        "money of a return was given back twice, in two halves",
        "psp",
        "INSERT INTO effect SELECT key || '-again', kind, order_id, asked, detail, answer, 0, at FROM effect "
        "WHERE order_id = :back_order AND kind = 'part' LIMIT 1",
        "I2",
        "parts given back for",
    ),
    "return-not-refunded": Fact(
        "a completed return was not refunded",
        "psp",
        "DELETE FROM effect WHERE order_id = :back_order AND kind = 'part'",
        "I2",
        "0 parts given back for",
    ),
    "part-too-large": Fact(
        "more was given back than the article was worth",
        "psp",
        "UPDATE effect SET cents = cents - 1 WHERE order_id = :back_order AND kind = 'part'",
        "I2",
        "CONFIRMED, the provider holds",
    ),
    "charge-of-no-order": Fact(
        "somebody was charged who has no order",
        "psp",
        "UPDATE effect SET order_id = 'ord_of_nobody' WHERE order_id = :confirmed",
        "I2",
        "is not an order, the provider holds [1-9]",
    ),
    "money-in-suspense": Fact(
        "money of an order that is not decided is held",
        ORDER,
        "UPDATE orders SET status = 'PLACED' WHERE order_id = :confirmed",
        "I2",
        "confirmed orders less returns are worth",
    ),
    # I3
    "stock-made": Fact(
        "an article too many is on the shelf",
        STOCK,
        "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = :sku",
        "I3",
        "is not 1000000",
    ),
    "stock-below-zero": Fact(
        "more was sold than there was",
        STOCK,
        "UPDATE stock SET on_hand = -1, sold = initial + 1 WHERE sku = :sku",
        "I3",
        "below zero",
    ),
    "stock-leaked": Fact(
        "an article is set aside for nobody",
        STOCK,
        "UPDATE stock SET on_hand = on_hand - 1, reserved = reserved + 1 WHERE sku = :sku",
        "I3",
        "1 still reserved without an order",
    ),
    "stock-not-sold": Fact(
        "an article of a confirmed order never left the shelf",
        STOCK,
        "UPDATE stock SET on_hand = on_hand + 1, sold = sold - 1 WHERE sku = :sku",
        "I3",
        "sold, confirmed orders less returns say",
    ),
    "article-unknown": Fact(
        "the warehouse has forgotten an article",
        STOCK,
        "DELETE FROM stock WHERE sku = :sku",
        "I3",
        "the warehouse does not know it",
    ),
    # I4
    "mail-lost": Fact(
        "a customer is told nothing", MAIL, "DELETE FROM effect WHERE order_id = :confirmed", "I4", "mails sent: {}"
    ),
    "mail-twice": Fact(
        "a customer is told twice",
        MAIL,
        "INSERT INTO effect SELECT key || '-again', kind, order_id, asked, detail, answer, cents, at FROM effect "
        "WHERE order_id = :confirmed",
        "I4",
        "'OrderConfirmed': 2",
    ),
    "mail-of-both": Fact(
        "a customer is told that the order is confirmed and cancelled",
        MAIL,
        "INSERT INTO effect SELECT key || '-again', kind, order_id, asked, 'OrderCancelled', answer, cents, at FROM effect "
        "WHERE order_id = :confirmed",
        "I4",
        "'OrderCancelled': 1.*due",
    ),
    "mail-of-no-order": Fact(
        "somebody is told of an order that does not exist",
        MAIL,
        "UPDATE effect SET order_id = 'ord_of_nobody' WHERE order_id = :confirmed",
        "I4",
        "ord_of_nobody: mails sent",
    ),
    "mail-of-return-lost": Fact(
        "a customer is not told of a return",
        MAIL,
        "DELETE FROM effect WHERE order_id = :back_order AND detail = 'ReturnCompleted'",
        "I4",
        "due: .*ReturnCompleted",
    ),
    "counted-twice": Fact(
        "analytics counts an order twice",
        "analytics",
        "UPDATE revenue SET orders = orders + 1 WHERE rowid = 1",
        "I4",
        "analytics counted",
    ),
    # I5, I6
    "ghost": Fact(
        "a message is on the log that was never committed",
        ORDER,
        "DELETE FROM outbox WHERE aggregateid = :confirmed AND type LIKE '%.OrderConfirmed'",
        "I5",
        "was never committed",
    ),
    "not-published": Fact(
        "a committed message is not on the log",
        LOG,
        "DELETE FROM record WHERE key = :confirmed AND position = (SELECT max(position) FROM record WHERE key = :confirmed)",
        "I6",
        "is not on the log",
    ),
    "not-handled": Fact(
        "a message was acknowledged and not handled",
        STOCK,
        "DELETE FROM inbox WHERE key = :confirmed AND type LIKE '%.OrderConfirmed'",
        "I6",
        "handled .* 0 times",
    ),
    "handled-twice": Fact(
        "a message that was handled at once is handled again from the log",
        ORDER,
        "INSERT INTO inbox SELECT NULL, 'order-service', id, type, aggregateid, correlation_id, causation_id, 'h', at_us, "
        "'handled', NULL FROM outbox WHERE aggregateid = :confirmed AND type LIKE '%.OrderPlaced'",
        "I6",
        "handled .* 2 times",
    ),
    "own-not-handled": Fact(
        "a service has lost a command to itself",
        ORDER,
        "DELETE FROM inbox WHERE key = :confirmed AND type LIKE '%.ConfirmOrder'",
        "I6",
        "handled its own .* 0 times",
    ),
    "bytes-dropped": Fact(
        "bytes that nobody can read are dropped",
        STOCK,
        "DELETE FROM dead_letter",
        "I6",
        "unreadable record at \\d+ is not a dead letter",
    ),
    # I7, I8, I9
    "turned-round": Fact("a later message of a key was handled first", PAY, SWAP, "I7", "handled .* number \\d+ after"),
    "no-root": Fact(
        "a message has lost its correlation id",
        PAY,
        "UPDATE outbox SET correlation_id = 'nothing' WHERE aggregateid = :confirmed",
        "I8",
        "correlation id nothing is not a root",
    ),
    "no-cause": Fact(
        "a message names a cause that does not exist",
        PAY,
        "UPDATE outbox SET causation_id = 'nothing' WHERE aggregateid = :confirmed",
        "I8",
        "its cause nothing does not exist",
    ),
    "confirmed-without-steps": Fact(
        "an order is confirmed before it is paid",
        ORDER,
        "UPDATE outbox SET causation_id = correlation_id WHERE aggregateid = :confirmed AND type LIKE '%.OrderConfirmed'",
        "I9",
        "OrderConfirmed .* without OrderPlaced, PaymentCharged, StockReserved",
    ),
    "returned-without-steps": Fact(
        "a return is completed before it is refunded",
        ORDER,
        "UPDATE outbox SET causation_id = correlation_id WHERE aggregateid = :back AND type LIKE '%.ReturnCompleted'",
        "I9",
        "ReturnCompleted .* without ItemsRefunded, ItemsRestocked",
    ),
    "step-after-undo": Fact(
        "a step takes effect after its undo", STOCK, STEP_AFTER_UNDO, "I9", "took effect after its undo"
    ),
    # I10
    "revenue-wrong": Fact(
        "the read model has a cent too many",
        "analytics",
        "UPDATE revenue SET cents = cents + 1 WHERE rowid = 1",
        "I10",
        "the log says",
    ),
    "revenue-gone": Fact(
        "the read model has lost a day", "analytics", "DELETE FROM revenue WHERE rowid = 1", "I10", ": 0, the log says"
    ),
    "revenue-invented": Fact(
        "the read model has a day that never was",
        "analytics",
        "INSERT INTO revenue VALUES ('1999-01-01', 'Nowhere', 0, 5)",
        "I10",
        "Nowhere.*: 5, the log says 0",
    ),
    # I12
    "timer-early": Fact(
        "a timer fires before it is due",
        ORDER,
        EARLIER,
        "I12",
        "too early",
    ),
    "timer-twice": Fact(
        "a timer fires twice",
        ORDER,
        TWICE,
        "I12",
        "timed out twice",
    ),
    # I13
    "never-left": Fact(
        "a message never left its outbox",
        PAY,
        "INSERT INTO outbox_queue SELECT slot, seq FROM outbox LIMIT 1",
        "I13",
        "1 messages never left",
    ),
    "parked": Fact(
        "a message waits in the parking for ever",
        PAY,
        "INSERT INTO parked VALUES (1, 'payment-service', 't', 0, 1, 'k', 'm', 't', 'gap', 0, 0, 0, '', '', 1, '', '', 1, 1)",
        "I13",
        "1 messages are parked",
    ),
    "saga-open": Fact(
        "a saga waits for ever",
        ORDER,
        "UPDATE saga SET status = 'needs_attention' WHERE saga_id = :back",
        "I13",
        "1 sagas never ended",
    ),
    "behind": Fact(
        "a group has not handled its last records",
        LOG,
        "UPDATE progress SET position = 0 WHERE grp = 'analytics'",
        "I13",
        "records were never handled",
    ),
}
