"""`app.testing()`: an app in this process, with a clock that the test owns and stubs for its participants.

```python
async with app.testing() as t:
    t.stub(ChargePayment).is_silent()
    await t.send(PlaceOrder(order_id="o1"))
    await t.advance(minutes(15))
    assert [e.order_id for e in t.published(OrderCancelled)] == ["o1"]
```
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, cast

from partita.bus.port import Bus, Outgoing
from partita.catalog.catalog import Catalog
from partita.catalog.contract import contract_of
from partita.catalog.event import Command, Event
from partita.catalog.injection import SqlValue
from partita.catalog.rejection import Rejection
from partita.clock import duration_us
from partita.errors import DeclarationError, NotFound, PartitaError, StoreUnavailable
from partita.machine.port import Machine, Wake
from partita.machine.virtual import HeldClock, World
from partita.message import envelope_to_bytes
from partita.operators.replaying import release
from partita.outbox.outbox import Composer
from partita.runtime.path.delivery import decode_value
from partita.runtime.path.from_outside import answer_pending
from partita.runtime.path.handler_tx import SerialTx, check_values
from partita.runtime.system import ROLES, System
from partita.sagas.definition import SagaDefinition
from partita.settings.amount import check_seconds
from partita.settings.settings import Settings
from partita.store.dead_letters import LetterFilter
from partita.testing.handler_stub import Delays, HandlerStub
from partita.testing.stub import Stub
from partita.testing.tap import Tap

M = TypeVar("M")
ReplyT = TypeVar("ReplyT")
CALM = 50
"""After this many turns of the event loop without a wait, a transaction or a handler nothing moves any more: each piece
of the runtime's work does one of these within fewer turns."""
CALL_S_MAX = 1.0
LETTERS_MAX = 10_000
MEMORY = Path("/dev/shm")


