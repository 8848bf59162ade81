"""`App`: services assembled into a system, run with the adapters that its settings name.

Walk 4: `app.send` is where a command enters; everything else enters from the bus.
"""

from __future__ import annotations

import functools
import signal
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from partita.assembly.adapters import Adapters
from partita.bus.connected import Connected
from partita.bus.port import Bus
from partita.catalog.catalog import Catalog
from partita.catalog.client import client_named
from partita.catalog.contract import contract_of
from partita.catalog.event import Command, Event
from partita.catalog.place import caller_place
from partita.catalog.rejection import Rejection
from partita.catalog.service import Service
from partita.clock import US, duration_us
from partita.errors import NotFound, PartitaError, SettingsError, WithinHandler
from partita.ingress.ingress import BODY_MAX, Ingress, Takes
from partita.machine.port import Machine, Wake
from partita.machine.system import this_machine
from partita.operators.audit import actor
from partita.operators.reply_page import ReplyPage
from partita.operators.steering import act_on_saga
from partita.operators.task_api import ActorOf, TaskApi
from partita.outbox.users_transaction import Outbox
from partita.runtime.background.left_over import LeftOver
from partita.runtime.data_folder import claim_folder
from partita.runtime.importing import import_users
from partita.runtime.path.from_outside import answer_pending
from partita.runtime.path.poster import Poster
from partita.runtime.path.running_handler import running_handler
from partita.runtime.system import ROLES, System
from partita.sagas.saga import Saga
from partita.sagas.sub_sagas import check_sub_sagas
from partita.settings.amount import check_seconds
from partita.settings.settings import Settings
from partita.store.port import Store
from partita.topics.declared import declared_topics
from partita.topics.topic_plan import TopicPlan
from partita.waiting.token import Tokens

if TYPE_CHECKING:
    from partita.testing.scenario import Scenario

ReplyT = TypeVar("ReplyT")
SETTLE_LOOK_S = 0.02
LEFT_HINT = "partita why, partita dlq groups; if messages are expected to die: settled(dead_letters=True)"


