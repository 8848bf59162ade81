"""A running app in one process: opens its stores and its bus, starts its workers, and stops all of it in order."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from partita.alerts.channels import channels_of
from partita.bell import Bell
from partita.bus.features import NONE, Feature, require
from partita.bus.port import Bus, Subscription
from partita.catalog.catalog import Catalog
from partita.catalog.fault import FAULT_SHAPE
from partita.catalog.service import Service
from partita.clock import US
from partita.codec.port import Codec
from partita.errors import BusRefused, BusUnavailable, PartitaError, StoreMismatch
from partita.machine.port import Machine
from partita.observability.health import Check, Health, judged
from partita.observability.metrics import build_info, read_all
from partita.observability.overdue import step_limits
from partita.observability.question import Unanswered, answered
from partita.observability.registry import registry_samples
from partita.outbox.relay import Relay, RelayOptions
from partita.runtime.background.consumer import Consumer, ConsumerOptions, Keeper
from partita.runtime.background.group_position import send_again
from partita.runtime.background.janitor import Janitor, LogJanitor
from partita.runtime.background.left_over import LookBack
from partita.runtime.background.pulse import Pulse
from partita.runtime.background.retry_topics import Overdue, RetryTopics
from partita.runtime.background.roll_call import RollCall
from partita.runtime.background.same_database import SameDatabase
from partita.runtime.background.supervisor import Supervisor
from partita.runtime.background.timers import Timers
from partita.runtime.background.watch import Watch
from partita.runtime.carrying_over import carry_over, carry_over_partitions
from partita.runtime.known_versions import check_known
from partita.runtime.path.after_conflict import run_again
from partita.runtime.path.door import Door
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.renewing import unfit
from partita.runtime.path.saga_steps import SagaDirectory
from partita.sagas.definition import SagaDefinition
from partita.sagas.state import state_from_bytes
from partita.sagas.sub_sagas import with_participants
from partita.schemas.registry import Registry
from partita.settings.settings import Settings
from partita.signals import MESSAGES_FAILED, MESSAGES_HANDLED, OUTBOX_LEFT, OUTBOX_RELAYED, SAGA_STEPS, Sample
from partita.store.handover import Reader
from partita.store.port import Session, Store
from partita.store.workers import WorkerState
from partita.texts.foreign_text import logger
from partita.topics.declared import declared_topics, retry_topics
from partita.topics.topic_plan import TopicPlan

if TYPE_CHECKING:
    from partita.observability.metrics_page import MetricsPage

log = logger(__name__)
INTRODUCE_EVERY_S = 1.0
UNTOLD_US = 10 * US
"""The assumed age of an unhandled message on a bus that does not report it."""
ROLES = ("consumers", "relay", "timers")
COLLECT_EVERY = (100_000, 20, 50)
"""Garbage collection for batches: the objects of a batch live until its commit, so a search for cycles before it looks at all of
them and finds none. After every 700 objects, Python's default, it costs a tenth of the throughput; a whole batch makes fewer
than 100,000 (measured: `docs/guides/benchmarks.md`). Nothing of a message waits for a search, also if its handler fails."""
PYTHONS_OWN = 2_000
OpenStatus = Literal["running", "compensating", "needs_attention"]
LOOKED_AT = 1_000
"""The most instances of one status whose states a start looks at."""


class System:
    """The parts of an app that run in this process."""

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        machine: Machine,
        codec: Codec,
        bus: Bus,
        registry: Registry,
        topics: TopicPlan | None = None,
    ) -> None:
        self.catalog = catalog
        self.topics = topics or TopicPlan()
        self.settings = settings
        self.machine = machine
        self.clock = machine.clock
        self.ids = machine.ids
        self.codec = codec
        self.bus = bus
        self.registry = registry
        self.stores: dict[str, Store] = {}
        self.pipelines: dict[str, Pipeline] = {}
        self.doors: dict[str, Door] = {}
        self.consumers: dict[str, Consumer] = {}
        self.supervisor = Supervisor(machine.clock)
        self.relays: dict[str, Relay] = {}
        self._heartbeats: dict[str, Bell] = {}
        self.page: MetricsPage | None = None
        self.look_back = LookBack()
        self.pulse: Pulse | None = None
        self.roll_call: RollCall | None = None
        self.introduced = False
        self.unintroduced: BusUnavailable | None = None
        """The reason why the bus or the registry has not learned this app's topics and schemas yet."""
        self.roles: Sequence[str] = ()
        self._newest: dict[str, tuple[int, int]] = {}
        self.fingerprints: list[str] = []
        self.member = machine.new_name()

    async def open(
        self,
        stores: Mapping[str, Store],
        replaced: Mapping[Callable[..., Any], Callable[..., Any]],
        roles: Sequence[str] = (),
    ) -> None:
        """Open the bus and the stores, publish topics and schemas, check the sagas in flight; and if this process is to
        consume, carry over the waiting messages.

        Raises:
            FeatureAbsent: the bus lacks a feature that the services need; nothing was opened.
            PartitaError: names the part that cannot be opened, and what to do.
        """
        self.roles = roles
        for name in stores:
            service = self.catalog.service(name)
            # Claims, tries and parking keep partitions and offsets; numbers of a key count in the order of the bus.
            ordered = Feature.KEY_ORDER if service.order == "key" else NONE
            require(self.bus.features, Feature.PARTITIONS | Feature.OFFSETS | ordered, name)
        self.fingerprints = [self.codec.learn(contract.shape) for contract in self.catalog.written().values()]
        self.fingerprints.append(self.codec.learn(FAULT_SHAPE))
        for contract in self.catalog.of_others():
            self.codec.learn(contract.shape)  # one that cannot be read here would be a dead letter each time
        await self.bus.open()
        try:
            await self.introduce()
        except BusRefused:
            raise  # waiting does not help
        except BusUnavailable as error:
            log.warning("messages wait in the outboxes: %s", error)
        for name, store in stores.items():
            await store.open()
            self.stores[name] = store
            if self.introduced:
                await store.join(self.bus.tables)
            await store.create_tables(migrate=self.settings.migrate)
            service = self.catalog.service(name)
            directory = SagaDirectory.of(
                with_participants(service.declared.sagas, self.catalog.services), self.settings.time_scale
            )
            await run_again(self.clock, partial(self._take_over, service, store))
            self.pipelines[name] = Pipeline(
                service=service,
                catalog=self.catalog,
                store=store,
                codec=self.codec,
                machine=self.machine,
                sagas=directory,
                replaced=replaced,
                coalesce=self.settings.coalesce,
                at_once=self.settings.at_once,
                time_scale=self.settings.time_scale,
                find_schema=self.registry.find,
            )
        await self.look_back.begin(self.stores)
        try:
            if self.introduced:
                await self.fit_to_the_bus()
        except BusUnavailable as error:
            self.introduced = False  # it is tried again later
            log.warning("the bus went away: %s", error)

    async def introduce(self) -> None:
        """Publish this app's topics to the bus, and its schemas to the registry.

        Raises:
            BusUnavailable: it does not answer; only this work waits for it.
        """
        try:
            # First, so that the bus knows the declarations when another worker, as a consumer, creates a topic earlier.
            await self.bus.ensure_topics([topic.spec for topic in declared_topics(self.catalog, self.topics)])
            for fingerprint in self.fingerprints:
                await self.registry.publish(fingerprint, self.codec.schema_text(fingerprint) or "")
        except BusUnavailable as error:
            self.unintroduced = error
            raise
        self.introduced, self.unintroduced = True, None

    async def join(self) -> None:
        """Join the log where it is beside a store. Not earlier: a reader would ask for a schema that is not registered yet."""
        for store in self.stores.values():
            await store.join(self.bus.tables)

    async def fit_to_the_bus(self) -> None:
        """Adapt to the bus once it answers: no message may wait in a missing partition, or have been sent to another log only.

        Raises:
            BusUnavailable: it no longer answers.
        """
        identity = await self.bus.identity() if "relay" in self.roles else ""
        for name, store in self.stores.items():
            if "consumers" in self.roles:
                partitions = await self.bus.partitions(self.catalog.topics_of(self.catalog.service(name)))
                await run_again(self.clock, partial(_fit_parking, store, name, partitions))
            if identity:
                await run_again(self.clock, partial(_fit_outbox, self.catalog.service(name), store, identity))

    async def _take_over(self, service: Service, store: Store) -> None:
        """Take over the messages that an earlier version of the service left in its store, or refuse to start."""
        async with store.transaction() as session:
            await check_known(session, service, self.catalog)
            await _check_sagas(session, service)
            if "consumers" in self.roles:
                await carry_over(session, service, self.catalog.topics_of(service))

    def start(self, roles: Sequence[str]) -> None:
        """Start the workers of these roles for the opened services; the local door is always open.

        Raises:
            PartitaError: a role that does not exist.
        """
        unknown = [role for role in roles if role not in ROLES]
        if unknown:
            raise PartitaError(f"There is no role {unknown[0]!r}.", hint=f"There is: {', '.join(ROLES)}.")
        if gc.get_threshold()[0] <= PYTHONS_OWN:  # a changed threshold is the user's choice
            gc.set_threshold(*COLLECT_EVERY)
        if "relay" in roles:
            self.supervisor.add(LogJanitor(self.bus, self.clock))
        channels = channels_of(self.settings.alert_webhook, self.settings.alert_mail, self.settings.alert_ca)
        sagas = [definition for service in self.catalog.services for definition in service.declared.sagas]
        limits = step_limits(sagas, self.settings.time_scale)
        for name, pipeline in self.pipelines.items():
            store = self.stores[name]
            door = self.doors[name] = Door(pipeline, self.settings.batch)
            self.supervisor.add(door, name, door.bell)
            self.supervisor.add(SameDatabase(store), name)
            if "relay" in roles:
                options = RelayOptions(batch=self.settings.batch)
                relay = self.relays[name] = Relay(store, self.bus, self.clock, f"{self.member}/relay", options)
                relay.why_not = lambda: self.unintroduced
                self.supervisor.add(relay, name, store.bell)
                self.supervisor.add(Keeper(relay), name)
                self.supervisor.add(Janitor(pipeline.service, store), name)
                watching = (store, self.bus, f"{self.member}/watch", channels, self.settings.alert_every_s)
                own = partial(self._workers_of, name)
                watch = Watch(*watching, clock=self.clock, ask_s=self.settings.ask_s, own=own, limits=limits)
                self.supervisor.add(watch, name)
            if "timers" in roles and pipeline.service.declared.sagas:
                unread_us = partial(self._unread_us, name)
                self.supervisor.add(Timers(pipeline, self.member, partial(self._behind_us, name), unread_us), name)
            topics = self.catalog.topics_of(pipeline.service)
            if "consumers" in roles and topics:
                self._consume(name, pipeline, topics)
        if not self.introduced:
            self.supervisor.add(Introduction(self))
        settings = self.settings
        self.pulse = Pulse(self.stores, self.bus, self.clock, settings.ask_s, introduced=self.introduced)
        self.supervisor.add(self.pulse)
        self._call_the_roll()
        self.supervisor.start()
        if settings.metrics:
            from partita.observability.metrics_page import MetricsPage

            self.page = MetricsPage(settings.metrics, self.samples, self.health, limit_s=settings.ask_s)

    def health(self) -> Health:
        """Whether this process can take work, by its last known facts: asks no server, may be called from any thread."""
        if self.pulse is None:
            return Health("down", [Check("process", "down", "it is starting", 0.0, 0.0)])
        now_us, states = self.clock.now_us(), self._workers_of()
        failing = {name: (name, error.partition("\n")[0], 0.0) for name, _, error in self.supervisor.failures()}
        for each in states:
            failing[each.worker] = (each.worker, f"{each.state}: {each.cause}", (now_us - each.since_us) / US)
        stopping = self.supervisor.is_stopping
        facts = list(self.pulse.facts.values())
        return judged(
            facts, list(failing.values()), self.clock.monotonic(), stale_s=self.pulse.stale_s, stopping=stopping
        )

    async def samples(self) -> list[Sample]:
        """Every metric of this process and of the databases it has open, as far as they answer."""
        read = await read_all(self.stores, self.bus, self.clock, self.settings.ask_s, self._workers_of())
        found = [build_info(), *read]
        for name, store in self.stores.items():
            found.append(OUTBOX_LEFT.of(store.left, service=name))
            pipeline = self.pipelines[name]
            for (type_name, outcome), count in pipeline.tally.items():
                found.append(MESSAGES_HANDLED.of(count, group=name, event_type=type_name, outcome=outcome))
            for decision, count in pipeline.failures.items():
                found.append(MESSAGES_FAILED.of(count, group=name, decision=decision))
            for (saga, entry), count in pipeline.units.steps.items():
                found.append(SAGA_STEPS.of(count, service=name, saga=saga, entry=entry))
        for name, relay in self.relays.items():
            found.append(OUTBOX_RELAYED.of(relay.relayed, service=name))
        return [*found, *registry_samples(self.registry)]

    def _call_the_roll(self) -> None:
        self.roll_call = RollCall(
            self.member,
            self.clock,
            self.settings.ask_s,
            supervisor=self.supervisor,
            stores=self.stores,
            pipelines=self.pipelines,
            consumers=self.consumers,
        )
        self.supervisor.add(self.roll_call)

    def _workers_of(self, name: str | None = None) -> Sequence[WorkerState]:
        """The workers of this process, of one service or all, that do not work."""
        states = self.roll_call.states if self.roll_call is not None else []
        return [state for state in states if name in (None, state.service)]

    def _behind_us(self, name: str) -> int | None:
        """The lag of a service's consumer in this process, if one runs."""
        return self.consumers[name].behind_us if name in self.consumers else 0

    async def _unread_us(self, name: str) -> int:
        """The age of the oldest message on the bus that no process of a service has handled, as far as the bus reports it.
        While the bus is away it is unknown, and a deadline does not wait for it."""
        lags = await answered(self.clock, self.settings.ask_s, "bus", lambda: self.bus.lag(name))
        if isinstance(lags, Unanswered):
            return 0
        read = self.catalog.topics_of(self.catalog.service(name))
        now_us = self.clock.now_us()
        waits = [lag.oldest_us for lag in lags if lag.lag and lag.topic in read]
        return max((UNTOLD_US if since_us is None else now_us - since_us for since_us in waits), default=0)

    def _consume(self, name: str, pipeline: Pipeline, topics: Sequence[str]) -> None:
        def subscribe(bell: Bell) -> Subscription:
            return self.bus.subscribe(name, topics, f"{self.member}/{self.ids.new()[-12:]}", bell)

        consumer = Consumer(pipeline, subscribe, self.member, ConsumerOptions(batch=self.settings.batch))
        heartbeats = self._heartbeats[name] = Bell()
        self.supervisor.add(consumer, name, consumer.bell)
        self.supervisor.add(Keeper(consumer), name, heartbeats)
        self.consumers[name] = consumer
        self.supervisor.add(Overdue(name, pipeline.store, consumer.bell), name)
        retries = retry_topics(self.catalog, pipeline.service)
        if retries:
            bell = Bell()
            subscription = self.bus.subscribe(f"{name}.retry", retries, f"{self.member}/{self.ids.new()[-12:]}", bell)
            scale, waking = self.settings.time_scale, consumer.bell
            delays = RetryTopics(pipeline.service, pipeline.store, subscription, scale=scale, consumer=waking)
            self.supervisor.add(delays, name, bell)
            self.supervisor.add(Keeper(delays), name)

    async def close(self) -> None:
        """Stop the workers, then close the stores and the bus, each also where another could not be closed. Until the workers
        have stopped, probes are answered so."""
        async with AsyncExitStack() as closing:  # the last callback goes first
            closing.push_async_callback(self.bus.close)
            for store in reversed(list(self.stores.values())):
                closing.push_async_callback(store.close)
            if self.page is not None:
                closing.push_async_callback(self.machine.threads.run, self.page.close)
            await self.supervisor.stop(self.settings.grace_s)

    async def outstanding(self) -> str:
        """The work that is still to be done, in words; empty = none."""
        found: list[str] = []
        for name, store in self.stores.items():
            async with store.reading() as session:
                status = await session.outbox.status()
                if status.pending > status.parked:
                    found.append(f"{status.pending} rows in the outbox of {name}")
                if status.reader is not None and self._is_behind(name, status.reader):
                    found.append(f"{status.reader.behind} bytes of {name} for the slot {status.reader.slot}")
                for state in ("running", "compensating"):
                    rows = await session.sagas.find(status=state, limit=1)
                    if rows:
                        found.append(f"saga {rows[0].saga} {rows[0].saga_id} is {state} at {rows[0].step}")
        try:
            for lag in await self.bus.lag():
                if lag.lag and lag.group in self.pipelines:
                    found.append(f"{lag.lag} records of {lag.topic}[{lag.partition}] for {lag.group}")
        except BusUnavailable as error:
            found.append(f"the records on the bus, which does not answer ({error})")
        found += [f"{c.name}, which has not joined its group" for c in self.consumers.values() if not c.joined]
        found += [c.name for c in self.consumers.values() if c.busy] + [d.name for d in self.doors.values() if d.busy]
        return ", ".join(found[:6])

    def write_positions(self) -> None:
        """Have idle consumers write their positions with a heartbeat now: until then the bus counts handled records as
        outstanding."""
        for name, bell in self._heartbeats.items():
            if not self.consumers[name].busy:
                bell.ring("positions")

    def _is_behind(self, name: str, reader: Reader) -> bool:
        """Whether the newest row may not have left yet. The server's log grows by other writes too: its end when that row was
        first seen decides."""
        if self._newest.get(name, (-1, 0))[0] != reader.newest:
            self._newest[name] = (reader.newest, reader.written)
        return reader.confirmed < self._newest[name][1]


