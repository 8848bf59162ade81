"""The pipeline: one service's way from a record to a handled message, by units of work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from partita.bus.port import Record
from partita.catalog.catalog import Catalog, Interest
from partita.catalog.contract import Contract, version_in
from partita.catalog.service import Service
from partita.clock import Clock, Ids
from partita.codec.learning import FindSchema, learn_writer
from partita.codec.port import Codec
from partita.dead_letters.dead_letter import envelope_or_none
from partita.errors import PartitaError, UnknownSchema, UnknownType
from partita.machine.port import Machine
from partita.outbox.outbox import Composer
from partita.runtime.path.admission import Admission, Admitted, ReadAhead
from partita.runtime.path.answering import Answering
from partita.runtime.path.calling import Means, Replacements
from partita.runtime.path.delivery import Delivery, decode
from partita.runtime.path.handlers import Handlers
from partita.runtime.path.letters import Letters
from partita.runtime.path.saga_steps import SagaDirectory
from partita.runtime.path.same_meaning import Meaning
from partita.runtime.path.unit_of_work import UnitOfWork, UnitsOfWork
from partita.runtime.path.waves import CommitRefused, HandlerFailed, NotForWaves
from partita.store.claims import Held
from partita.store.parking import ParkedRow
from partita.store.port import Known, Store

AT_ONCE_DEPTH = 8
"""The most steps of a chain within one service that share a transaction; the rest goes by the bus, or a circle of events
would never commit."""


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """Everything one service needs to handle its messages."""

    service: Service
    catalog: Catalog
    store: Store
    codec: Codec
    machine: Machine
    sagas: SagaDirectory
    replaced: Replacements = field(default_factory=dict)
    coalesce: bool = True
    at_once: bool = True
    time_scale: float = 1.0
    find_schema: FindSchema | None = None
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)  # (type, outcome) since the start
    failures: Counter[str] = field(default_factory=Counter)  # the decision after a failure: retry, dead, discard
    recounted: set[str] = field(default_factory=set)  # topics in which messages handled at once count again
    interests: Mapping[str, Interest] = field(init=False)
    topics: frozenset[str] = field(init=False)
    heard: Mapping[str, Contract] = field(init=False)  # the messages that it handles, by their identity
    declared: frozenset[str] = field(init=False)  # the types that their owners declare here
    admission: Admission = field(init=False)
    answering: Answering = field(init=False)
    handlers: Handlers = field(init=False)
    units: UnitsOfWork = field(init=False)

    def __post_init__(self) -> None:
        self.interests = self.catalog.interests(self.service)
        self.topics = frozenset(self.catalog.topics_of(self.service))
        self.heard = {interest.contract.identity: interest.contract for interest in self.interests.values()}
        owners = dict.fromkeys(interest.contract.service for interest in self.interests.values())
        self.declared = frozenset(name for owner in owners for name in owner.messages)
        letters = Letters(self.service.name, self.catalog, Composer(self.store.source, self.codec, self.ids))
        meaning, carried_out = Meaning(self.catalog, self.codec, self.find_schema), self.service.carried_out
        self.admission = Admission(self.service, self.catalog, self.codec, letters, meaning, carried_out)
        self.answering = Answering(self.service.name, self.store, self.catalog, self.codec, meaning, carried_out)
        self.handlers = Handlers(Means(self.replaced, self.machine, self.answering))
        self.units = UnitsOfWork(
            self.service.name,
            self.store,
            self.catalog,
            self.codec,
            self.ids,
            self.admission,
            self.handlers,
            self.sagas,
        )

    @property
    def clock(self) -> Clock:
        """The machine's clock."""
        return self.machine.clock

    @property
    def ids(self) -> Ids:
        """The machine's ids and dice."""
        return self.machine.ids

    def decoded(self, record: Record, parked: ParkedRow | None = None) -> Delivery:
        """A record as a delivery for this service, `parked` if it comes from the parking; never raises because of the
        bytes."""
        if parked is not None and parked.state == "gap" and not parked.type:  # only its number counts
            delivery = Delivery(envelope_or_none(record), record.topic, record.key, record.value, record)
        else:
            delivery = decode(record, self.interests, self.codec, self.store.source)
            if delivery.settled:
                delivery.settled = record.topic not in self.recounted
            elif delivery.interest is None and delivery.broken is None:
                delivery.broken = self._not_known(delivery)
        delivery.parked = parked
        return delivery

    def _not_known(self, delivery: Delivery) -> UnknownType | None:
        """The error if a message without a handler may not be skipped. A group skips others' events to which it does not
        subscribe; but no other service will handle a command to this one, an answer to its saga, or a new event of its own."""
        envelope, service = delivery.envelope, self.service
        assert envelope is not None
        if delivery.topic == service.commands_topic:
            contract = self.catalog.contracts.get(envelope.type)
            if contract is not None and contract.service is not service:
                return None
        elif delivery.topic == service.events_topic:
            if envelope.type in service.messages:
                return None
        elif envelope.saga is None or envelope.kind == "command" or envelope.saga.saga not in self.sagas.names:
            if not self._hears_another_version(envelope.type):
                return None
        known = self.heard.get(version_in(envelope.type)[0])
        if known is not None and version_in(envelope.type)[1] < known.version:
            return UnknownType(
                f"{service.name} handles {known.full_name}, and {envelope.type} came, an older version without an upcaster.",
                hint=f'class {known.name}V{version_in(envelope.type)[1]}(..., name="{known.wire_name}", '
                f"version={version_in(envelope.type)[1]}) and its upcaster; then partita dlq replay.",
            )
        return UnknownType(
            f"{service.name} does not know {envelope.type}, which came on {delivery.topic}.",
            hint="A newer version sends it: upgrade every process of this service, then partita dlq replay.",
        )

    def _hears_another_version(self, type_name: str) -> bool:
        """Whether this group handles another version of a message, and not this one: skipped, the message would be lost."""
        return version_in(type_name)[0] in self.heard and type_name not in self.declared

    async def run(self, deliveries: Sequence[Delivery], held: Held, *, at_once: bool = True) -> Counter[str]:
        """Handle these in one transaction: when it returns they are done, when it raises nothing of it was kept.
        Returns how many messages of each type were handled; duplicates and parked messages do not count.

        With `at_once`, messages that they cause for this very service are handled in the same transaction (`_own`).

        Raises:
            HandlerFailed: a handler raised for one of these deliveries.
            Fenced, StoreUnavailable: no message is at fault; give up the partition, or try again.
        """
        waves, at_once = self.coalesce, at_once and self.at_once
        done: list[Admitted] | None = None
        while done is None:  # one more turn if a statement failed, or a handler does more than its code shows
            try:
                done = await self._transaction(deliveries, held, waves, at_once)
            except NotForWaves as found:
                if found.binding is None:
                    waves = False
                else:
                    self.handlers.keep_out_of_waves(found.binding)
            except HandlerFailed as failed:
                unsure = at_once and isinstance(failed, CommitRefused)
                if failed.handling.delivery in deliveries and not unsure:
                    raise
                # A message caused by one of them failed, or may have: it goes by the bus then, and fails by itself.
                at_once = False
        self.finished(done)
        return Counter(each.candidate.envelope.type for each in done if each.due)

    async def _transaction(
        self, deliveries: Sequence[Delivery], held: Held, waves: bool, at_once: bool
    ) -> list[Admitted]:
        async with self.units.begin(deliveries[0]) as work:
            admitted = await work.admit(deliveries, held)
            await work.handle(admitted, waves=waves)
            for _ in range(AT_ONCE_DEPTH - 1 if at_once else 0):
                own, ahead = await self._own(work, admitted, handlers=bool(held))
                if not own:
                    break
                admitted = await work.admit(own, ahead=ahead)
                _all_fresh(admitted)
                await work.handle(admitted, waves=waves)
        return work.admitted

    async def _own(
        self, work: UnitOfWork, admitted: Sequence[Admitted], *, handlers: bool
    ) -> tuple[list[Delivery], ReadAhead | None]:
        """The messages that these caused for this very service, to be handled at once instead of after a way by the bus.

        They go by the bus as well, for other services; the consumer here knows by `at_once` that they are done. Of a key only
        the next number may be taken: an earlier one that is still on its way goes first (G4). Without `handlers` only sagas
        are served: at the door no tries are counted, so a handler that kills the process would do so for ever. Returns them
        with their known facts.
        """
        mine = [
            (message, output.message)
            for each in admitted
            for message, output in zip(each.handling.sent, each.handling.outputs, strict=True)
            if message.topic in self.topics and output.again is None
        ]
        found: list[Delivery] = []
        for message, value in mine:
            interest = self.interests.get(message.envelope.type)
            if interest is None or not interest.bindings or (handlers and not interest.calls_out):
                found.append(
                    Delivery(
                        message.envelope, message.topic, message.key, message.value, interest=interest, message=value
                    )
                )
        if not found:
            return [], None
        ahead = await self.admission.read_ahead(work.session, found, work.sagas.concerned(found))
        at_once = self._in_turn(found, ahead.known) if self.service.order == "key" else found
        for delivery in at_once:
            assert delivery.envelope is not None
            delivery.envelope.at_once = True
        return at_once, ahead

    def _in_turn(self, deliveries: Sequence[Delivery], known: Known) -> list[Delivery]:
        last = dict(known.last)
        found: list[Delivery] = []
        for delivery in deliveries:
            assert delivery.envelope is not None
            if delivery.lane in known.parked:
                continue  # it is behind a parked message: taken here and refused, it would make the whole batch run again
            if delivery.key is not None:
                place = (self.store.source, delivery.topic, delivery.key)
                if last.get(place, 0) + 1 != delivery.envelope.key_sequence:
                    continue
                last[place] = delivery.envelope.key_sequence
            found.append(delivery)
        return found

    async def learn_schema(self, delivery: Delivery) -> bool:
        """Fetch the writer's schema of a delivery from the bus; returns whether a new try makes sense."""
        if not isinstance(delivery.broken, UnknownSchema):
            return False
        return await learn_writer(self.codec, self.find_schema, delivery.broken.schema)

    def finished(self, done: Sequence[Admitted]) -> None:
        """Count, and answer the senders at the local door: only after the commit is it true."""
        self.tally.update([each.outcome for each in done if each.handling.delivery.interest is not None])
        for each in done:
            handling, answer = each.handling, each.handling.delivery.answer
            if answer is None or answer.done():
                continue
            if isinstance(handling.reply, Exception):
                answer.set_exception(handling.reply)
            else:
                answer.set_result(handling.reply)


def _all_fresh(own: Sequence[Admitted]) -> None:
    """Require that all are new: a message handled at once never comes again, so if it cannot be, it must go by the bus."""
    for each in own:
        if not each.fresh:
            verdict = each.said.verdict.value
            raise HandlerFailed(
                each.handling, PartitaError(f"{each.candidate.envelope.type} cannot be handled at once: {verdict}.")
            )