class App:
    """A system of services: `app = App(orders, inventory, payments)`; no configuration means embedded and durable.

    `topics` declares the sizes of its topics and their cluster: `TopicPlan(...)` of `partita.topics`.
    `client` names the outbox of processes that only send (`app.post`); without it there is none.
    `machine` is its source of time, chance and threads; by default each run of the app has one of its own.
    """

    def __init__(
        self,
        *services: Service,
        settings: Settings | None = None,
        topics: TopicPlan | None = None,
        client: str | None = None,
        machine: Machine | None = None,
    ) -> None:
        self.client = None if client is None else client_named(client, caller_place(2))
        self.services = services if self.client is None else (*services, self.client)
        self.settings = settings or Settings.from_environment()
        self.catalog = Catalog(self.services)
        self.catalog.check()
        check_sub_sagas(self.services)
        self.topics = topics or TopicPlan()
        declared_topics(self.catalog, self.topics)  # an impossible plan is refused here, not at the first start
        self.machine = machine
        self.around_bus: Callable[[Bus, Wake], Bus] = lambda bus, wake: bus
        self._replaced: dict[Callable[..., Any], Callable[..., Any]] = {}
        self._system: System | None = None
        self._poster: Poster | None = None

    @property
    def definitions(self) -> tuple[Any, ...]:
        """The declared sagas."""
        return tuple(d for s in self.services for d in s.declared.sagas)

    @property
    def system(self) -> System:
        """The running parts of the app in this process.

        Raises:
            PartitaError: the app is not running.
        """
        if self._system is None:
            raise PartitaError("The app is not running.", hint="async with app.running(): ...")
        return self._system

    @property
    def bus(self) -> Bus:
        """The bus, while running."""
        return self.system.bus

    def store(self, service: str) -> Store:
        """A service's store, while running here.

        Raises:
            NotFound: that service does not run in this process.
        """
        store = self.system.stores.get(service)
        if store is None:
            raise NotFound(f"{service} does not run in this process.", hint=f"Here: {', '.join(self.system.stores)}.")
        return store

    def configured(self, settings: Settings) -> Self:
        """The same services and topics under other settings; replacements stay."""
        other = type(self)(*self.services, settings=settings, machine=self.machine)
        other.topics, other.client = self.topics, self.client
        other._replaced = dict(self._replaced)
        return other

    def replace(self, provider: Callable[..., Any], other: Callable[..., Any]) -> None:
        """Give `Depends(provider)` the values that `other` returns; for tests and wiring."""
        self._replaced[provider] = other

    def connect_bus(self, machine: Machine, wake: Wake) -> Connected:
        """The bus of the settings, with the registry of its schemas; a subclass may wrap it."""
        return Adapters(self.settings, machine, wake).bus()

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Store:
        """The store of a service; a subclass may wrap it."""
        return Adapters(self.settings, machine, wake).store(service)

    def outbox(self, service: Service) -> Outbox:
        """The outbox of a service for transactions of your own; the app need not run.

        Raises:
            NotFound: the service is not one of this app.
        """
        self._check_own(service)
        return Outbox(service)

    def _check_own(self, service: Service) -> None:
        if service not in self.services:
            raise NotFound(
                f"{getattr(service, 'name', repr(service)):.80} is not a service of this app.",
                hint=f"It has: {', '.join(s.name for s in self.services)}. The service itself is given, not its name.",
            )

    def ingress(
        self,
        service: Service,
        *,
        takes: Takes | None = None,
        secrets: Sequence[str] = (),
        body_max: int = BODY_MAX,
        origins: Sequence[str] = (),
    ) -> Ingress:
        """An ASGI application that takes CloudEvents of other programs over HTTP (`POST /events`) into the outbox of a service
        that runs in this process: mount it (`web.mount("/hooks", app.ingress(payments))`), or have an ASGI server run it,
        which then runs the app too.

        Args:
            service: the owner of the events.
            takes: classes of its events and refusals, or such classes by the type that the sender gives them; None = all its
                events.
            secrets: of Standard Webhooks (`whsec_<base64>`), each of which is accepted; without one no request is signed.
            body_max: the largest request, in bytes.
            origins: the senders, by their DNS names, whose question whether their events are wanted (OPTIONS) is answered with
                yes; "*" = any. Without one OPTIONS is answered with 405.

        Raises:
            NotFound: the service is not one of this app.
            DeclarationError: a class is no event of it. SettingsError: a secret cannot be used.
        """
        self._check_own(service)
        return Ingress(service, self, takes=takes, secrets=secrets, body_max=body_max, origins=origins)

    def tasks(self, service: Service, *, actor_of: ActorOf) -> TaskApi:
        """An ASGI application with the commands of a service that wait for a person: `GET /tasks`, `GET /tasks/ID`, and
        `POST /tasks/ID` with the answer, as JSON for programs and as pages for browsers. Mount it in a web application that runs
        the service. The forms of the pages need `Settings.secret`.

        Args:
            service: it runs in this process.
            actor_of: the name of the signed-in person by the ASGI scope of a request; None is answered with 401.

        Raises:
            NotFound: the service is not one of this app.
        """
        self._check_own(service)
        return TaskApi(service, self, actor_of)

    def reply_page(self, service: Service, *, shows: Collection[str] = ()) -> ReplyPage:
        """An ASGI application with the page behind links of `reply_token`: mounted at `/answer`, a link is `/answer/TOKEN`. `GET`
        asks, and `POST` answers.

        Args:
            service: it runs in this process.
            shows: the fields of the command that each holder of a link may see; the title is shown in any case.

        Raises:
            NotFound: the service is not one of this app.
        """
        self._check_own(service)
        return ReplyPage(service, self, shows)

    @asynccontextmanager
    async def running(
        self, *, services: Sequence[str] | None = None, roles: Sequence[str] = ROLES
    ) -> AsyncIterator[System]:
        """Run some or all services in this process; leaving the block finishes the work in progress and stops.

        Args:
            services: names; None = all.
            roles: "consumers", "relay", "timers"; none of them = able to send and read only.

        Raises:
            PartitaError: a store or the bus cannot be opened, with what to do.
        """
        if self._system is not None or self._poster is not None:
            what = "runs" if self._poster is None or self._system is not None else "posts"
            raise PartitaError(f"The app {what} already in this process.", hint="Use the running one.")
        self.settings.check_stores(s.name for s in self.services)
        names = list(services) if services is not None else [s.name for s in self.services]
        if self.client is not None and self.client.name not in names:
            names.append(self.client.name)  # a relay relays posted commands as well
        for name in names:
            self.catalog.service(name)
        machine = self.machine or this_machine(folder=self.settings.data, keep=True)
        if self.settings.is_embedded(s.name for s in self.services):
            claim_folder(self.settings.data, self.catalog, machine.process)
        wake = machine.wake(self.settings.data / "wake")
        bus, registry = self.connect_bus(machine, wake)
        bus = self.around_bus(bus, wake)
        codec = Adapters(self.settings, machine, wake).codec()
        registry = Adapters(self.settings, machine, wake).registry(registry, self.catalog, codec)
        system = System(self.catalog, self.settings, machine, codec, bus, registry, self.topics)
        stores = {name: self.connect_store(self.catalog.service(name), bus, machine, wake) for name in names}
        try:
            await system.open(stores, self._replaced, roles)
            system.start(roles)
            self._system = system
            if self.client is not None:
                self._poster = Poster(stores[self.client.name], self.catalog, codec, machine.clock, machine.ids)
            yield system
        finally:
            self._system = self._poster = None
            try:
                await system.close()
            finally:
                wake.close()

    @asynccontextmanager
    async def posting(self) -> AsyncIterator[None]:
        """Open only the client's outbox for `app.post`: no service, no bus, no worker. For a process that only sends; its
        commands wait until a process of this app relays.

        Raises:
            SettingsError: the app has no client.
            StoreError: its outbox cannot be opened, with what to do.
        """
        if self._poster is not None or self._system is not None:
            raise PartitaError("The app runs or posts already in this process.", hint="Use the running one.")
        client = self._client()
        self.settings.check_stores(s.name for s in self.services)
        machine = self.machine or this_machine(folder=self.settings.data, keep=True)
        if self.settings.is_embedded([client.name]):
            claim_folder(self.settings.data, self.catalog, machine.process)
        with closing(machine.wake(self.settings.data / "wake")) as wake:
            adapters = Adapters(self.settings, machine, wake)
            store = adapters.store(client)
            await store.open()
            try:
                self._poster = Poster(store, self.catalog, adapters.codec(), machine.clock, machine.ids)
                yield
            finally:
                self._poster = None
                await store.close()

    def _client(self) -> Service:
        if self.client is None:
            raise SettingsError(
                "This app has no client: there is no outbox in which a posted command could wait.",
                hint='App(..., client="web"), the same in each process of the app.',
            )
        return self.client

    def testing(
        self, *, services: Sequence[str] | None = None, seed: int = 0, data: Path | None = None
    ) -> AbstractAsyncContextManager[Scenario]:
        """The app under test: embedded, in this process and in files of its own, with a clock that the test owns and
        stubs for participants (`partita.testing.scenario`).

        Args:
            services: names; None = all.
            seed: decides ids and dice; the same seed gives the same run.
            data: a folder that stays, to look at afterwards; by default its files are deleted with the test.
        """
        from partita.testing.scenario import scenario

        return scenario(self, services=services, seed=seed, data=data)

    @asynccontextmanager
    async def lifespan(
        self, _: Any = None, *, services: Sequence[str] | None = None, roles: Sequence[str] = ROLES
    ) -> AsyncIterator[None]:
        """Run the app in this process for as long as a web application lives: `FastAPI(lifespan=app.lifespan)`; by default all of
        it, as `running` does.

        If another database answers than the opened one, the process asks itself to end (SIGTERM): its supervisor
        starts it again.
        """
        async with self.running(services=services, roles=roles) as system:
            system.supervisor.on_lost = functools.partial(signal.raise_signal, signal.SIGTERM)
            yield

    async def send(self, command: Command[ReplyT, Any], *, idempotency_key: str | None = None) -> ReplyT:
        """Have a command handled by its service, in this process and in one transaction; returns its reply.

        When it returns the effect is durable. The same idempotency key again returns the same reply, also after a
        crash or from another process.

        Raises:
            Rejection: the declared refusal.
            Conflict: the key was used with another command.
            NotFound: the service does not run here.
            StoreUnavailable: unknown whether it was handled; send it again with the same key.
            WithinHandler: a handler sends that must not wait.
        """
        service = contract_of(type(command)).service.name
        door = self.system.doors.get(service)
        if door is None:
            raise NotFound(f"{service} does not run in this process.", hint=f"app.running(services=[{service!r}, ...])")
        reply: ReplyT = await door.send(command, idempotency_key)
        return reply

    async def reply(self, reply_to: str, answer: Event | Rejection, *, by: str = "") -> None:
        """Answer a command whose handler returned `later()`: with its reply, or with one of its refusals. The first answer
        counts; the same one again changes nothing. When it returns the answer is durable.

        Args:
            reply_to: the id of the command (`meta.reply_to` of its handler).
            answer: an instance of the command's reply, or of a refusal that it declares.
            by: the name of the person or program that answers; the error of another answer gives it.

        Raises:
            Conflict: it has another answer already; the error names it.
            Overtaken: its saga has undone the step.
            NotFound: no command waits under this id in a service that runs here.
            StoreUnavailable: unknown whether it was kept; give the same answer again.
            WithinHandler: a handler answers, not its transaction.
        """
        if (asking := running_handler()) is not None:
            raise WithinHandler(
                f"{asking.owner} of {asking.service} answers a command outside of its transaction.",
                hint="await tx.reply(reply_to, answer) answers with the handler's own writes, or not at all.",
            )
        await answer_pending(self.system.pipelines.values(), reply_to, answer, by)

    def reply_token(self, reply_to: str, *, lasts: float) -> str:
        """A token for the answer to one pending command, to be sent in a link: its holder may answer once, for `lasts` seconds.
        It is signed with `Settings.secret` (`PARTITA_SECRET`); handlers may make it while the command is handled.

        Raises:
            SettingsError: there is no secret. PartitaError: a time that is not positive, or no id.
        """
        check_seconds(PartitaError, "reply_token(lasts)", lasts)
        if not isinstance(reply_to, str) or not reply_to:
            raise PartitaError(f"reply_to={reply_to!r:.80} is no id.", hint="meta.reply_to of the command's handler.")
        until_us = self.system.clock.now_us() + duration_us(lasts)
        return Tokens(self.settings.secrets).make(reply_to, -(-until_us // US))

    async def reply_by_token(self, token: str, answer: Event | Rejection, *, by: str = "") -> None:
        """Answer the command that a token is for, as `reply` does.

        Raises:
            TokenRefused: the token is forged, changed or expired; no database was asked. SettingsError: there is no secret.
            PartitaError: any error of `reply`.
        """
        reply_to = Tokens(self.settings.secrets).read(token, self.system.clock.now_us() // US)
        await self.reply(reply_to, answer, by=by)

    async def post(self, command: Command[Any, Any], *, idempotency_key: str | None = None) -> str:
        """Send a command without waiting for its answer, even if its service does not run; returns its message id.

        When it returns the command is durable in the client's outbox, and will be handled. The same idempotency key again
        is the same message, from any process: it is handled once.

        Raises:
            SettingsError: the app has no client.
            Conflict: the key was used with another command.
            StoreUnavailable: it may have been kept; post it again with the same key.
            WithinHandler: a handler posts, not its transaction.
        """
        self._client()
        if self._poster is None:
            raise PartitaError("The app neither runs nor posts.", hint="async with app.posting(): ...")
        return await self._poster.post(command, idempotency_key)

    async def cancel(self, saga: type[Saga], saga_id: str, *, reason: str, by: str | None = None) -> str:
        """Undo a saga instance, as `partita saga cancel` does, with an entry in the audit; returns its status. When it returns
        the decision is durable; the undos follow where the app runs.

        Args:
            saga: its class. saga_id: the key of its start event.
            reason: for the history, the audit and the event of `undone=`.
            by: the person or the program that decides; None = as the command line names it.

        Raises:
            NotFound: there is no such instance, or the service of the saga does not run here (`roles=()` is enough).
            Conflict: it has ended, it is being undone, or it is behind its point of no return; the text says which.
            WithinHandler: a handler cancels, whose transaction may hold the instance; it publishes an event that the saga hears.
        """
        if (asking := running_handler()) is not None:
            raise WithinHandler(
                f"{asking.owner} of {asking.service} cancels a saga in the middle of its own transaction."
            )
        definition = saga.__definition__
        pipeline = self.system.pipelines.get(definition.service.name)
        if pipeline is None:
            name = definition.service.name
            raise NotFound(f"{name} does not run in this process.", hint=f"app.running(services=[{name!r}, ...])")
        row = await act_on_saga(pipeline, definition.name, saga_id, "cancel", reason=reason, by=by or actor())
        return row.status

    async def settled(self, timeout_s: float = 30.0, *, dead_letters: bool = False) -> None:
        """Return when the services that run here have no work left. It counts outstanding work and never waits for a
        silence. Messages that wait for their next try count as work.

        Args:
            timeout_s: the limit in seconds.
            dead_letters: messages may have died since the start, or since the last call; by default that is an error, or a
                test of a handler that fails would pass.

        Raises:
            PartitaError: time ran out, or the rest waits for a person; the message names it.
            WithinHandler: the handler that asks is itself outstanding work.
        """
        if (asking := running_handler()) is not None:
            raise WithinHandler(f"{asking.owner} of {asking.service} waits until no work is left, itself included.")
        check_seconds(PartitaError, "settled(timeout_s)", timeout_s, positive=False)
        clock = self.system.clock
        until = clock.monotonic() + timeout_s
        calm, left = 0, LeftOver()
        while calm < 2:
            what = await self.system.outstanding()
            if not what:
                left = await self.system.look_back.left(self.system.stores)
                what = left.for_time
            calm = 0 if what else calm + 1
            if what and clock.monotonic() > until:
                raise PartitaError(f"Not settled after {timeout_s:.0f} s: {what}.", hint="partita why")
            if what:
                self.system.write_positions()
            if calm < 2:
                await clock.sleep(SETTLE_LOOK_S)
        await self.system.look_back.begin(self.system.stores)
        if decide := left.to_decide(dead_letters=dead_letters):
            raise PartitaError(f"Settled, but not all was handled: {decide}.", hint=LEFT_HINT)


def load_app(spec: str) -> App:
    """The app that `module:attribute` names.

    Raises:
        SettingsError: there is no such module, or it has no such app.
        AppBroken: its import raised.
        DeclarationError: one of its declarations cannot work.
    """
    module_name, _, attribute = spec.partition(":")
    module = import_users(spec, module_name)
    app = getattr(module, attribute or "app", None)
    if not isinstance(app, App):
        raise SettingsError(f"{spec}: {module_name} has no App named {attribute or 'app'!r}.", hint="app = App(...)")
    return app
