"""Sagas inside a transaction: loads the instances of a batch, lets the pure engine decide, saves the changes.

Walk 10: state, history, timer and outgoing commands are written in the transaction of the message that moved them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from partita.catalog.contract import Contract, contract_of
from partita.clock import Ids
from partita.errors import Conflict, NotFound, PartitaError, StoreMismatch
from partita.message import Envelope, SagaAddress, envelope_from_bytes
from partita.runtime.path.answering import PENDING
from partita.runtime.path.delivery import Delivery, Handling, Output
from partita.runtime.path.early_cancellations import EarlyCancellations
from partita.runtime.path.renewing import renewed
from partita.runtime.path.saga_instance import Instance, instance_of, refuse_broken, row_of
from partita.runtime.path.sub_sagas import DEFERRED, Ended, Named, again, caller_of, cause_of, recall_of
from partita.runtime.path.users_code import Escaped, ask
from partita.runtime.path.waves import HandlerFailed
from partita.sagas.definition import SagaDefinition
from partita.sagas.engine import begin, on_message, on_timer
from partita.sagas.hearing import on_early, on_event
from partita.sagas.needed_facts import is_lacking
from partita.sagas.older_facts import is_newer
from partita.sagas.recalling import on_recall
from partita.sagas.state import SagaState
from partita.sagas.transition import Alert, Answer, Ignored, Incoming, Publish, Send, Transition, UndoAgain
from partita.sagas.unfolding import definition_for
from partita.sagas.verbs import Verb, on_operator
from partita.store.port import Session
from partita.store.sagas import SagaEvent, SagaRow
from partita.texts.foreign_text import logger

log = logger(__name__)
NOTHING: Mapping[Handling, Named] = MappingProxyType({})


@dataclass(slots=True)
class SagaDirectory:
    """The saga definitions of one service: the newest starts, older ones finish what they started."""

    by_version: dict[tuple[str, int], SagaDefinition] = field(default_factory=dict)
    starting: dict[str, list[SagaDefinition]] = field(default_factory=dict)  # start type -> newest definitions
    # Of each saga that a type moves in any of its versions, the newest definition: an older instance waits for its own types.
    listening: dict[str, list[SagaDefinition]] = field(default_factory=dict)  # by the type of a reply
    hearing: dict[str, list[SagaDefinition]] = field(default_factory=dict)  # by a type that answers no step
    names: frozenset[str] = frozenset()
    reads_old: bool = False  # a message whose values the states keep has a version above 1

    @classmethod
    def of(cls, definitions: Sequence[SagaDefinition], time_scale: float) -> SagaDirectory:
        """The directory of these definitions, their times multiplied."""
        directory = cls(names=frozenset(definition.name for definition in definitions))
        newest: dict[str, SagaDefinition] = {}
        for declared in definitions:
            definition = declared.scaled(time_scale) if time_scale != 1.0 else declared
            directory.by_version[(definition.name, definition.version)] = definition
            directory.reads_old = directory.reads_old or bool(definition.versions)
            if definition.name not in newest or newest[definition.name].version < definition.version:
                newest[definition.name] = definition
        for definition in newest.values():
            directory.starting.setdefault(definition.start.full_name, []).append(definition)
        for (name, _), definition in directory.by_version.items():
            heard = [listener.event for listener in definition.listeners]
            for contract in definition.consumes:
                if contract is not definition.start:
                    by_type = directory.hearing if contract in heard else directory.listening
                    moved = by_type.setdefault(contract.full_name, [])
                    moved += [] if newest[name] in moved else [newest[name]]
        return directory

    def of_row(self, row: SagaRow) -> SagaDefinition:
        """The definition under which an instance was started.

        Raises:
            StoreMismatch: this process does not know it (an older deployment): it must not touch the instance.
        """
        definition = self.by_version.get((row.saga, row.definition_version))
        if definition is None:
            raise StoreMismatch(
                f"Saga {row.saga} {row.saga_id} runs under version {row.definition_version}, which is not declared here.",
                hint="Keep the old version declared until its instances have finished.",
            )
        return definition


class SagaBatch:
    """The sagas of one transaction."""

    def __init__(self, directory: SagaDirectory, session: Session, now_us: int, ids: Ids) -> None:
        self._directory = directory
        self._session = session
        self._now_us = now_us
        self._ids = ids
        self._instances: dict[tuple[str, str], Instance] = {}
        self._concerned: dict[Delivery, list[Named]] = {}  # worked out once: admission and handling ask for the same
        self._early = EarlyCancellations(session, now_us)
        self.entries: list[SagaEvent] = []  # of the histories, as saved
        self.ended: list[Ended] = []  # the sub-sagas that end here

    async def load(self, handlings: Sequence[Handling]) -> None:
        """Load every instance that these messages may concern, one statement per saga."""
        wanted: dict[str, dict[str, None]] = {}
        if self._directory.hearing:
            await self._load_early(handlings)
        for saga, saga_id in self.concerned([handling.delivery for handling in handlings]):
            wanted.setdefault(saga, {})[saga_id] = None
        await self.load_ids({saga: list(ids) for saga, ids in wanted.items()})

    def concerned(self, deliveries: Sequence[Delivery]) -> list[Named]:
        """The instances that these may concern and that are not loaded yet."""
        named: dict[Named, None] = {}
        for each in deliveries:
            if each.interest is not None and each.interest.for_sagas:
                concerned = self._concerned.get(each)
                if concerned is None:
                    concerned = self._concerned[each] = self._concerned_by(each, each.interest.contract)
                named.update(dict.fromkeys(concerned))
        return [each for each in named if each not in self._instances]

    async def _load_early(self, handlings: Sequence[Handling]) -> None:
        starts: list[tuple[str, str]] = []
        cancelled: list[tuple[str, str]] = []
        for handling in handlings:
            interest, message = handling.delivery.interest, handling.delivery.message
            if interest is None or not interest.for_sagas:
                continue
            name = interest.contract.full_name
            starting = [each for each in self._directory.starting.get(name, ()) if each.cancelling]
            starts += [(each.name, each.key_of(message)) for each in starting]
            hearing = [each for each in self._directory.hearing.get(name, ()) if name in each.cancelling]
            cancelled += [(each.name, _key_of(interest.contract, message)) for each in hearing]
        await self._early.load(starts, cancelled)

    async def load_ids(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Load instances by id; one that is loaded already keeps this transaction's changes."""
        for saga, asked in wanted.items():
            ids = [saga_id for saga_id in asked if (saga, saga_id) not in self._instances]
            rows = await self._session.sagas.load(saga, ids)
            for saga_id in ids:
                instance = self._instances[(saga, saga_id)] = instance_of(rows.get(saga_id))
                state = instance.state
                if state is not None and instance.row is not None:
                    self._renew(instance, instance.row, state)

    def _renew(self, instance: Instance, row: SagaRow, state: SagaState) -> None:
        declared = self._directory.by_version.get((row.saga, row.definition_version))
        if declared is None:
            return
        definition = definition_for(declared, state)
        if self._directory.reads_old or state.versions or is_lacking(definition, state):
            instance.is_newer = is_newer(definition, state)
            instance.broken = renewed(definition, state)

    async def running(self, recalls: Mapping[Handling, Named]) -> dict[Handling, Named]:
        """Those of these undos whose sub-saga has not ended, as far as known before this batch moves it."""
        await self.load_ids(_by_saga(recalls.values()))
        states = {each: self._instances[named].state for each, named in recalls.items()}
        return {each: recalls[each] for each, state in states.items() if state is None or not state.is_over}

    def advance(self, handlings: Sequence[Handling], recalls: Mapping[Handling, Named] = NOTHING) -> None:
        """Let each message move the sagas it concerns; commands and events go to the message's outputs. `recalls` are undos of
        commands that a saga carries out at this time.

        Raises:
            HandlerFailed: a reply for an unknown saga, or a hook of the saga raised; it is retried, then a dead
                letter, never dropped.
        """
        for handling in handlings:
            interest, child = handling.delivery.interest, recalls.get(handling)
            if child is None and (interest is None or not interest.for_sagas):
                continue
            try:
                if child is not None:
                    self._recall(child, handling)
                else:
                    self._advance(handling)
            except Escaped as escaped:
                raise HandlerFailed(handling, escaped.error) from escaped.error
            except Exception as error:
                if isinstance(error, PartitaError) and error.retryable:
                    raise
                raise HandlerFailed(handling, error) from error

    def _advance(self, handling: Handling) -> None:
        delivery = handling.delivery
        envelope = delivery.envelope
        assert envelope is not None
        incoming = Incoming(
            delivery.message,
            envelope.id,
            envelope.causation_id,
            envelope.saga,
            envelope.correlation_id,
            self._now_us,
            envelope.kind,
        )
        assert delivery.interest is not None
        name = delivery.interest.contract.full_name  # of the newest version; the envelope has that of the sender
        for definition in self._directory.starting.get(name, ()):
            saga_id = definition.key_of(delivery.message)
            instance = self._instances[(definition.name, saga_id)]
            refuse_broken(instance)
            if definition.answers is not None and handling.outcome != PENDING:
                continue  # its step was undone before it came
            if instance.state is None:
                self._begin(instance, definition, incoming, handling)
            elif definition.answers is not None:
                _refuse_second(definition.name, instance.state, envelope)
        if name in self._directory.hearing:
            self._hear(name, incoming, handling)
        if name not in self._directory.listening or envelope.kind == "command":
            return
        for saga, saga_id in self._answered(delivery):
            instance = self._instances[(saga, saga_id)]
            refuse_broken(instance)
            if instance.state is None or (instance.row is None and not instance.changed):
                if envelope.saga is not None:
                    raise PartitaError(
                        f"{envelope.type} answers saga {saga} {saga_id}, which does not exist here.",
                        hint="It is kept as a dead letter; replay it when the saga's database is back.",
                    )
                continue
            definition = self._definition(saga, instance)
            result = ask(on_message, definition, instance.state, incoming, self._now_us, self._ids.new)
            if isinstance(result, Transition):
                self._take(instance, result, handling, definition)

    def _begin(self, instance: Instance, definition: SagaDefinition, incoming: Incoming, handling: Handling) -> None:
        if definition.answers is not None:
            incoming = msgspec.structs.replace(incoming, caller=caller_of(handling.delivery))
        self._take(instance, ask(begin, definition, incoming, self._now_us, self._ids.new), handling, definition)
        assert instance.state is not None
        early = self._early.of(definition.name, instance.state.saga_id) if definition.cancelling else None
        if early is not None:
            begun = definition_for(definition, instance.state)
            result = ask(on_early, begun, instance.state, early, self._now_us, self._ids.new)
            self._take(instance, result, handling, definition)

    def _hear(self, name: str, incoming: Incoming, handling: Handling) -> None:
        """Let the instances with the key of an event hear it. Before its start an instance hears what cancels it."""
        assert handling.delivery.interest is not None
        saga_id = _key_of(handling.delivery.interest.contract, incoming.message)
        for newest in self._directory.hearing[name]:
            instance = self._instances[(newest.name, saga_id)]
            refuse_broken(instance)
            if instance.state is None:
                if name in newest.cancelling:
                    self._early.keep(newest.name, saga_id, newest.cancelling[name])
                continue
            definition = self._definition(newest.name, instance)
            result = ask(on_event, definition, instance.state, incoming, self._now_us, self._ids.new)
            if isinstance(result, Transition):
                self._take(instance, result, handling, definition)

    def _recall(self, child: Named, handling: Handling) -> None:
        """Defer an undo until the sub-saga that carries out its step's command has ended."""
        saga, _ = child
        instance, envelope = self._instances[child], handling.delivery.envelope
        refuse_broken(instance)
        if instance.state is None or envelope is None or envelope.saga is None:
            raise PartitaError(
                f"{saga} {child[1]} has not begun, and its command waits.", hint="partita saga show; partita task list."
            )
        handling.outcome = DEFERRED
        by = f"{envelope.saga.saga} {envelope.saga.saga_id}"
        definition, recall = self._definition(saga, instance), recall_of(handling.delivery)
        result = ask(on_recall, definition, instance.state, recall, by, self._now_us, self._ids.new)
        if isinstance(result, Transition):
            self._take(instance, result, handling, definition)

    async def unsent(self, due: Sequence[tuple[str, str]]) -> frozenset[str]:
        """The messages whose answers these instances wait for and that have not left this service yet."""
        states = [self._instances[each].state for each in due]
        wanted = [(state.correlation_id, each) for state in states if state is not None for each in state.waits_for]
        return await self._session.outbox.waiting(wanted)

    def fire(self, saga: str, saga_id: str, unsent: Collection[str] = ()) -> Handling | None:
        """Let a due timer act on an instance; None if another event came first, or if its state cannot be read: then an
        operator is alerted, and its timer is off."""
        instance = self._instances[(saga, saga_id)]
        if instance.is_newer:
            refuse_broken(instance)
        if instance.broken:
            self.stop(saga, saga_id, instance.broken)
            return None
        if instance.state is None or instance.row is None:
            return None
        definition = self._definition(saga, instance)
        before = instance.state.last_message_id
        result = ask(on_timer, definition, instance.state, self._now_us, self._ids.new, unsent=unsent)
        if isinstance(result, Ignored):
            return None
        return self._unprompted(instance, result, definition, before)

    def stop(self, saga: str, saga_id: str, why: str) -> None:
        """Let an instance, as loaded, wait for an operator, with its timer off."""
        log.error("saga %s %s needs attention: %s", saga, saga_id, why)
        instance = self._instances[(saga, saga_id)]
        if instance.state is not None:
            instance.state.status, instance.state.last_error, instance.state.due_us = "needs_attention", why, None
        version = instance.row.version + 1 if instance.row is not None and not instance.broken else 0
        instance.notes.append(SagaEvent(saga, saga_id, version, self._now_us, "needs_attention", "", "", why))
        instance.changed = True

    def act(self, saga: str, saga_id: str, verb: Verb, reason: str) -> Handling:
        """Carry out an operator's action on an instance.

        Raises:
            NotFound: there is no such instance. Conflict: it is not legal now, with the reason.
        """
        instance = self._instances[(saga, saga_id)]
        if instance.broken:
            raise Conflict(f"{saga} {saga_id}: {verb} is not possible, {instance.broken}.")
        if instance.state is None:
            raise NotFound(f"There is no saga {saga} {saga_id}.", hint="partita saga list")
        definition = self._definition(saga, instance)
        before = instance.state.last_message_id
        result = ask(on_operator, definition, instance.state, verb, reason, self._now_us, self._ids.new)
        if isinstance(result, Ignored):
            raise Conflict(f"{saga} {saga_id}: {verb} is not possible, {result.reason}.")
        return self._unprompted(instance, result, definition, before)

    def _unprompted(self, instance: Instance, result: Transition, definition: SagaDefinition, before: str) -> Handling:
        """Complete a transition without a causing message: by a timer or an operator."""
        assert instance.state is not None
        saga_id = instance.state.saga_id
        # A message sent by a timer is caused by the message whose answer did not come in time; a message that is sent
        # again keeps its cause, or it would be its own.
        again = any(isinstance(e, Send) and e.message_id == before for e in result.effects)
        cause = Envelope(
            id=instance.state.last_cause_id if again else before,
            source="",
            type="timer",
            time_us=self._now_us,
            correlation_id=instance.state.correlation_id,
        )
        handling = Handling(Delivery(cause, "", saga_id, b""))
        self._take(instance, result, handling, definition)
        return handling

    def row(self, saga: str, saga_id: str) -> SagaRow:
        """An instance that this transaction moved, in its new form."""
        instance = self._instances[(saga, saga_id)]
        assert instance.state is not None
        return row_of(saga, saga_id, instance.state, instance.row, self._now_us)

    async def save(self) -> None:
        """Write the changed instances and their history."""
        rows: list[SagaRow] = []
        notes: list[SagaEvent] = []
        for (saga, saga_id), instance in self._instances.items():
            if instance.changed and instance.broken and instance.row is not None:
                row = instance.row._replace(status="needs_attention", due_us=None, updated_us=self._now_us)
                rows.append(row._replace(last_error=instance.broken))
                notes += instance.notes
            elif instance.changed and instance.state is not None:
                rows.append(row_of(saga, saga_id, instance.state, instance.row, self._now_us))
                notes += instance.notes
        if rows:
            await self._session.sagas.save(rows, notes)
        await self._early.save()
        self.entries = notes

    def _definition(self, saga: str, instance: Instance) -> SagaDefinition:
        state = instance.state
        assert state is not None
        if instance.row is not None:
            return definition_for(self._directory.of_row(instance.row), state)
        return definition_for(self._directory.by_version[(saga, state.definition_version)], state)

    def _take(self, instance: Instance, result: Transition, handling: Handling, definition: SagaDefinition) -> None:
        state = instance.state = result.state
        instance.changed = True
        cause = handling.delivery.envelope
        version = (instance.row.version if instance.row else 0) + 1
        because = cause.id if cause else ""
        instance.notes += [
            SagaEvent(definition.name, state.saga_id, version, self._now_us, kind, step, because, note)
            for kind, step, note in result.notes
        ]
        for effect in result.effects:
            match effect:
                case Send():
                    if effect.kind not in ("timer", "withdraw"):  # no answer comes that could move it on
                        state.last_cause_id = cause.id if cause else ""
                    address = SagaAddress(definition.name, state.saga_id, effect.step, effect.epoch, effect.kind)
                    handling.outputs.append(
                        Output(
                            contract_of(type(effect.command)),
                            effect.command,
                            "command",
                            handling.delivery,
                            address,
                            effect.message_id,
                        )
                    )
                case Publish():
                    handling.outputs.append(
                        Output(contract_of(type(effect.event)), effect.event, "event", handling.delivery)
                    )
                case Answer() | UndoAgain():
                    self._end(state, effect, handling, definition)
                case Alert():
                    log.error("saga %s %s needs attention: %s", definition.name, state.saga_id, effect.text)

    def _end(
        self, state: SagaState, effect: Answer | UndoAgain, handling: Handling, definition: SagaDefinition
    ) -> None:
        """Answer the command of a sub-saga, or let its undo come again."""
        assert state.caller is not None
        cause = cause_of(state.caller)
        assert cause.envelope is not None
        if isinstance(effect, Answer):
            contract = contract_of(type(effect.message))
            kind = "refusal" if contract.kind == "refusal" else "reply"
            output = Output(contract, effect.message, kind, cause, cause.envelope.saga)
            self.ended.append(Ended(definition.name, state.saga_id, cause.envelope, output))
        else:
            assert state.recall is not None
            output = Output(
                definition.start, None, "command", cause, again=again(state.recall, self._ids, self._now_us)
            )
            self.ended.append(Ended(definition.name, state.saga_id, cause.envelope, None))
        handling.outputs.append(output)

    def _concerned_by(self, delivery: Delivery, contract: Contract) -> list[Named]:
        name, directory = contract.full_name, self._directory
        found = self._answered(delivery) if name in directory.listening else []
        if name in directory.starting:
            found += [(each.name, each.key_of(delivery.message)) for each in directory.starting[name]]
        if name in directory.hearing:
            saga_id = _key_of(contract, delivery.message)
            found += [(each.name, saga_id) for each in directory.hearing[name]]
        return found

    def _answered(self, delivery: Delivery) -> list[tuple[str, str]]:
        """The instances for a reply: by its address, else (a participant in another language) by its key."""
        envelope = delivery.envelope
        assert envelope is not None
        if envelope.saga is not None:
            return [(envelope.saga.saga, envelope.saga.saga_id)]
        if delivery.key is None or delivery.interest is None:
            return []
        name = delivery.interest.contract.full_name
        return [(d.name, delivery.key) for d in self._directory.listening.get(name, ())]


def _by_saga(named: Iterable[Named]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for saga, saga_id in dict.fromkeys(named):
        found.setdefault(saga, []).append(saga_id)
    return found


def _refuse_second(saga: str, state: SagaState, envelope: Envelope) -> None:
    """Fail a second command of the key of an instance: an instance answers one command, its own."""
    if state.caller is None or envelope_from_bytes(state.caller.headers).id != envelope.id:
        raise Conflict(
            f"{envelope.type}: saga {saga} {state.saga_id} carries out an earlier command of this key, and is {state.status}.",
            hint="A key names one thing to be done: send it with another key. `partita saga show` has the history.",
        )


def _key_of(contract: Contract, message: object) -> str:
    """The key of an event that sagas hear; its declaration has one."""
    key = contract.key_of(message)
    assert key is not None
    return key