class Scenario:
    """An app under test. Time moves only by `advance`; everything due at one time happens before it moves."""

    def __init__(
        self, system: System, post: Callable[..., Awaitable[str]], world: World, tap: Tap, delays: Delays
    ) -> None:
        self._system = system
        self._post = post
        self._world = world
        self._clock: HeldClock = world.held
        self._tap = tap
        self._delays = delays
        self._stubs: dict[str, Stub[Any, Any]] = {}
        self._reactions: dict[Callable[..., Any], HandlerStub[Any]] = {}
        self._delivered: dict[tuple[str, str], int] = {}
        # Handlers that used up their waiting time: no later step waits for them again.
        self._hung: set[SerialTx] = set()

    def stub(self, command: type[Command[ReplyT, Any]]) -> Stub[Any, ReplyT]:
        """The stub for the handler of this command; the same one each time.

        Raises:
            DeclarationError: the command has no handler here.
        """
        contract = contract_of(command)
        if contract.full_name not in self._stubs:
            pipeline = self._system.pipelines.get(contract.service.name)
            interest = pipeline.interests.get(contract.full_name) if pipeline is not None else None
            sagas = [saga for service in self._system.catalog.services for saga in service.declared.sagas]
            steps = [spec for saga in sagas for spec in saga.steps]
            self._stubs[contract.full_name] = Stub(contract, interest, self._delays, steps)
        return self._stubs[contract.full_name]

    def reaction(self, function: Callable[..., Any]) -> HandlerStub[Any]:
        """The stub for a handler of events, by its function; the same one each time.

        Raises:
            DeclarationError: no service that is tested here has it.
        """
        if function not in self._reactions:
            for pipeline in self._system.pipelines.values():
                interests = [
                    each for each in pipeline.interests.values() if any(b.function is function for b in each.bindings)
                ]
                found = [b for each in interests for b in each.bindings if b.function is function]
                if found:
                    return self._reactions.setdefault(function, HandlerStub(found[0], interests, self._delays))
            raise DeclarationError(
                f"{getattr(function, '__name__', function)} handles no event in the services that are tested.",
                hint=f"@service.on above it; here: {', '.join(self._system.stores)}.",
            )
        return self._reactions[function]

    async def send(self, command: Command[ReplyT, Any], *, idempotency_key: str | None = None) -> ReplyT:
        """Send a command as `app.send` does, with the same errors. The messages it causes are handled as far as possible
        without time passing."""
        service = contract_of(type(command)).service.name
        door = self._system.doors.get(service)
        if door is None:
            raise NotFound(f"{service} is not tested here.", hint=f"Here: {', '.join(self._system.stores)}.")
        try:
            reply: ReplyT = await door.send(command, idempotency_key)
            return reply
        finally:
            await self.quiet()

    async def post(self, command: Command[Any, Any], *, idempotency_key: str | None = None) -> str:
        """Post a command as `app.post` does, with the same errors. The messages it causes are handled as far as possible
        without time passing."""
        posted = await self._post(command, idempotency_key=idempotency_key)
        await self.quiet()
        return posted

    async def pending(self, command: type[Command[Any, Any]]) -> list[str]:
        """The ids of the commands of this type whose handler returned `later()` and that wait, the oldest first; for `t.reply`.

        Raises:
            NotFound: its service is not tested here.
        """
        contract = contract_of(command)
        store = self._system.stores.get(contract.service.name)
        if store is None:
            raise NotFound(
                f"{contract.service.name} is not tested here.", hint=f"Here: {', '.join(self._system.stores)}."
            )
        async with store.reading() as session:
            return [row.reply_to for row in await session.pending.find(limit=10_000) if row.type == contract.full_name]

    async def reply(self, reply_to: str, answer: Event | Rejection, *, by: str = "") -> None:
        """Answer a command as `app.reply` does, with the same errors. The consequences are handled as far as possible without
        time passing."""
        await answer_pending(self._system.pipelines.values(), reply_to, answer, by)
        await self.quiet()

    async def deliver(self, event: Event, *, message_id: str | None = None) -> str:
        """Deliver an event by the bus, as from a service that is not tested here, and return its message id. Its consequences
        are handled as far as possible without time passing. The same `message_id` again is a copy.

        Raises:
            PartitaError: it is not an event, a service that is tested here publishes it, or it has no subscriber here.
        """
        contract = contract_of(type(event))
        if contract.kind != "event":
            raise PartitaError(f"{contract.name} is a {contract.kind}.", hint="t.deliver(event); t.send(command)")
        if contract.service.name in self._system.stores:
            raise PartitaError(
                f"{contract.name} is published by {contract.service.name}, which is tested here.",
                hint="Let its handler publish it: t.send(command). Or leave that service out: app.testing(services=[...]).",
            )
        if not any(contract.full_name in pipeline.interests for pipeline in self._system.pipelines.values()):
            raise NotFound(f"{contract.name} has no subscriber here.", hint=f"Here: {', '.join(self._system.stores)}.")
        system = self._system
        composer = Composer(f"{contract.service.name}/elsewhere", system.codec, system.ids)
        message = composer.compose(
            contract, event, kind="event", cause=None, now_us=self._clock.now_us(), message_id=message_id
        )
        if message.key is not None:
            place = (message.topic, message.key)
            message.envelope.key_sequence = self._delivered[place] = self._delivered.get(place, 0) + 1
        headers, message_id = envelope_to_bytes(message.envelope), message.envelope.id
        await self._tap.bring(Outgoing(message.topic, message.key, headers, message.value, message_id))
        await self.quiet()
        return message_id

    async def replay(self, service: str) -> int:
        """Replay the open dead letters of a service, as `partita dlq replay` does, and return their number. They are handled when
        time passes.

        Raises:
            NotFound: that service is not tested here.
        """
        store = self._system.stores.get(service)
        if store is None:
            raise NotFound(f"{service} is not tested here.", hint=f"Here: {', '.join(self._system.stores)}.")
        async with store.transaction() as session:
            letters = await session.dead_letters.find(service, LETTERS_MAX, LetterFilter())
            for letter in await session.dead_letters.release([each.id for each in letters]):
                await release(session, self._system.pipelines[service].service, letter, self._clock.now_us())
        await self.quiet()
        return len(letters)

    async def advance(self, seconds: float) -> None:
        """Let time pass. It stops at each time at which something is due: a saga's timer, a retry, a delayed answer.

        Raises:
            PartitaError: a time that is negative, or has no end.
        """
        check_seconds(PartitaError, "t.advance: seconds", seconds, positive=False)
        until_us = self._clock.now_us() + duration_us(seconds)
        await self.quiet()
        while self._clock.now_us() < until_us:
            due_us = await self._next_us()
            self._clock.move(until_us if due_us is None else min(due_us, until_us))
            await self.quiet()

    async def quiet(self) -> None:
        """Return when all is done that can be done without time passing."""
        await self._quiet(asyncio.get_running_loop().time())

    async def pass_time(self, stopped: asyncio.Event) -> None:
        """Let time pass from wait to wait until the app has stopped. A process that stops waits for its work by the
        clock, and after the end of the test only this moves the clock."""
        began = asyncio.get_running_loop().time()
        while not stopped.is_set():
            await self._quiet(began)
            due_us = self._clock.next_us()
            self._clock.move(self._clock.now_us() if due_us is None else due_us)
            await asyncio.sleep(0.001 if due_us is None else 0)  # noqa: TID251  # the real loop, not the held clock

    async def _quiet(self, calling_since: float) -> None:
        calm = 0
        before = self._moved()
        while calm < CALM:
            # A handler may wait for something outside, in real time.
            running = {tx for pipeline in self._system.pipelines.values() for tx in pipeline.handlers.running}
            if asyncio.get_running_loop().time() - calling_since > CALL_S_MAX:
                self._hung = running
            calling = bool(running - self._hung)
            await asyncio.sleep(0.001 if calling else 0)  # noqa: TID251  # the real loop, not the held clock
            after = self._moved()
            calm = calm + 1 if after == before and not calling else 0
            before = after

    async def settled(self, *, dead_letters: bool = False) -> None:
        """Do all work that can be done now, and check that none is left. With `dead_letters` messages may have died since
        the start, or since the last call.

        Raises:
            PartitaError: something waits for time to pass, or for a person; the message says what.
        """
        await self.quiet()
        self._clock.move(
            self._clock.now_us()
        )  # let every worker run once more, since it writes positions at times of its own
        await self.quiet()
        left = await self._system.outstanding()
        if self._tap.on_the_way:
            left = f"{self._tap.on_the_way} delayed messages, {left}".rstrip(", ")
        rest = await self._system.look_back.left(self._system.stores)
        left = ", ".join(text for text in (left, rest.for_time) if text)
        if left:
            raise PartitaError(f"Not settled: {left}.", hint="await t.advance(minutes(1)), or look at the stubs.")
        await self._system.look_back.begin(self._system.stores)
        if decide := rest.to_decide(dead_letters=dead_letters):
            hint = "If messages die on purpose: await t.settled(dead_letters=True)."
            raise PartitaError(f"Settled, but not all was handled: {decide}.", hint=hint)

    def published(self, event: type[M]) -> list[M]:
        """The events of this type that left by an outbox, in order. A reply is an event too."""
        return self._seen(event)

    def sent(self, command: type[M]) -> list[M]:
        """The commands of this type that sagas and handlers sent, in order; each copy counts."""
        return self._seen(command)

    async def fetch(self, service: str, sql: str, **params: SqlValue) -> list[Mapping[str, Any]]:
        """Rows of a service's database, read in a transaction that writes nothing.

        Raises:
            NotFound: that service is not tested here.
            PartitaError: the statement writes.
        """
        check_values(params)
        store = self._system.stores.get(service)
        if store is None:
            raise NotFound(f"{service} is not tested here.", hint=f"Here: {', '.join(self._system.stores)}.")
        try:
            async with store.reading() as session:
                return list(await session.fetch(sql, params))
        except StoreUnavailable as error:
            if getattr(error.__cause__, "sqlite_errorname", "").startswith("SQLITE_READONLY"):
                raise PartitaError(
                    f"t.fetch only reads; of {service} it was to write: {sql.strip():.80}",
                    hint="Handlers write: t.send(command), t.deliver(event).",
                ) from error
            raise

    async def saga(self, saga: type[Any], saga_id: str) -> str:
        """The status of an instance: running, compensating, completed, undone or needs_attention.

        Raises:
            NotFound: there is no such instance.
        """
        definition: SagaDefinition | None = getattr(saga, "__definition__", None)
        if definition is None:
            raise NotFound(f"{saga.__name__} is not a saga.", hint="class Name(Saga, start=Event, ...)")
        store = self._system.stores.get(definition.service.name)
        if store is None:
            raise NotFound(
                f"{definition.service.name}, which runs {definition.name}, is not tested here.",
                hint=f"Here: {', '.join(self._system.stores)}.",
            )
        async with store.reading() as session:
            rows = await session.sagas.load(definition.name, [saga_id])
        if saga_id not in rows:
            raise NotFound(
                f"There is no {definition.name} {saga_id!r}.",
                hint=f"Its id is the key of {definition.start.name}, which starts it.",
            )
        return rows[saga_id].status

    @property
    def now_us(self) -> int:
        """Microseconds since 1970 by the test's clock."""
        return self._clock.now_us()

    def _seen(self, message: type[M]) -> list[M]:
        contract = contract_of(message)
        return [
            cast(M, decode_value(contract, envelope.schema, value, self._system.codec))
            for envelope, value in self._tap.seen
            if envelope.type == contract.full_name
        ]

    def _moved(self) -> tuple[int, int, int]:
        called = sum(pipeline.handlers.called for pipeline in self._system.pipelines.values())
        return self._clock.waits, self._world.turns, called

    async def _next_us(self) -> int | None:
        """The next due time after now."""
        now_us = self._clock.now_us()
        found = [self._clock.next_us()]
        for name, store in self._system.stores.items():
            async with store.reading() as session:
                found += [await session.sagas.next_due_us(), await session.parking.next_due_us(name)]
        return min((due for due in found if due is not None and due > now_us), default=None)


