"""The world of generated sagas: real stores, pipelines, relays, timers and retry topics, driven from instant to instant.

Nothing runs by itself here. At each instant every running process works until nothing moves. Then the clock goes to the next
due time. So hours pass in milliseconds, and the same case always gives the same run.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from partita.bus.port import Outgoing, Subscription
from partita.catalog.catalog import Catalog
from partita.catalog.injection import Meta
from partita.catalog.service import Service
from partita.clock import US
from partita.codec.connect import connect_codec
from partita.dead_letters.dead_letter import envelope_or_none
from partita.errors import Conflict, DeclarationError, NotFound, PartitaError
from partita.machine import virtual
from partita.message import envelope_from_bytes, envelope_to_bytes
from partita.operators.steering import act_on_saga, retry_outbox
from partita.outbox.outbox import Composer
from partita.outbox.relay import Relay
from partita.runtime.background.consumer import Consumer
from partita.runtime.background.retry_topics import RetryTopics
from partita.runtime.background.timers import Timers
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.saga_steps import SagaDirectory
from partita.sagas.definition import SagaDefinition
from partita.sagas.sub_sagas import with_participants
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.testing.generators.answering import Outside
from partita.testing.generators.drawn_declaration import declared, forget
from partita.testing.generators.effects import Effects
from partita.testing.generators.memory_log import MemoryLog, MemorySubscription, Sender
from partita.testing.generators.participants import Broken, Does, Pool, address_of
from partita.testing.generators.saga_judge import InstanceSeen, Seen
from partita.testing.generators.sagas import (
    HOME,
    Acts,
    Again,
    Away,
    Fails,
    Instance,
    Refuses,
    Role,
    SagaCase,
    TooLarge,
    Twice,
    Withdraws,
)
from partita.topics.declared import retry_topics

HOURS_MAX = 6
"""A case must end this long after its last fault: waits between resends are half an hour at most."""
INSTANTS_MAX = 15_000
"""Of each instance: while the bus refuses its command, it asks again each time that its first reminder would be due."""
ROUNDS_MAX = 500
FAILED_MAX = 20
CALM_TURNS = 30
TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('partita_meta', 'audit', 'sqlite_sequence')"
)
TOLD = "SELECT aggregateid AS id, count(*) AS n FROM outbox WHERE type LIKE '%.Undone' GROUP BY 1"
MARKS = "SELECT message_id FROM inbox WHERE consumer = :name"
PARKED = "SELECT type, key, state FROM parked"
LETTERS = "SELECT type, key, cause, headers FROM dead_letter WHERE status IN ('open', 'replaying')"
UNDONE = "SELECT saga_id, step FROM tombstone"


Work = Callable[[], Awaitable[None]]


class World:
    """The place in which cases run, one after the other; opening it costs more than a case."""

    def __init__(self, folder: Path) -> None:
        world = virtual.World()
        self.clock = world.held
        self.machine = world.machine()
        self.codec = connect_codec()
        self.pool = Pool(self.clock.now_us)
        self.catalog = Catalog(list(self.pool.services.values()))
        for contract in self.catalog.contracts.values():
            self.codec.learn(contract.shape)
        self.stores = {name: self._store(folder, service) for name, service in self.pool.services.items()}

    def _store(self, folder: Path, service: Service) -> Store:
        where = folder / f"{service.name}.db"
        return connect_store(where, self.machine, service=service.name, tables=service.tables)

    async def __aenter__(self) -> World:
        for store in self.stores.values():
            await store.open()
            await store.create_tables()
        return self

    async def __aexit__(self, *_: object) -> None:
        for store in self.stores.values():
            await store.close()

    async def run(self, case: SagaCase) -> Seen:
        """Run a case to its end, and return its result."""
        home = self.pool.services[HOME, case.saga.ordered[HOME]]
        services = {place: self.pool.services[place, case.saga.ordered[place]] for place in case.saga.places}
        for service in services.values():
            forget(service)
        try:
            definition = declared(self.pool, case, home)
        except DeclarationError as error:
            return Seen(refused=str(error))
        stores = {place: self.stores[place, case.saga.ordered[place]] for place in services}
        for store in stores.values():
            await _empty(store)
        run = Run(self, case, definition, services, stores)
        try:
            await run.to_the_end()
            return await run.outcome()
        finally:
            await run.stop()


async def _empty(store: Store) -> None:
    async with store.transaction(durable=False) as session:
        for table in await session.fetch(TABLES, {}):
            await session.execute(f'DELETE FROM "{table["name"]}"', {})


class Member:
    """One service in a case: its workers, each of which may be stopped."""

    def __init__(self, run: Run, place: int, service: Service, store: Store) -> None:
        self.place, self.store, self.service = place, store, service
        self._run, world = run, run.world
        self.pipeline = Pipeline(
            service=service,
            catalog=world.catalog,
            store=store,
            codec=world.codec,
            machine=run.machine,
            sagas=SagaDirectory.of(with_participants(service.declared.sagas, world.catalog.services), 1.0),
        )
        twice = frozenset(t.nth for t in run.case.troubles if isinstance(t, Twice) and t.place == place)
        large = [t for t in run.case.troubles if isinstance(t, TooLarge) and t.place == place]
        self.sender = Sender(run.log, world.clock, twice, {t.nth: run.us(t.until_s) for t in large})
        self.relay = Relay(store, self.sender, world.clock, f"relay-{place}")
        behind_us = lambda: 0 if self.consumer is None else self.consumer.behind_us  # noqa: E731
        self.timers = Timers(self.pipeline, f"member-{place}", behind_us)
        self.topics = world.catalog.topics_of(service)
        self.retries = retry_topics(world.catalog, service)
        self.consumer: Consumer | None = None
        self.delays: RetryTopics | None = None
        self.subscriptions: list[MemorySubscription] = []

    def _subscribe(self, group: str, topics: list[str]) -> Subscription:
        subscription = MemorySubscription(self._run.log, group, topics)
        self.subscriptions.append(subscription)
        return subscription

    def begin(self) -> None:
        """Start the consumer, at its positions."""
        self.consumer = Consumer(
            self.pipeline, lambda _: self._subscribe(self.service.name, list(self.topics)), f"member-{self.place}"
        )
        retries = self._subscribe(f"{self.service.name}.retry", self.retries)
        self.delays = RetryTopics(self.service, self.store, retries, scale=1.0, consumer=self.consumer.bell)

    async def die(self) -> None:
        """Stop the consumer, and lose its records in hand."""
        if self.consumer is not None:
            await self.consumer.lanes.stop(0.0)
        self.consumer = self.delays = None

    async def step(self, away: frozenset[Role]) -> None:
        """Let every running worker work once."""
        now = self._run.world.clock.monotonic()
        if self.consumer is not None and self.delays is not None:
            if any(self._run.log.waits(f"{self.service.name}.retry", [topic]) for topic in self.retries):
                await self.delays.step(now)
            self.consumer.bell.ring("ready")
            await self.consumer.step(now)
        if self.service.declared.sagas and "timers" not in away:
            await self.timers.step(now)
        if "relay" not in away:
            await self.relay.step(now)

    @property
    def moves(self) -> int:
        """The count of work done here: while it grows, work is going on."""
        return self.pipeline.tally.total() + self.pipeline.failures.total() + self.timers.fired

    @property
    def in_lanes(self) -> int:
        """The number of keys with a message in a lane."""
        return 0 if self.consumer is None else len(self.consumer.lanes)

    def next_retry_us(self) -> Iterator[int]:
        """The due time of the next message in a retry topic."""
        wait_us = round(self.service.retry.delays[0] * US)
        for topic in self.retries if self.consumer is not None else ():
            for place, records in self._run.log.records.items():
                if place[0] == topic:
                    first = self._run.log.positions.get((f"{self.service.name}.retry", place), 0)
                    yield from (record.appended_us + wait_us for record in records[first:])


class Run:
    """One case while it runs."""

    def __init__(
        self,
        world: World,
        case: SagaCase,
        definition: SagaDefinition,
        services: dict[int, Service],
        stores: dict[int, Store],
    ) -> None:
        self.world, self.case, self.definition = world, case, definition
        self.machine = replace(world.machine, ids=virtual.SeededIds(world.clock, 0))  # the same dice for each case
        self.began_us = world.clock.now_us()
        self.log = MemoryLog(world.clock)
        self.members = {place: Member(self, place, services[place], stores[place]) for place in services}
        self.seen = Seen()
        self._effects = Effects(case, stores)
        self._fails = Counter[tuple[int, int, int, bool]]()
        for trouble in case.troubles:
            if isinstance(trouble, Fails):
                place = (trouble.instance, trouble.step, trouble.item, trouble.undo)
                self._fails[place] = max(self._fails[place], trouble.times)
        self._refuses = {(t.instance, t.step, t.item) for t in case.troubles if isinstance(t, Refuses)}
        self._told: set[str] = set()
        world.pool.script, world.pool.later = self._script, self._later
        pipelines = {place: member.pipeline for place, member in self.members.items()}
        self.outside = Outside(case, world.pool, world.clock, pipelines, self._publish)

    def us(self, seconds: float) -> int:
        """A time of the case in microseconds of its clock."""
        return self.began_us + round(seconds * US)

    def _later(self, meta: Meta, does: Does) -> bool:
        place = address_of(meta)
        if does == "do" and self.outside.is_late(place):
            self.outside.ask(place, meta)
        return self.outside.is_late(place)

    def _script(self, meta: Meta, does: Does) -> bool:
        instance, number, item = address_of(meta)
        if does != "ask" and self._fails[instance, number, item, does == "undo"] > 0:
            self._fails[instance, number, item, does == "undo"] -= 1
            raise Broken("the case says so")
        return does == "do" and (instance, number, item) in self._refuses

    async def to_the_end(self) -> None:
        """Run from instant to instant until nothing is due."""
        for member in self.members.values():
            member.begin()
        due, over_us = self._agenda(), self.us(self.case.calm_from_s + HOURS_MAX * 3_600)
        for _ in range(INSTANTS_MAX * len(self.case.instances)):
            while due and due[0][0] <= self.world.clock.now_us():
                await due.pop(0)[1]()
            await self.outside.give()
            await self._quiet()
            await self._check_published_undos()
            next_us = await self._next_us(due[0][0] if due else None)
            self.seen.ended = next_us is None
            if next_us is None or next_us > over_us or len(self.seen.failed) > FAILED_MAX:
                break
            self.world.clock.move(next_us)
        self.seen.virtual_s = (self.world.clock.now_us() - self.began_us) / US

    def _agenda(self) -> list[tuple[int, Work]]:
        found: list[tuple[float, Work]] = []
        for number, instance in enumerate(self.case.instances):
            found.append((instance.at_s, partial(self._start, number, instance)))
        for trouble in self.case.troubles:
            match trouble:
                case Away(place=place, role="consumer"):
                    found.append((trouble.from_s, self.members[place].die))
                    found.append((trouble.until_s, partial(self._come_back, place)))
                case Away():
                    found += [(trouble.from_s, self._nothing), (trouble.until_s, self._nothing)]
                case Again():
                    found.append((trouble.at_s, partial(self._again, trouble)))
                case TooLarge():
                    found.append((trouble.until_s, partial(self._let_pass, trouble)))
                case Acts():
                    found.append((trouble.at_s, partial(self._act, trouble)))
                case Withdraws():
                    found.append((trouble.at_s, partial(self._withdraw, trouble)))
                case _:
                    pass
        return sorted(((self.us(at_s), work) for at_s, work in found), key=lambda each: each[0])

    async def _nothing(self) -> None:
        """An instant at which a process stops or starts."""

    async def _start(self, number: int, instance: Instance) -> None:
        begin = self.world.pool.begin[self.case.saga.ordered[HOME]]
        items = [str(item) for item in range(instance.items)]
        self._publish(begin, "command", begin(id=f"i{number}", lane=f"lane{instance.lane}", items=items))

    async def _withdraw(self, trouble: Withdraws) -> None:
        place = self.case.saga.heard_from
        assert place is not None
        event = self.world.pool.withdrawn[place, self.case.saga.ordered[place]]
        self._publish(event, "event", event(id=f"i{trouble.instance}"))

    def _publish(self, cls: type[Any], kind: str, sent: Any) -> None:
        composer = Composer("people", self.world.codec, self.machine.ids)
        now_us = self.world.clock.now_us()
        message = composer.compose(cls.__partita__, sent, kind=kind, cause=None, now_us=now_us)
        headers = envelope_to_bytes(message.envelope)
        self.log.put([Outgoing(message.topic, message.key, headers, message.value, message.envelope.id)])

    async def _come_back(self, place: int) -> None:
        still = any(
            isinstance(t, Away)
            and (t.place, t.role) == (place, "consumer")
            and self.us(t.from_s) <= self.world.clock.now_us() < self.us(t.until_s)
            for t in self.case.troubles
        )
        if not still and self.members[place].consumer is None:
            self.members[place].begin()

    async def _again(self, trouble: Again) -> None:
        member = self.members[trouble.place]
        was_here = member.consumer is not None
        await member.die()
        self.log.rewind(member.service.name, member.topics, trouble.count)
        if was_here:
            member.begin()

    async def _let_pass(self, trouble: TooLarge) -> None:
        await retry_outbox(self.members[trouble.place].store, reason="the limit was raised", by="a person")

    async def _act(self, trouble: Acts) -> None:
        child = self.case.saga.child if trouble.on_child else None
        try:
            await act_on_saga(
                self.members[HOME if child is None else child.place].pipeline,
                self.definition.name if child is None else "Child",
                f"i{trouble.instance}",
                trouble.verb,
                reason="the case says so",
                by="a person",
            )
        except (Conflict, NotFound):
            return
        except AssertionError as error:
            self.seen.failed.append(f"{trouble.verb} by a person failed: {error}")

    def _away(self, place: int) -> frozenset[Role]:
        now_us = self.world.clock.now_us()
        return frozenset(
            t.role
            for t in self.case.troubles
            if isinstance(t, Away) and t.place == place and self.us(t.from_s) <= now_us < self.us(t.until_s)
        )

    async def _quiet(self) -> None:
        """Let all workers work until nothing moves."""
        for _ in range(ROUNDS_MAX):
            before = self._moves()
            for place, member in self.members.items():
                try:
                    await member.step(self._away(place))
                except (PartitaError, AssertionError) as error:
                    self.seen.failed.append(f"a worker of {member.service.name} failed: {error}")
            await self._lanes()
            if self._moves() == before:
                return
        self.seen.failed.append("it moves on and on at one instant")

    def _moves(self) -> int:
        return self.log.moves + sum(member.moves for member in self.members.values())

    async def _lanes(self) -> None:
        """Let the lanes run until they are empty or wait for the clock."""
        calm = 0
        while calm < CALM_TURNS and any(member.in_lanes for member in self.members.values()):
            before = (self._moves(), [member.in_lanes for member in self.members.values()], self.world.clock.next_us())
            await asyncio.sleep(0)  # no time passes
            now = (self._moves(), [member.in_lanes for member in self.members.values()], self.world.clock.next_us())
            calm = calm + 1 if before == now else 0

    async def _next_us(self, agenda_us: int | None) -> int | None:
        found = [agenda_us, self.outside.next_us(), self.world.clock.next_us()]
        for place, member in self.members.items():
            found += member.next_retry_us()
            if member.service.declared.sagas and "timers" not in self._away(place):
                async with member.store.reading() as session:
                    found.append(await session.sagas.next_due_us())
        ahead = [us for us in found if us is not None]
        return max(min(ahead), self.world.clock.now_us() + 1) if ahead else None

    async def _check_published_undos(self) -> None:
        """Check that an instance published as undone is undone now, not only in the end."""
        for row in await _rows(self.members[HOME].store, TOLD):
            if row["id"] not in self._told:
                self._told.add(row["id"])
                for unit, effect in await self._effects.of(row["id"]):
                    drawn = self.case.saga.steps[unit.step]
                    if effect.left and (drawn.undoable or drawn.kind != "step"):
                        self.seen.false.append(f"{row['id']} was published as undone while {unit.name} was done")

    async def outcome(self) -> Seen:
        """The result of the case."""
        home = self.members[HOME].store
        told = {row["id"]: row["n"] for row in await _rows(home, TOLD)}
        async with home.reading() as session:
            names = [f"i{number}" for number in range(len(self.case.instances))]
            sagas = await session.sagas.load(self.definition.name, names)
            for name in names:
                seen = InstanceSeen(told_undone=told.get(name, 0))
                if name in sagas:
                    row = sagas[name]
                    seen.status, seen.step, seen.problem = row.status, row.step, row.last_error
                history = await session.sagas.history(self.definition.name, name)
                seen.history = [(event.kind, event.step) for event in history]
                seen.at_s = [(event.at_us - self.began_us) / US for event in history]
                self.seen.instances.append(seen)
        for name, seen in zip(names, self.seen.instances, strict=True):
            for _, effect in await self._effects.of(name):
                seen.done.append(effect.done)
                seen.left.append(effect.left)
                seen.reminded.append(effect.reminded)
            seen.child = await self._effects.child(name)
        for (instance, step, item), answers in (await self.outside.seen()).items():
            self.seen.instances[instance].answers[step, item] = answers
        for member in self.members.values():
            self.seen.waiting += [what async for what in self._left_at(member)]
        return self.seen

    async def _left_at(self, member: Member) -> AsyncIterator[str]:
        name, log = member.service.name, self.log
        async with member.store.reading() as session:
            status = await session.outbox.status()
        if status.pending:
            yield f"{status.pending} messages of {name} never left"
        for row in await _rows(member.store, PARKED):
            yield f"{row['type']} of key {row['key']} is {row['state']} at {name}"
        # A group without order parks no dead letter, so an undo does not find it there; its tombstone makes it harmless.
        undone = {(row["saga_id"], row["step"]) for row in await _rows(member.store, UNDONE)}
        for row in await _rows(member.store, LETTERS):
            address = envelope_from_bytes(row["headers"]).saga
            if member.service.order == "none" and address and (address.saga_id, address.step) in undone:
                continue
            yield f"{row['type']} of key {row['key']} is a dead letter at {name}: {row['cause']}"
        if log.waits(name, member.topics) or log.waits(f"{name}.retry", member.retries) or member.in_lanes:
            yield f"{name} has not come to the end of its log"
        marked = {row["message_id"] for row in await _rows(member.store, MARKS, name=name)}
        for (topic, _), records in log.records.items():
            for record in records if topic in member.topics else ():
                envelope = envelope_or_none(record)
                assert envelope is not None
                at_once = envelope.at_once and envelope.source == member.store.source
                if envelope.type in member.pipeline.interests and envelope.id not in marked and not at_once:
                    yield f"{envelope.type} of key {record.key} came to {name} and was never handled"
                    marked.add(envelope.id)

    async def stop(self) -> None:
        """Stop the running workers."""
        for member in self.members.values():
            await member.die()


async def _rows(store: Store, sql: str, **values: Any) -> list[Any]:
    async with store.reading() as session:
        return [dict(row) for row in await session.fetch(sql, values)]
