"""Channels against real servers on loopback: those that answer nonsense, that redirect, that hang, and those behind TLS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import certified
from tests.integration.alerts.test_alerts import Receiver
from tests.integration.runtime.failing.test_retries import failing, letters
from tests.waiting import until

from partita import Retry, SettingsError
from partita.alerts.alarms import Alarm, Told
from partita.alerts.channels import channels_of
from partita.alerts.mail import MailChannel
from partita.alerts.webhook import WebhookChannel
from partita.runtime.background.watch import Watch

TOLD = [Told("firing", Alarm("f", "Name", "svc", "critical", "it is down", "look", 1, 1))]
SECRET = "s3cret"
WHOLE_S = 1.0


class Server:
    """Answers with these bytes and keeps the requests; with `again` it repeats them until the other side closes."""

    def __init__(self, answer: bytes, *, again_s: float | None = None, trust: ssl.SSLContext | None = None) -> None:
        self.answer, self.again_s, self.trust = answer, again_s, trust
        self.heard = b""
        self.calls = 0
        self._open: set[asyncio.Task[Any] | None] = set()
        self._over = asyncio.Event()

    async def __aenter__(self) -> Server:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self.trust)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self._over.set()
        await asyncio.gather(*filter(None, self._open))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        self._open.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            writer.write(self.answer)
            await writer.drain()
            while self.again_s is not None and not self._over.is_set():
                await asyncio.sleep(self.again_s)
                writer.write(self.answer)
                await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    self.heard += await reader.read(65_536)
        writer.close()


class Mail:
    """A mail server: plain, with STARTTLS, or TLS from the start; a test can change its answer to each command."""

    def __init__(
        self, trust: ssl.SSLContext | None = None, says: Mapping[str, bytes] | None = None, *, starttls: bool = False
    ) -> None:
        self.trust, self.starttls, self.says = trust, starttls, says or {}
        self.lines: list[tuple[bool, str]] = []  # whether the line came by TLS

    async def __aenter__(self) -> Mail:
        at_once = None if self.starttls else self.trust
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=at_once)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    @property
    def mails(self) -> int:
        return sum(line.startswith("Subject: ") for _, line in self.lines)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(self.says.get("banner", b"220 test\r\n"))
            secure, data, verb = self.trust is not None and not self.starttls, False, b""
            while verb != b"QUIT" and (line := await reader.readline()):
                self.lines.append((secure, line.decode("latin-1").strip()))
                if data:
                    data = line != b".\r\n"
                    if not data:
                        writer.write(self.says.get("sent", b"250 ok\r\n"))
                    continue
                verb = line.strip().split(b" ")[0].upper()
                data = verb == b"DATA"
                extension = b"250-STARTTLS\r\n" if self.starttls and not secure else b""
                usual = {
                    b"EHLO": extension + b"250 AUTH PLAIN LOGIN\r\n",
                    b"DATA": b"354 go\r\n",
                    b"AUTH": b"235 in\r\n",
                }
                usual |= {b"QUIT": b"221 bye\r\n", b"STARTTLS": b"220 go\r\n"}
                if verb == b"EHLO" and "ehlo" not in self.says:
                    writer.write(b"250-test\r\n")
                writer.write(self.says.get(verb.decode().lower(), usual.get(verb, b"250 ok\r\n")))
                await writer.drain()
                if verb == b"STARTTLS" and "starttls" not in self.says:
                    assert self.trust is not None
                    await writer.start_tls(self.trust)
                    secure = True
        writer.close()


NONSENSE = {
    "nothing": b"",
    "words": b"what?\r\n\r\n",
    "no code": b"HTTP/1.1 abc OK\r\n\r\n",
    "binary": bytes(range(256)) * 4,
    "a long line": b"HTTP/1.1 200 " + b"x" * 100_000,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    "a header without an end": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000,
    "a failure": b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n",
    "not changed": b"HTTP/1.1 304 no\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "a failure that says too much": b"HTTP/1.1 400 \x1b[31m\r\n\r\n" + b"x" * 1_000_000,
}
HANGING = {
    "silence": (b"", 0.05),
    "a byte now and then": (b"H", 0.05),
    "continue for ever": (b"HTTP/1.1 100 Continue\r\n\r\n", 0.0),
    "headers for ever": (b"HTTP/1.1 500 no\r\nA: b\r\n", 0.05),
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
async def test_a_webhook_that_answers_nonsense_was_not_told(answer: bytes) -> None:
    """One kind of error, whatever the library raises, and without the address."""
    async with Server(answer) as server:
        with pytest.raises(OSError) as refused:
            await WebhookChannel(f"http://127.0.0.1:{server.port}/{SECRET}").send(TOLD, 1)
    assert SECRET not in str(refused.value) and "\x1b" not in str(refused.value)


@pytest.mark.parametrize("answer", HANGING.values(), ids=HANGING)
async def test_a_webhook_that_never_ends_its_answer_is_cut(answer: tuple[bytes, float]) -> None:
    """Each single wait ends in time, but all of them together would never end."""
    async with Server(answer[0], again_s=answer[1]) as server, asyncio.timeout(20):
        with pytest.raises(OSError):
            await WebhookChannel(f"http://127.0.0.1:{server.port}/", whole_s=WHOLE_S).send(TOLD, 1)


@pytest.mark.parametrize("code", [300, 301, 302, 303, 307, 308, 399])
async def test_a_redirect_is_not_followed_and_not_told(code: int) -> None:
    async with Server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as elsewhere:
        location = f"Location: http://127.0.0.1:{elsewhere.port}/\r\n".encode()
        async with Server(b"HTTP/1.1 %d moved\r\n%sContent-Length: 0\r\n\r\n" % (code, location)) as server:
            with pytest.raises(OSError, match=f"{code}, a redirect, which is not followed"):
                await WebhookChannel(f"http://127.0.0.1:{server.port}/").send(TOLD, 1)
        assert elsewhere.calls == 0


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 204 none\r\n\r\n", b"HTTP/1.0 200\r\n\r\n", b"HTTP/1.1 202 ok\r\nContent-Length: 99\r\n\r\nx"]
)
async def test_a_success_counts_whatever_its_body_is(answer: bytes) -> None:
    """If it were sent again because of an unread body, people would get the alert twice."""
    async with Server(answer) as server:
        await WebhookChannel(f"http://127.0.0.1:{server.port}/").send(TOLD, 1)


BANNERS = {
    "nothing": b"",
    "words": b"what?\r\n",
    "binary": b"\xff\xfe\x00\r\n",
    "a long line": b"220 " + b"x" * 100_000,
    "busy": b"421 later\r\n",
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("banner", BANNERS.values(), ids=BANNERS)
async def test_a_mail_server_that_answers_nonsense_was_not_told(banner: bytes) -> None:
    async with Server(banner) as server:
        with pytest.raises(OSError):
            await MailChannel(f"smtp://127.0.0.1:{server.port}?from=a@b&to=c@d").send(TOLD, 1)


@pytest.mark.parametrize("banner", [b"220-more\r\n", b"2", b""])
async def test_a_mail_server_that_never_ends_its_answer_is_cut(banner: bytes) -> None:
    async with Server(banner, again_s=0.02) as server, asyncio.timeout(20):
        with pytest.raises(OSError):
            url = f"smtp://127.0.0.1:{server.port}?from=a@b&to=c@d"
            await MailChannel(url, whole_s=WHOLE_S).send(TOLD, 1)


async def test_what_a_mail_server_says_after_it_took_the_mail_changes_nothing() -> None:
    async with Mail(says={"quit": b"\xffnonsense\r\n"}) as server:
        await MailChannel(f"smtp://127.0.0.1:{server.port}?from=a@b&to=c@d").send(TOLD, 1)
        assert server.mails == 1


async def test_a_mail_server_that_refuses_the_mail_was_not_told() -> None:
    async with Mail(says={"sent": b"554 no\r\n"}) as server:
        with pytest.raises(OSError, match="refused: SMTPDataError 554"):
            await MailChannel(f"smtp://127.0.0.1:{server.port}?from=a@b&to=c@d").send(TOLD, 1)


class Authority:
    """An authority of a test's own, and a server's certificate of it."""

    def __init__(self, folder: Path) -> None:
        self.ca, keystore = certified(folder)
        self.serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.serving.load_cert_chain(keystore)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    yield Authority(tmp_path_factory.mktemp("authority"))


def mail_at(server: Mail, scheme: str, ca: str = "", host: str = "127.0.0.1") -> MailChannel:
    return MailChannel(f"{scheme}://us%40er:{SECRET}@{host}:{server.port}?from=a@b&to=c@d", ca)


def passwords(server: Mail) -> list[bool]:
    """For each line that may hold the password, whether it came by TLS."""
    plain = base64.b64encode(f"\0us@er\0{SECRET}".encode()).decode()
    return [secure for secure, line in server.lines if line.startswith("AUTH") or plain in line or SECRET in line]


@pytest.mark.parametrize(("scheme", "starttls"), [("smtps", False), ("smtp", True)])
async def test_a_password_goes_by_tls_to_a_server_whose_certificate_is_known(
    authority: Authority, scheme: str, starttls: bool
) -> None:
    async with Mail(authority.serving, starttls=starttls) as server:
        await mail_at(server, scheme, str(authority.ca)).send(TOLD, 1)
    assert server.mails == 1 and passwords(server) == [True]


@pytest.mark.parametrize(("scheme", "starttls"), [("smtps", False), ("smtp", True)])
@pytest.mark.parametrize(("known", "host"), [(False, "127.0.0.1"), (True, "localhost")])
async def test_no_password_goes_to_a_server_that_is_not_known(
    authority: Authority, scheme: str, starttls: bool, known: bool, host: str
) -> None:
    """A server whose certificate is of another authority, or for another name."""
    async with Mail(authority.serving, starttls=starttls) as server:
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            await mail_at(server, scheme, str(authority.ca) if known else "", host).send(TOLD, 1)
    assert server.mails == 0 and not passwords(server)


@pytest.mark.parametrize(
    "says",
    [
        {"ehlo": b"250-test\r\n250 AUTH PLAIN LOGIN\r\n"},  # the first line names the server
        {"ehlo": b"502 what\r\n"},
        {"starttls": b"454 not now\r\n"},
        {"starttls": b"nonsense\r\n"},
        {"starttls": b"220 go\r\n"},  # and no TLS follows
    ],
    ids=["none offered", "no EHLO", "refused", "nonsense", "none begins"],
)
async def test_without_starttls_no_password_leaves(authority: Authority, says: dict[str, bytes]) -> None:
    """A man in the middle removes the offer from the answer: then no alert is sent, and the log has the reason."""
    async with Mail(authority.serving, says, starttls=True) as server, asyncio.timeout(20):
        with pytest.raises(OSError):
            await mail_at(server, "smtp", str(authority.ca)).send(TOLD, 1)
    assert server.mails == 0 and not passwords(server)


async def test_a_login_that_answers_nonsense_is_an_error_like_any_other(authority: Authority) -> None:
    async with Mail(authority.serving, {"auth": b"334 ***no base64***\r\n"}) as server:
        with pytest.raises(OSError):
            await mail_at(server, "smtps", str(authority.ca)).send(TOLD, 1)


async def test_a_webhook_behind_tls_is_verified_too(authority: Authority) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with Server(answer, trust=authority.serving) as server:
        url = f"https://us%40er:{SECRET}@127.0.0.1:{server.port}/path?token=t"
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            await WebhookChannel(url).send(TOLD, 1)
        assert not server.heard
        await WebhookChannel(url, str(authority.ca)).send(TOLD, 1)

        async def heard() -> bool:
            return bool(server.heard)

        await until(heard)
    assert server.heard.startswith(b"POST /path?token=t HTTP/1.1")
    assert base64.b64encode(f"us@er:{SECRET}".encode()) in server.heard and b"@127.0.0.1" not in server.heard


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("smtps://u:p@h?from=a@b&to=c@d", 465),
        ("smtps://h?from=a@b&to=c@d", 465),
        ("smtp://u:p@h?from=a@b&to=c@d", 587),
        ("smtp://h?from=a@b&to=c@d", 25),
        ("smtp://u:p@h:2525?from=a@b&to=c@d", 2525),
        ("smtps://[::1]:2465?from=a@b&to=c@d", 2465),
    ],
)
def test_the_port_follows_from_how_a_mail_is_sent(url: str, port: int) -> None:
    assert MailChannel(url).port == port


@pytest.mark.parametrize(
    ("webhook", "mail", "ca"),
    [
        (f"http://u:{SECRET}@h/", "", ""),
        (f"https://h:{SECRET}/", "", ""),
        (f"https://[{SECRET}/", "", ""),
        (f"https://h/{SECRET}\n", "", ""),
        (f"https://h/{SECRET} x", "", ""),
        ("", f"smtp://u:{SECRET}@h:x?from=a@b&to=c@d", ""),
        ("", f"smtp://u:{SECRET}@h?from=a@b%0d%0aBcc:x@y&to=c@d", ""),
        ("https://h/", "", "/nowhere/ca.pem"),
        ("https://h/", "", __file__),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start_and_not_quoted(webhook: str, mail: str, ca: str) -> None:
    with pytest.raises(SettingsError) as refused:
        channels_of(webhook, mail, ca)
    assert SECRET not in str(refused.value)


class Whim:
    """A channel that raises the given error; `took` has the alerts it got."""

    def __init__(self, name: str, trouble: BaseException | None = None) -> None:
        self.name, self.trouble = name, trouble
        self.calls = 0
        self.took: list[tuple[str, str]] = []

    async def send(self, told: Any, now_us: int) -> None:
        self.calls += 1
        if isinstance(self.trouble, asyncio.Event):
            await self.trouble.wait()
        elif self.trouble is not None:
            raise self.trouble
        assert len({each.status for each in told}) == 1
        self.took += [(status, alarm.name) for status, alarm in told if alarm.name != "Watchdog"]


@pytest.mark.parametrize(
    "trouble", [OSError("x"), ValueError("\ud800"), AssertionError(), RecursionError(), KeyError(1)], ids=repr
)
async def test_a_channel_that_fails_in_whatever_way_fails_alone(bank: Any, trouble: Exception) -> None:
    """The other channels get the alert once; the failing one is tried again after a pause that grows, not at each
    evaluation."""
    failing(bank, "bad", float("inf"))
    bank.audit.retry = Retry(delays=(), in_place=0)
    bank.app = bank.app.configured(replace(bank.app.settings, alert_every_s=3_600.0))
    async with bank.app.running() as system:
        store = system.stores["audit"]

        async def evaluated() -> bool:
            async with store.reading() as session:
                return bool(await session.groups.alarms())

        await until(evaluated)  # by the app's own watch, which would report the letter first
        await bank.app.send(bank.Deposit(name="bad", cents=5))

        async def dead() -> bool:
            return bool(await letters(bank))

        await until(dead)
        await store.leases.leave("watch", f"{system.member}/watch")
        bad, good = Whim("bad", trouble), Whim("good")
        watch = Watch(store, system.bus, "me/watch", (bad, good), every_s=1.0, clock=system.clock, ask_s=3.0)
        for second in range(60):
            assert await watch.step(float(second)) == second + 1.0

            async def idle() -> bool:
                return all(telling._task is None for telling in watch._tellings)

            await until(idle)
        assert good.took == [("firing", "DeadLetters")] and good.calls == 1
        assert 5 <= bad.calls <= 7, "tried at 0, 1, 3, 7, 15, 31 s"
        async with store.reading() as session:
            assert [s.subject for s in await session.groups.said("audit") if s.what == "owed"] == ["bad"]
        bad.trouble = None
        await watch.step(100.0)
        await until(idle)
        assert bad.took == [("firing", "DeadLetters")]
        async with store.reading() as session:
            assert not [s for s in await session.groups.said("audit") if s.what == "owed"]
        await watch.stop()


async def test_a_channel_that_hangs_holds_nobody_up(bank: Any) -> None:
    """The watch continues, other channels get the alerts, and a stop waits a moment for the hanging one and no
    longer."""
    async with bank.app.running(services=["audit"], roles=()) as system:
        hanging: Any = Whim("hanging")
        hanging.trouble = asyncio.Event()
        good = Whim("good")
        watch = Watch(
            system.stores["audit"], system.bus, "me/watch", (hanging, good), every_s=1.0, clock=system.clock, ask_s=3.0
        )
        second = 0.0

        async def both() -> bool:
            nonlocal second
            second = await watch.step(second)
            return bool(hanging.calls and good.calls)

        await until(both)
        for _ in range(3):
            second = await watch.step(second)
        assert (hanging.calls, good.calls) == (1, 1)
        async with asyncio.timeout(20):
            await watch.stop()
        async with system.stores["audit"].reading() as session:
            assert [s.subject for s in await session.groups.said("audit") if s.what == "owed"] == ["hanging"]


async def test_a_webhook_that_answers_nonsense_leaves_the_mail_its_alert_once(bank: Any) -> None:
    """The whole way, with real servers: the case of the bug report."""
    bank.audit.retry = Retry(delays=(), in_place=0)
    failing(bank, "bad", float("inf"))
    async with Server(b"what?\r\n\r\n") as hook, Receiver(smtp=True) as post:
        bank.app = bank.app.configured(
            replace(
                bank.app.settings,
                alert_every_s=0.05,
                alert_webhook=f"http://127.0.0.1:{hook.port}/",
                alert_mail=f"smtp://127.0.0.1:{post.port}?from=a@b&to=c@d",
            )
        )
        async with bank.app.running():
            await bank.app.send(bank.Deposit(name="bad", cents=5))

            async def tried_again() -> bool:
                return len(post.bodies) >= 1 and hook.calls >= 6

            await until(tried_again)
    assert ["DeadLetters in audit" in body for body in post.bodies] == [True]
