"""Bugs in webhooks: where they go, what is signed, and when an event counts as taken."""

from __future__ import annotations

from tests.planted.finders import RUNS
from tests.planted.planting import Plant, instead, swap

SENT = RUNS + "egress/test_webhook.py::"
ANSWERS = "tests/unit/egress/test_answers.py::"
TARGET = "tests/unit/egress/test_target.py::"
NOT_PUBLIC = TARGET + "test_an_address_that_is_not_public_is_refused"

WEBHOOKS = {
    "signed-without-its-attributes": Plant(
        "Webhooks",
        "the signature is of the data, and the body that is sent has the attributes too",
        "Webhook._content",
        swap("now_s, body)", "now_s, data)"),
        SENT + "test_structured_mode_has_all_in_one_signed_document",
    ),
    "signature-without-the-time": Plant(
        "Webhooks",
        "a captured request can be sent again with another time",
        "_signed",
        swap('f"{message_id}.{time}."', 'f"{message_id}."'),
        "tests/unit/webhooks/test_signature.py",
        under="webhooks/signature",
    ),
    "server-error-counts-as-taken": Plant(
        "Webhooks",
        "an answer 500 counts as taken: the event is lost",
        "check_answer",
        swap("if 200 <= status <= 299:", "if 200 <= status <= 299 or status >= 500:"),
        SENT + "test_an_event_is_repeated_until_the_target_takes_it",
    ),
    "redirect-counts-as-taken": Plant(
        "Webhooks",
        "a redirect counts as taken: the event is lost",
        "check_answer",
        swap("if 200 <= status <= 299:", "if 200 <= status <= 399:"),
        ANSWERS + "test_each_other_answer_is_tried_again_after_each_delay",
    ),
    "webhook-redirect-followed": Plant(
        "Webhooks",
        "a redirect is followed to wherever it leads",
        "Webhook.send",
        swap(
            "        try:\n            check_answer(",
            '        if answer.status == 302:\n            target = self._rules.target(answer.headers["location"])\n'
            "            answer = await self._asked(target, request_of(target, headers, body))\n"
            "        try:\n            check_answer(",
        ),
        SENT + "test_the_last_refusal_makes_a_dead_letter",
    ),
    "inner-address-allowed": Plant(
        "Webhooks",
        "a webhook may be sent to an address within the network",
        "Rules.check",
        swap("if not is_ours and not _is_public(address):", "if False:"),
        SENT + "test_nothing_is_sent_to_an_address_that_is_not_allowed",
    ),
    "first-address-checked": Plant(
        "Webhooks",
        "a name with an inner address behind an outer one is trusted",
        "Rules.check",
        swap("for each in addresses:", "for each in addresses[:1]:"),
        NOT_PUBLIC,
    ),
    "mapped-address-not-seen": Plant(
        "Webhooks",
        "an inner address in the spelling of another protocol is taken for a public one",
        "_inner",
        instead("return address\n"),
        NOT_PUBLIC,
        under="egress/target",
    ),
    "name-asked-twice": Plant(
        "Webhooks",
        "one address is checked, and another answer of the name server is connected to",
        "Webhook._asked",
        swap(
            "            trust, name =",
            "            address = (await self._resolver(target.host, target.port))[0]\n            trust, name =",
        ),
        SENT + "test_the_checked_address_is_the_one_that_is_connected_to",
    ),
    "certificate-of-another-name": Plant(
        "Webhooks",
        "the certificate of another host is accepted",
        "_trust",
        swap(
            "context = ssl.create_default_context()",
            "context = ssl.create_default_context()\n    context.check_hostname = False",
        ),
        SENT + "test_tls_is_checked_by_the_name_of_the_target",
        under="egress/webhook",
    ),
    "new-id-for-each-try": Plant(
        "Webhooks",
        "a repeat has another id, so the receiver takes it for another event",
        "attributes_of",
        swap('"id": on_the_wire(meta.message_id)', '"id": __import__("uuid").uuid4().hex'),
        SENT + "test_an_event_is_repeated_until_the_target_takes_it",
    ),
    "gone-target-asked-again": Plant(
        "Webhooks",
        "a target that wants no more events gets each one",
        "Webhook.send",
        swap("if self._gone.get(target, 0.0) > self._clock.monotonic():", "if False:"),
        SENT + "test_a_target_that_is_gone_gets_no_more_events",
    ),
    "listed-hosts-not-asked": Plant(
        "Webhooks",
        "a host that is not listed may be sent to",
        "Rules.target",
        swap("if self._hosts is not None and", "if False and"),
        SENT + "test_a_url_may_follow_from_the_event",
    ),
}