class Introduction:
    """Publishes an app's topics and schemas to a bus that did not answer when the app was started."""

    def __init__(self, system: System) -> None:
        self.name = "introduction to the bus"
        self._system = system
        self._done = False

    async def step(self, now: float) -> float:
        """Try; returns when to try again, which is never after full success."""
        if not self._done:
            try:
                if not self._system.introduced:
                    await self._system.introduce()
                await self._system.join()
                await self._system.fit_to_the_bus()
            except BusUnavailable:
                return now + INTRODUCE_EVERY_S
            self._done = True
        return math.inf

    async def stop(self) -> None:
        """Do nothing: it holds nothing."""


async def _check_sagas(session: Session, service: Service) -> None:
    """Check the instances in flight: they finish under their first definition, so an undeclared change refuses to start."""
    declared = {(d.name, d.version): d for d in service.declared.sagas}
    for name, version, digest, unfinished in await session.sagas.versions_in_flight():
        definition = declared.get((name, version))
        if unfinished and (definition is None or definition.digest != digest):
            change = "is not declared any more." if definition is None else "changed."
            raise StoreMismatch(
                f"{unfinished} instances of saga {name} version {version} are in flight, and that version {change}",
                hint=f"Give the changed saga version={version + 1} and keep the old one declared until they finish. As it is "
                f"declared now: partita describe saga {name}",
            )
        if definition is not None and unfinished:
            await _check_facts(session, definition)
    for (name, version), definition in declared.items():
        await session.sagas.keep_definition(name, version, definition.digest)


async def _check_facts(session: Session, definition: SagaDefinition) -> None:
    """Refuse to start where the state of an instance in flight lacks a value that a command needs, or keeps one of an older
    message that cannot become one of the newest: no message could move it. Looks at the instances that changed last,
    `LOOKED_AT` of each status."""
    for status in get_args(OpenStatus):
        for row in await session.sagas.find(definition.name, status, LOOKED_AT):
            with suppress(msgspec.MsgspecError, RecursionError):  # unreadable already; it waits for an operator
                if row.definition_version == definition.version:
                    why, mend = unfit(definition, state_from_bytes(row.data))
                    if why:
                        raise StoreMismatch(f"Saga {row.saga} {row.saga_id} is in flight: {why}.", hint=mend)


async def _fit_parking(store: Store, group: str, partitions: Mapping[str, int]) -> None:
    async with store.transaction() as session:
        await carry_over_partitions(session, group, partitions)


async def _fit_outbox(service: Service, store: Store, identity: str) -> None:
    since_us = await store.now_us() - round(service.window_s * US)
    async with store.transaction() as session:
        await send_again(session, service.name, identity, since_us)
