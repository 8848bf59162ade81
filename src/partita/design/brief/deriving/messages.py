"""The events and commands of a brief."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from partita.design.brief.deriving.fields import ENVELOPE_BYTES, bytes_of, fields_of
from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.services import ARCHITECT, owner_of
from partita.design.brief.deriving.verbs import command_of, sentence_of
from partita.design.brief.part import Part
from partita.design.model.choreography import Choreography
from partita.design.model.field import FieldDesign
from partita.design.model.message import CommandDesign, EventDesign, EventKind
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.model.service import ServiceDesign

MOMENT = "occurred_at"
"""The field that a service fills with its clock: no caller gives it."""


def events_of(
    brief: Part,
    sagas: tuple[SagaDesign, ...],
    services: tuple[ServiceDesign, ...],
    rates: Mapping[str, Fact[float]],
    retention: Fact[float | None],
    ledger: Ledger,
) -> tuple[EventDesign, ...]:
    """The events in the order of their lines."""
    kinds = _kinds(sagas)
    found = []
    for name, part in brief.named("events"):
        fields = fields_of(part.part("data"), ledger)
        found.append(
            EventDesign(
                name=name,
                by=part.text("by"),
                key=part.text("key"),
                fields=fields,
                meaning=_meaning(name, part, owner_of(services, part.text("by")), ledger),
                kind=kinds.get(name, "event"),
                rate=rates[name],
                bytes=_size(name, fields, ledger),
                retention=_kept(part, retention, ledger),
                origin=ledger.declared(part.line),
                version=part.whole("version", 1),
                compact=part.flag("compact"),
                lossy=part.flag("lossy"),
            )
        )
    return tuple(found)


def commands_of(
    brief: Part,
    events: tuple[EventDesign, ...],
    sagas: tuple[SagaDesign, ...],
    choreographies: tuple[Choreography, ...],
    ledger: Ledger,
) -> tuple[CommandDesign, ...]:
    """The commands that enter, then those of the steps, each followed by its undo."""
    said = dict(brief.named("commands"))
    by_name = {event.name: event for event in events}
    found: dict[str, CommandDesign] = {}
    sent = {name for saga in sagas for step in saga.steps for name in step.sends}
    for event in _entries(events, sagas, choreographies):
        name = command_of(event.name)
        name = f"Record{event.name}" if name in sent else name
        why = f"{event.name} begins outside of this system: a command enters for it"
        fields = tuple(field for field in event.fields if field.name != MOMENT)
        part = said.get(name, Part(0))
        found[name] = CommandDesign(
            name, event.by, event.key, fields, event.name, part.texts("refuses"), _said(name, part, why, ledger),
            Origin("derived", event.origin.place, why), enters=True,
        )  # fmt: skip
    for saga in sagas:
        known = _known(by_name.get(saga.start))
        begins = frozenset(known)
        answered: dict[str, FieldDesign] = {}  # by the steps that are sent together: none of them knows it yet
        for step in saga.steps:
            if saga.together(step)[0] is step:
                for field_name, field in answered.items():
                    known.setdefault(field_name, field)
                answered = {}
            reply = by_name.get(step.ok)
            _add(found, _command(saga, step, known, begins, reply, said.get(step.do, Part(0)), ledger))
            if step.undo:
                own = [] if reply is None else [each for each in reply.fields if _is_taken_back(each, saga.key)]
                _add(found, _undo(saga, step, known, own, said.get(step.undo, Part(0)), ledger))
            for field in () if reply is None else reply.fields:
                answered.setdefault(field.name, field)
    return tuple(found.values())


def _kinds(sagas: Iterable[SagaDesign]) -> dict[str, EventKind]:
    kinds: dict[str, EventKind] = {}
    for saga in sagas:
        for step in saga.steps:
            kinds |= dict.fromkeys(step.fail, "refusal")
            kinds |= dict.fromkeys(filter(None, (step.ok, step.undone)), "reply")
    for saga in sagas:
        kinds.pop(saga.start, None)
        kinds.pop(saga.failed, None)
    return kinds


def _meaning(name: str, part: Part, owner: str, ledger: Ledger) -> Fact[str]:
    if part.has("doc"):
        return ledger.fact(part, "doc", part.text("doc"))
    origin = ledger.assume(
        "These events mean what their names say, since no `doc:` says more: {about}.",
        owner,
        "a reader of the catalog takes an event for another thing than its owner",
        "doc: one sentence, at the event",
        about=name,
    )
    return Fact(sentence_of(name), origin)


def _size(name: str, fields: tuple[FieldDesign, ...], ledger: Ledger) -> Fact[int]:
    origin = ledger.assume(
        f"An id has 37 bytes, a number at most 8, and the envelope {ENVELOPE_BYTES} bytes: so sizes of events are sums.",
        ARCHITECT,
        "disk and network grow by the same factor",
        "the fields that are missing",
    )
    why = f"the sum of {len(fields)} fields and the envelope; {origin.why}"
    return Fact(bytes_of(fields) + ENVELOPE_BYTES, Origin("assumed", "", why))


def _kept(part: Part, retention: Fact[float | None], ledger: Ledger) -> Fact[float | None]:
    if part.flag("compact"):
        why = "a compacted topic keeps the last event of each key for ever"
        return Fact(None, ledger.derived(why, part.line_of("compact")))
    if part.has("keep"):
        keep = part.number("keep")
        return ledger.fact(part, "keep", None if keep == math.inf else keep)
    return Fact(retention.value, ledger.derived("the retention of the load", part.line, of=(retention.origin,)))


def _entries(
    events: tuple[EventDesign, ...], sagas: tuple[SagaDesign, ...], choreographies: tuple[Choreography, ...]
) -> list[EventDesign]:
    caused = {saga.failed for saga in sagas}
    caused |= {name for each in choreographies for reaction in each.reactions for name in reaction.gives}
    answers = {answer for saga in sagas for step in saga.steps for answer in (step.ok, step.undone, *step.fail)}
    return [each for each in events if each.name not in caused | answers and not each.lossy]


def _known(start: EventDesign | None) -> dict[str, FieldDesign]:
    return {} if start is None else {field.name: field for field in start.fields}


def _command(
    saga: SagaDesign,
    step: StepDesign,
    known: Mapping[str, FieldDesign],
    begins: frozenset[str],
    reply: EventDesign | None,
    part: Part,
    ledger: Ledger,
) -> CommandDesign:
    if part.has("fields"):
        fields = tuple(known[name] for name in part.texts("fields") if name in known)
        origin = ledger.declared(part.line_of("fields"))
    else:
        answer = {} if reply is None else _known(reply)
        wanted = (each for each in known.values() if each.name in answer or each.name in begins)
        fields = tuple(each for each in wanted if not each.pii and each.name != MOMENT)
        origin = ledger.assume(
            "A command carries its key, the fields of the start event that are no personal data, and those of earlier "
            "answers that its own answer has too: {about}.",
            ARCHITECT,
            "a service has too little to decide by, or learns more than it needs",
            f"commands: {{{step.do}: {{fields: [{', '.join(each.name for each in _key_first(saga.key, fields)[:3])}]}}}}",
            about=step.do,
        )
    why = f"the step `{step.name}` of {saga.name} sends it"
    refusals = tuple(dict.fromkeys((*step.fail, *part.texts("refuses"))))
    return CommandDesign(
        step.do, step.at, saga.key, _key_first(saga.key, fields), step.ok, refusals, _said(step.do, part, why, ledger),
        origin,
    )  # fmt: skip


def _undo(
    saga: SagaDesign,
    step: StepDesign,
    known: Mapping[str, FieldDesign],
    own: Iterable[FieldDesign],
    part: Part,
    ledger: Ledger,
) -> CommandDesign:
    why = f"it takes back {step.do}"
    if part.has("fields"):
        every = {**known, **{field.name: _maybe(field) for field in own}}
        fields = tuple(every[name] for name in part.texts("fields") if name in every)
        origin = ledger.declared(part.line_of("fields"))
    else:
        key = [known[saga.key]] if saga.key in known else []
        fields = (*key, *(_maybe(field) for field in own))
        origin = ledger.derived("the key and the answer of its step, which is missing after a timeout")
    return CommandDesign(
        step.undo, step.at, saga.key, fields, step.undone, part.texts("refuses"), _said(step.undo, part, why, ledger),
        origin, undoes=step.do,
    )  # fmt: skip


def _is_taken_back(field: FieldDesign, key: str) -> bool:
    """Whether an undo carries a field of its step's answer: references and amounts, not when and on which papers it was given."""
    return field.name != key and not field.pii and field.type not in ("timestamp", "list", "map", "record")


def _maybe(field: FieldDesign) -> FieldDesign:
    return FieldDesign(
        field.name, field.type, field.origin, field.doc, field.unit, field.pii, optional=True, of=field.of,
        fields=field.fields, values=field.values,
    )  # fmt: skip


def _key_first(key: str, fields: tuple[FieldDesign, ...]) -> tuple[FieldDesign, ...]:
    return tuple(sorted(fields, key=lambda field: field.name != key))


def _said(name: str, part: Part, why: str, ledger: Ledger) -> Fact[str]:
    if part.has("doc"):
        return ledger.fact(part, "doc", part.text("doc"))
    return Fact(sentence_of(name), ledger.derived(why))


def _add(found: dict[str, CommandDesign], command: CommandDesign) -> None:
    found.setdefault(command.name, command)
