"""Bugs by which a report says wrongly that all is well, or says nothing, or by which an operator's action does only
half."""

from __future__ import annotations

from tests.planted.finders import CHANNELS, RUNS, WORKERS
from tests.planted.planting import Plant, instead, swap

SETTLED = RUNS + "observability/test_settled.py::"
WAKING = "tests/unit/runtime/background/test_waking.py::"
RESET = RUNS + "operators/test_reset_groups.py::"

WATCHING = {
    "ring-lost-before-the-wait": Plant(
        "Watch",
        "a worker forgets a ring that came during its step: a command waits a minute for the door",
        "Supervisor._run",
        swap("await self._wait(wakeable, due)", "wakeable.bell.begin()\n            await self._wait(wakeable, due)"),
        WAKING + "test_a_ring_between_the_last_read_and_the_wait_is_kept[command]",
    ),
    "ready-taken-after-the-read": Plant(
        "Watch",
        "a message that becomes ready while the parking is read waits for the consumer's own time",
        "Consumer.step",
        swap(
            "            await self._read_parking(now)\n",
            '            await self._read_parking(now)\n            self.bell.take("ready")\n',
        ),
        RUNS
        + "runtime/background/test_ready_while_read.py"
        + "::test_a_message_that_became_ready_during_the_read_is_read_by_the_next_step",
    ),
    "answer-of-any-age": Plant(
        "Watch",
        "a consumer takes messages however long ago the room of the parking was measured",
        "Renewed.have",
        swap("if age_s > self._old_s:", "if not self._old_s:"),
        RUNS
        + "runtime/background/test_late_answers.py"
        + "::test_a_message_does_not_wait_while_the_room_of_the_parking_is_measured",
    ),
    "stuck-unseen": Plant(
        "Watch",
        "no question shows a handler that does not return",
        "RollCall._stuck_handlers",
        instead("yield from ()\n"),
        WORKERS + "test_a_handler_that_hangs_is_told_everywhere_with_what_it_has_in_hand",
    ),
    "stuck-watch": Plant(
        "Watch",
        "the watch of a service asks the file that a stuck handler holds, and stands still with it",
        "Watch.step",
        swap(
            "self._alarms is not None if isinstance(leases, Unanswered) else bool(leases)",
            "not isinstance(leases, Unanswered) and bool(leases)",
        ),
        WORKERS + "test_the_watch_of_a_service_that_is_stuck_still_tells",
    ),
    "failing-unseen": Plant(
        "Watch",
        "a worker that fails in a loop is in no metric and no alert",
        "Condition.is_failing",
        instead("return False\n"),
        WORKERS + "test_a_group_that_fails_in_a_loop_is_told_and_its_log_is_rationed[embedded]",
    ),
    "well-again-unseen": Plant(
        "Watch",
        "a worker that works again is still reported as failing",
        "Condition.well",
        instead("return\n"),
        WORKERS + "test_a_group_that_fails_in_a_loop_is_told_and_its_log_is_rationed[embedded]",
    ),
    "log-without-a-ration": Plant(
        "Watch",
        "what fails two hundred times a second writes two hundred lines a second",
        "Ration.take",
        swap('if now - self._said.get(cause, float("-inf")) < SAY_AGAIN_AFTER_S:', "if False:"),
        WORKERS + "test_a_group_that_fails_in_a_loop_is_told_and_its_log_is_rationed[embedded]",
    ),
    "dead-as-members": Plant(
        "Watch",
        "the members of a group who were killed are shown as if they worked",
        "LogBus._is_there",
        instead("return True\n"),
        WORKERS + "test_nobody_is_there_after_every_process_was_killed[embedded]",
    ),
    "nobody-there-is-well": Plant(
        "Watch",
        "that nobody works for a group is in no alert and no answer",
        "nobody",
        instead('return ""\n'),
        WORKERS + "test_nobody_is_there_after_every_process_was_killed[embedded]",
    ),
    "lag-without-an-age": Plant(
        "Watch",
        "how long the oldest message waits is not known",
        "behind",
        swap("max((now_us - min(times)) / US, 0.0) if times else None if messages else 0.0", "0.0"),
        WORKERS + "test_a_handler_that_hangs_is_told_everywhere_with_what_it_has_in_hand",
        under="observability/workers",
    ),
    "probe-without-the-workers": Plant(
        "Watch",
        "a probe is told that all is well while a worker is stuck",
        "System.health",
        swap("for each in states:", "for each in ():"),
        WORKERS + "test_a_handler_that_hangs_is_told_everywhere_with_what_it_has_in_hand",
    ),
    "settled-with-dead-letters": Plant(
        "Watch",
        "an app whose messages have died is settled",
        "LeftOver.to_decide",
        swap('"" if dead_letters else self.dead', '""'),
        SETTLED + "test_a_message_that_died_is_no_settled_app[embedded]",
    ),
    "settled-with-waiting-ones": Plant(
        "Watch",
        "an app is settled while messages wait in a retry topic",
        "App.settled",
        swap("what = left.for_time", "pass"),
        SETTLED + "test_a_message_in_a_tier_is_waited_for[embedded]",
    ),
    "left-over-unnamed": Plant(
        "Watch",
        "when time runs out, what waits is not named",
        "LookBack.left",
        swap("if parked.waiting and due_us is not None:", "if False:"),
        SETTLED + "test_a_message_that_waits_longer_is_named[embedded]",
    ),
    "settled-under-test": Plant(
        "Watch",
        "under test an app is settled while messages wait for time to pass",
        "Scenario.settled",
        swap("(left, rest.for_time)", "(left,)"),
        SETTLED + "test_under_test_the_same_holds",
    ),
    "settled-with-a-gap": Plant(
        "Watch",
        "an app is settled while messages wait for one that does not come",
        "LookBack.left",
        swap("if parked.gap > filled:", "if False:"),
        SETTLED + "test_a_gap_is_left_for_a_person_and_the_doctor_knows_it",
    ),
    "doctor-without-the-parking": Plant(
        "Watch",
        "the doctor has nothing to say about a gap that `why` explains",
        "_of_service",
        swap("if parked.gap + parked.dead + parked.waiting + parked.behind + parked.ready:", "if False:"),
        SETTLED + "test_a_gap_is_left_for_a_person_and_the_doctor_knows_it",
        under="observability/doctor/services",
    ),
    "marks-before-places": Plant(
        "Watch",
        "a reset that moves nothing has deleted the marks of the group",
        "reset_group",
        swap(
            "    now_us = await store.now_us()\n",
            "    now_us = await store.now_us()\n    async with store.transaction() as first:\n"
            "        await begin_anew(first, store.name, topic)\n",
        ),
        RESET + "test_what_moved_nothing_deletes_nothing",
    ),
    "nothing-moved-is-done": Plant(
        "Watch",
        "a reset that moved nothing says that it was done",
        "reset_group",
        swap("if not moved:", "if False:"),
        RESET + "test_what_moved_nothing_deletes_nothing",
    ),
    "reset-while-it-runs": Plant(
        "Watch",
        "a group is reset while it runs",
        "_check_paused",
        instead("return\n"),
        RESET + "test_it_is_refused_before_anything_or_done_whole[embedded]",
    ),
    "nonsense-is-no-failure": Plant(
        "Watch",
        "a webhook that answers nonsense raises what its library makes of it, and ends the watch",
        "_done",
        instead("try:\n    work(wire)\nfinally:\n    wire.close()\n"),
        CHANNELS + "test_a_webhook_that_answers_nonsense_was_not_told",
        under="alerts/wire",
    ),
    "one-channel-for-all": Plant(
        "Watch",
        "a channel that fails in a way of its own takes the others along",
        "Telling._send",
        swap("except Exception as error:", "except OSError as error:"),
        CHANNELS + "test_a_channel_that_fails_in_whatever_way_fails_alone",
    ),
    "told-at-each-look": Plant(
        "Watch",
        "a channel that fails is tried again at each look",
        "Telling._failed",
        swap("now + min(self._every_s * 2**self._failures, PAUSE_S_MAX)", "now"),
        CHANNELS + "test_a_channel_that_fails_in_whatever_way_fails_alone",
    ),
    "told-again": Plant(
        "Watch",
        "what a channel was told it is told again at each look",
        "Telling._send",
        swap(
            "                self.owed = [each for each in self.owed if each not in told]\n"
            "                await self._kept()\n",
            "                return\n",
        ),
        CHANNELS + "test_a_channel_that_fails_in_whatever_way_fails_alone",
    ),
    "redirect-followed": Plant(
        "Watch",
        "a redirect of the webhook is followed as a GET that tells nobody",
        "_opener",
        swap("urllib.request.ProxyHandler(),", "urllib.request.ProxyHandler(), urllib.request.HTTPRedirectHandler(),"),
        CHANNELS + "test_a_redirect_is_not_followed_and_not_told",
    ),
    "redirect-is-told": Plant(
        "Watch",
        "a redirect of the webhook counts as told",
        "WebhookChannel._post",
        swap(
            "            with answer:\n",
            "            if answer.code // 100 == 3:\n                return\n            with answer:\n",
        ),
        CHANNELS + "test_a_redirect_is_not_followed_and_not_told",
    ),
    "certificate-not-checked": Plant(
        "Watch",
        "the password goes to whatever server answers with TLS",
        "trust",
        swap(
            "    context = ssl.create_default_context()\n",
            "    context = ssl.create_default_context()\n"
            "    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE\n",
        ),
        CHANNELS + "test_no_password_goes_to_a_server_that_is_not_known",
    ),
    "name-not-checked": Plant(
        "Watch",
        "the password goes to a server with the certificate of another name",
        "trust",
        swap(
            "    context = ssl.create_default_context()\n",
            "    context = ssl.create_default_context()\n    context.check_hostname = False\n",
        ),
        CHANNELS + "test_no_password_goes_to_a_server_that_is_not_known",
    ),
    "password-in-plain": Plant(
        "Watch",
        "where a mail server offers no STARTTLS the password goes in plain",
        "MailChannel._sign_in",
        swap(
            '            if not server.has_extn("starttls"):\n',
            '            if not server.has_extn("starttls"):\n                return server.login(self._user, self._password)\n'
            '            if not server.has_extn("starttls"):\n',
        ),
        CHANNELS + "test_without_starttls_no_password_leaves",
    ),
    "port-of-another-protocol": Plant(
        "Watch",
        "TLS from the start goes to the port of plain mail",
        "MailChannel.__init__",
        swap("TLS_PORT if self._is_tls else SUBMISSION_PORT", "SUBMISSION_PORT"),
        CHANNELS + "test_the_port_follows_from_how_a_mail_is_sent",
    ),
}
