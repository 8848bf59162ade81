"""The duties of a participant that the guide lists, as a saga and a provider see them: commands that come at a bad time."""

from __future__ import annotations

import json

from tests.oracles.participant_world import PATIENCE_S, TYPES, Answer, Saga
from tests.waiting import until

from partita.schemas.confluent.framing import framed, unframed


async def answers_once(saga: Saga, within_s: float = PATIENCE_S) -> None:
    """Copies, an undo before its command, resent undos, and records that no program can read."""
    saga.send("ChargePayment", "twice", "c1")
    saga.send("ChargePayment", "twice", "c1")
    saga.send("RefundPayment", "undone", "u1")
    saga.send("ChargePayment", "undone", "c2")
    saga.send("ChargePayment", "broken", "c3", b"\x00\x00")
    saga.send("ChargePayment", "unknown", "c4", framed(9_999, b""))
    saga.send("ChargePayment", "broken", "c5", b'{"orderId":', "application/json")
    saga.send("CountPayments", "twice", "o1")
    saga.strangers()
    saga.send("RefundPayment", "twice", "u2")
    saga.send("RefundPayment", "twice", "u3")

    answers = await saga.answered(6, within_s)

    for answer in answers:
        _check_headers(saga, answer)
    told = {(key, headers["ce_causationid"], headers["ce_type"].removeprefix(TYPES)) for headers, key, _ in answers}
    assert told == {
        ("twice", "c1", "PaymentCharged"),
        ("undone", "u1", "PaymentRefunded"),
        ("undone", "c2", "PaymentDeclined"),
        ("twice", "u2", "PaymentRefunded"),
        ("twice", "u3", "PaymentRefunded"),
    }, "each command has its answer"
    copies = [(headers["ce_id"], value) for headers, _, value in answers if headers["ce_causationid"] == "c1"]
    assert len(copies) == 2 and copies[0] == copies[1], "a copy has the id and the value of the first answer"
    ids = {headers["ce_causationid"]: headers["ce_id"] for headers, _, _ in answers}
    assert len(set(ids.values())) == len(ids), "answers of different commands have different ids"
    charged = saga.provider.asked("charge")
    asked = {(body["order_id"], body["cents"]) for path, body in saga.provider.requests if path == "/charge"}
    assert asked == {("twice", 250)}, "the fields are those of the command"
    assert {each for _, each in charged} == {"c1"}, (
        "the provider's key is the command's id, and a tombstone asks nobody"
    )
    assert charged == [("twice", "c1")], "a copy is answered from memory"
    refunds = set(saga.provider.asked("refund"))
    assert sorted(order for order, _ in refunds) == ["twice", "undone"], "a resent undo has the first one's key"
    assert not {key for _, key in refunds} & {key for _, key in charged}, "an undo has a key of its own"


def _check_headers(saga: Saga, answer: Answer) -> None:
    headers, key, value = answer
    assert key in ("twice", "undone"), "an answer has the command's key"
    assert headers["ce_source"] == f"/payment/{saga.program}", "all processes of a participant have one source"
    assert headers["ce_specversion"] == "1.0" and headers["ce_time"]
    assert headers["ce_partitionkey"] == key
    assert headers.get("ce_correlationid") == f"of {key}", "an answer has the correlation of its command"
    assert headers.get("ce_causationid"), "an answer says which command it answers"
    assert headers.get("content-type"), "an answer names the form of its value"
    if headers["content-type"] == "application/json":
        assert isinstance(json.loads(value), dict)
    else:
        assert unframed(value).schema.id is not None


async def keeps_its_word_after_a_kill(saga: Saga, within_s: float = PATIENCE_S) -> None:
    """A kill while the provider is away, and one after an answer."""
    saga.send("ChargePayment", "first", "c1")
    await saga.answered(1, within_s)
    saga.provider.is_away = True
    saga.send("ChargePayment", "second", "c2")
    await until(lambda: saga.provider.asked_in_vain("charge"), within_s, holds=lambda found: len(found) >= 2)
    await saga.participant.kill()
    saga.provider.is_away = False
    await saga.participant.start()
    await saga.answered(2, within_s)
    saga.send("ChargePayment", "first", "c1")
    answers = await saga.answered(3, within_s)

    assert [answer.headers["ce_causationid"] for answer in answers] == ["c1", "c2", "c1"]
    assert all(answer.headers["ce_type"] == f"{TYPES}PaymentCharged" for answer in answers), (
        "it asks until it is answered"
    )
    assert (answers[0].headers["ce_id"], answers[0].value) == (answers[2].headers["ce_id"], answers[2].value)
    assert saga.provider.asked("charge") == [("first", "c1"), ("second", "c2")], "its memory outlives the process"


async def reads_no_part_of_a_command(saga: Saga, within_s: float = PATIENCE_S) -> None:
    """Protobuf has no required fields: a field that is absent would be a charge of 0. Neither is another message of the file read."""
    whole = saga.fields("broken")
    for place, needed in enumerate(("totalCents", "orderId")):
        rest = {name: value for name, value in whole.items() if name != needed}
        saga.send("ChargePayment", "broken", f"c{place}", saga.value("ChargePayment", rest))
    saga.send("ChargePayment", "broken", "c2", saga.value("ChargePayment", whole, path=(1,)))
    saga.send("ChargePayment", "broken", "c3", saga.value("ChargePayment", {}))
    saga.send("ChargePayment", "broken", "c4", saga.value("ChargePayment", whole)[:-4])
    saga.send("ChargePayment", "broken", "c5")

    answers = await saga.answered(1, within_s)

    assert [answer.headers["ce_causationid"] for answer in answers] == ["c5"], "a part of a command is no command"
    assert saga.provider.requests == [("/charge", {"key": "c5", "order_id": "broken", "cents": 250})]
