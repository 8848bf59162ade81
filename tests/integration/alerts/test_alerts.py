"""Alerts end to end: a dead letter is sent to a real HTTP server and a real SMTP server, once, and so is its end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from click.testing import CliRunner
from tests.integration.operators.test_dead_letters import discard
from tests.integration.runtime.failing.test_retries import failing, letters
from tests.waiting import until

from partita import Retry
from partita.cli.alerts import alerts as alerts_command
from partita.observability.why import why_group
from partita.store.dead_letters import LetterFilter
from partita.store.groups import Said


class Receiver:
    """A server that answers HTTP or SMTP and keeps the messages it got."""

    def __init__(self, *, smtp: bool = False, broken: int = 0) -> None:
        self.smtp, self.broken = smtp, broken
        self.bodies: list[Any] = []

    async def __aenter__(self) -> Receiver:
        serve = self._smtp if self.smtp else self._http
        self.server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        if self.broken:
            self.broken -= 1
            writer.write(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            self.bodies.append(body)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        line = b""
        while not line.upper().startswith(b"QUIT"):
            line = await reader.readline()
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                self.bodies.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")
            await writer.drain()
        writer.close()

    def told(self) -> list[tuple[str, str]]:
        """(status, alert) of all alerts except the watchdog."""
        every = [(a["status"], a["labels"]["alertname"]) for body in self.bodies for a in body["alerts"]]
        return [each for each in every if each[1] != "Watchdog"]


async def test_a_dead_letter_is_told_once_and_so_is_its_end(bank: Any) -> None:
    """Also after a restart, and when the receiver was broken at first."""
    bank.audit.retry = Retry(delays=(), in_place=0)
    failing(bank, "bad", float("inf"))
    async with Receiver(broken=2) as hook, Receiver(smtp=True) as post:
        bank.app = bank.app.configured(
            replace(
                bank.app.settings,
                alert_every_s=0.1,
                alert_webhook=f"http://127.0.0.1:{hook.port}/alerts",
                alert_mail=f"smtp://127.0.0.1:{post.port}?from=shop@example.com&to=ops@example.com",
            )
        )
        async with bank.app.running():
            await bank.app.send(bank.Deposit(name="bad", cents=5))

            async def told() -> bool:
                return hook.told() == [("firing", "DeadLetters")] and len(post.bodies) == 1

            await until(told)
        async with bank.app.running() as system:
            await asyncio.sleep(0.5)
            assert (len(hook.told()), len(post.bodies)) == (1, 1), "a restart told it again"
            assert len(await letters(bank)) == 1
            await discard(system, bank, LetterFilter(), "test")

            async def over() -> bool:
                return hook.told()[-1] == ("resolved", "DeadLetters") and len(post.bodies) >= 2

            await until(over)
    assert {each["alerts"][0]["labels"]["service"] for each in hook.bodies} == {"bank", "audit"}, "the watchdogs"
    assert "Subject: [firing] DeadLetters in audit" in post.bodies[0] and "partita dlq groups" in post.bodies[0]
    assert "Subject: [resolved] DeadLetters in audit" in post.bodies[-1]


async def test_what_a_broken_channel_is_owed_survives_a_restart(bank: Any) -> None:
    """The receiver is back only after the process was restarted: it gets the alerts it missed, once."""
    bank.audit.retry = Retry(delays=(), in_place=0)
    failing(bank, "bad", float("inf"))
    async with Receiver(broken=10**6) as hook:
        webhook = f"http://127.0.0.1:{hook.port}/alerts"
        bank.app = bank.app.configured(replace(bank.app.settings, alert_every_s=0.1, alert_webhook=webhook))
        async with bank.app.running():
            await bank.app.send(bank.Deposit(name="bad", cents=5))

            async def owed() -> bool:
                async with bank.app.store("audit").reading() as session:
                    return any("DeadLetters" in each.detail for each in await session.groups.said("audit"))

            await until(owed)
        hook.broken = 0
        async with bank.app.running() as system:

            async def told() -> bool:
                return ("firing", "DeadLetters") in hook.told()

            await until(told)
            await asyncio.sleep(0.3)
            assert hook.told().count(("firing", "DeadLetters")) == 1
            async with bank.app.store("audit").reading() as session:
                assert not await why_group(session, "audit", system.clock.now_us())


async def test_what_a_dead_member_said_is_dropped(bank: Any) -> None:
    """The report of a process that was killed in a storm would stay for ever if others did not see that it is dead."""
    bank.app = bank.app.configured(replace(bank.app.settings, alert_every_s=0.1))
    async with bank.app.running() as system:
        async with bank.app.store("audit").transaction() as session:
            for member in ("4711-dead", system.member):
                await session.groups.say(Said("audit", member, "storm", "test.bank.v1.Deposited", "down", 1))

        async def dropped() -> bool:
            async with bank.app.store("audit").reading() as session:
                return [each.member for each in await session.groups.said("audit")] == [system.member]

        await until(dropped)


async def test_the_test_button_tells_by_every_channel_and_says_which_does_not_work() -> None:
    async with Receiver() as hook:
        settings = {"PARTITA_ALERT_WEBHOOK": f"http://127.0.0.1:{hook.port}/", "PARTITA_ALERT_MAIL": ""}
        result = await asyncio.to_thread(CliRunner().invoke, alerts_command, ["test"], None, settings)
        assert result.exit_code == 0 and hook.told() == [("firing", "Test"), ("resolved", "Test")]
        settings["PARTITA_ALERT_MAIL"] = "smtp://127.0.0.1:1?from=a@b&to=c@d"
        result = await asyncio.to_thread(CliRunner().invoke, alerts_command, ["test"], None, settings)
        assert result.exit_code == 1 and "mail by 127.0.0.1" in result.output and "failed" in result.output