class UnderTest(Protocol):
    """The part of an app that a scenario uses. `App` is on a floor above: it offers its scenario as `App.testing`."""

    settings: Settings
    machine: Machine | None
    catalog: Catalog
    around_bus: Callable[[Bus, Wake], Bus]

    def configured(self, settings: Settings) -> Self:
        """The same services under other settings."""
        ...

    def running(
        self, *, services: Sequence[str] | None = None, roles: Sequence[str] = ROLES
    ) -> AbstractAsyncContextManager[System]:
        """Run them in this process."""
        ...

    async def post(self, command: Command[Any, Any]) -> str:
        """Post a command for later."""
        ...


@asynccontextmanager
async def scenario(
    app: UnderTest, *, services: Sequence[str] | None = None, seed: int = 0, data: Path | None = None
) -> AsyncIterator[Scenario]:
    """Run an app under test; see `App.testing`."""
    world = World(seed=seed)
    delays = Delays()
    with tempfile.TemporaryDirectory(prefix="partita-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        own = app.settings
        settings = Settings(data=data or Path(folder), batch=own.batch, alert_every_s=3_600.0, secret=own.secret)
        tested = app.configured(settings)
        tested.machine = world.machine()
        taps: list[Tap] = []

        def around(bus: Any, _: Wake) -> Any:
            heard = [topic for service in tested.catalog.services for topic in tested.catalog.topics_of(service)]
            taps.append(Tap(bus, world.clock, delays, list(dict.fromkeys(heard))))
            return taps[-1]

        tested.around_bus = around
        stopped, passing = asyncio.Event(), None
        try:
            async with tested.running(services=services, roles=ROLES) as system:
                found = Scenario(system, tested.post, world, taps[0], delays)
                try:
                    await found.quiet()
                    yield found
                finally:
                    passing = asyncio.create_task(found.pass_time(stopped), name="time passes")
        finally:
            stopped.set()
            if passing is not None:
                await passing
