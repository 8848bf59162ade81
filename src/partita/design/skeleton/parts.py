"""The handlers of a project, as parts that a person fills: each runs at once, and says what it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from partita.design.document.outside import outside, slots_of
from partita.design.model.choreography import Reaction
from partita.design.model.saga import SagaDesign, StepDesign, TimerDesign
from partita.design.model.service import ServiceDesign
from partita.design.skeleton.blueprint import Blueprint, Message, Stream
from partita.design.skeleton.code import call, imported, seconds_of, words_of
from partita.design.skeleton.field_type import Typed
from partita.design.skeleton.file import FilledFile, Part
from partita.design.skeleton.filling import FILL
from partita.design.skeleton.names import variable_of
from partita.design.skeleton.tables import aggregate_of, tables_of
from partita.exports.declaring.python_text import comment, docstring, literal, variable_name

CALLS_LEAST, CALLS_MOST = 2, 64
"""Calls outside at once: with one, the call would be made in a transaction."""
_OF_PARTITA = ("Meta", "Retry", "Tx")


def handler_files(blue: Blueprint) -> Iterator[FilledFile]:
    """A file for each service that handles something."""
    for service in blue.services:
        parts = _parts(blue, service)
        if parts:
            yield FilledFile(path_of(blue, service), _head(blue, service, parts), parts)


def path_of(blue: Blueprint, service: ServiceDesign) -> str:
    """The file of a service's handlers; those of an outside program are fakes."""
    folder = "fakes" if service.kind == "external" else "handlers"
    return f"{blue.package}/{folder}/{variable_of(service.name)}.py"


def _parts(blue: Blueprint, service: ServiceDesign) -> list[Part]:
    parts = []
    for each in blue.of(service.name, "command"):
        timed = blue.timer(each.name)
        if timed is not None:
            parts.append(_timed(blue, each, *timed))
        elif each.asks:
            parts.append(_answering(blue, each))
        elif blue.is_human(each.name):
            parts.append(_asking(blue, each))
        elif not _is_batch(blue, each):
            parts.append(_handler(blue, each))
    parts += [_batch(blue, stream) for stream in blue.streams if stream.reaction.who == service.name]
    parts += [
        _keeping(blue, saga)
        for saga in blue.design.sagas
        if saga.failed and saga.pivot >= 0 and blue.messages[saga.failed].service == service.name
    ]
    names = {part.name for part in parts}
    for reaction in blue.design.reactions:
        if reaction.who == service.name:
            when = [name for name in reaction.when if blue.messages[name].kind == "event"]
            if when:
                parts.append(_reaction(blue, reaction, when, names))
                names.add(parts[-1].name)
    return parts


def _head(blue: Blueprint, service: ServiceDesign, parts: Sequence[Part]) -> str:
    text = "\n".join(part.text for part in parts)
    words = set(words_of(text))
    what = "A stand-in for" if service.kind == "external" else "The handlers of"
    known = [name for name in (*blue.messages, *blue.words.names.values(), *_records(blue)) if name in words]
    standard = [
        line for name, line in (("dt", "import datetime as dt"), ("decimal", "import decimal")) if name in words
    ]
    blocks = [
        "\n".join(standard),
        "\n".join(
            filter(
                None,
                [
                    imported("partita", [name for name in _OF_PARTITA if name in words]),
                    imported("partita.waiting", [name for name in ("Later", "later") if name in words]),
                ],
            )
        ),
        "\n".join(
            filter(
                None,
                [
                    imported(f"{blue.package}.messages", known),
                    imported(f"{blue.package}.moment", ["moment"] if "moment" in words else []),
                    imported(f"{blue.package}.services", [variable_of(service.name)]),
                    imported(
                        f"{blue.package}.tables", [t.name for t in tables_of(blue, service.name) if t.name in words]
                    ),
                ],
            )
        ),
    ]
    purpose = f" {' '.join(service.doc.split())}" if service.doc.strip() else ""
    return "\n\n".join([docstring(f"{what} {service.name}.{purpose}", ""), *filter(None, blocks)]) + "\n"


def _handler(blue: Blueprint, command: Message) -> Part:
    """The handler of a command: it keeps the answer in the aggregate, and the work of a step where an undo finds it."""
    reply, steps = blue.messages[command.reply], blue.steps_of(command.name)
    item = f"cmd.{command.key}"
    table = aggregate_of(blue, command.service, reply.name)
    body: list[str] = []
    calls = _calls_outside(blue, command)
    if calls and command.undoes:
        body.append(
            comment(
                f"{FILL} take back {command.undoes} outside by {command.key}, also where no row is here: a call", "    "
            )
        )
        body.append(comment("  may have been made, and its answer lost", "    "))
    elif calls:
        sender = steps[0][0].at
        body.append(
            comment(f"{FILL} the call outside, with `meta.idempotency_key` and before the first use of `tx`:", "    ")
        )
        body.append(
            comment(f"  {sender} committed key and command before. After a crash the same call is made again", "    ")
        )
    if command.refusals:
        body += [comment(f"{FILL} the conditions under which {command.name} is refused:", "    ")]
        body += [comment(f"  raise {_refusal(blue, name, command)}", "    ") for name in command.refusals]
    if steps and not any(step.no_effect for _, _, step in steps):
        body.append(f"    await step_work.begin(tx, {literal(command.name)}, {item})")
    body += _made(blue, reply, command, "cmd", "reply = ")
    keep = f"await {table}.keep(tx, {item}, reply)" if table else ""
    if command.undoes and blue.is_human(command.undoes):
        body.append(comment(f"{FILL} take back the decision about {command.undoes}, where there is one", "    "))
    elif command.undoes:
        # The work of a step is undone if there is any: the command may have been lost, or may still come.
        done = f"await step_work.take_back(tx, {literal(command.undoes)}, {item})"
        body += [f"    if {done}:", comment(f"{FILL} give back what {command.undoes} has taken", "        ")]
        body.append(f"        {keep or 'pass'}")
    else:
        if steps:
            body.append(comment(f"{FILL} the work of {command.name}", "    "))
        body += [f"    {keep}"] if keep else []
    text = "\n".join(body)
    asks = ["cmd: " + command.name, *(["tx: Tx"] if "tx" in words_of(text) else [])]
    asks += ["meta: Meta"] if "meta" in words_of(text) else []
    words = [command.name, *_dedupe(blue, command), *([f"concurrency={calls}"] if calls else []), *_retry(blue, steps)]
    lines = [
        call(f"@{variable_of(command.service)}.handles", words),
        call(f"async def {variable_name(command.name)}", asks, after=f" -> {reply.name}:"),
        docstring(_meaning(command)),
        *body,
        "    return reply",
    ]
    refused = "".join(f" | {blue.messages[name].contract}" for name in command.refusals)
    return Part(variable_name(command.name), f"{command.contract} -> {reply.contract}{refused}", "\n".join(lines))


def _asking(blue: Blueprint, command: Message) -> Part:
    """The handler of a command that a person answers, after minutes or weeks."""
    answers = [blue.messages[name] for name in (command.reply, *command.refusals)]
    name = variable_name(command.name)
    words = [command.name, *_dedupe(blue, command)]
    lines = [
        call(f"@{variable_of(command.service)}.handles", words),
        f"async def {name}(cmd: {command.name}) -> {command.reply} | Later:",
        docstring(f"A person answers it, by `app.reply` from any process. {_meaning(command)}"),
        comment(f"{FILL} show it to a person of {command.service}, with the id of `meta: Meta`:", "    "),
        *(comment(f"  await app.reply(meta.reply_to, {each.contract}, by=...)", "    ") for each in answers),
        "    return later()",
    ]
    contract = f"{command.contract} -> {' | '.join(each.contract for each in answers)}"
    return Part(name, contract, "\n".join(lines))


def _answering(blue: Blueprint, command: Message) -> Part:
    """The handler of a question: the row of the step's work has the answer, whether the answer of the step was lost or not."""
    name, reply, item = variable_name(command.name), blue.messages[command.reply], f"cmd.{command.key}"
    done = f"await step_work.is_done(tx, {literal(command.asks)}, {item})"
    look = f"{FILL} look for {command.asks} outside by {command.key}, where a call may have been made without an answer"
    body = [
        f"    if not {done}:",
        *([comment(look, "        ")] if _calls_outside(blue, blue.messages[command.asks]) else []),
        f"        raise {_refusal(blue, command.refusals[0], command)}",
        comment(f"{FILL} the answer that {command.asks} gave", "    "),
        *_made(blue, reply, command, "cmd", "return "),
    ]
    asks = ["cmd: " + command.name, "tx: Tx", *(["meta: Meta"] if "meta" in words_of("\n".join(body)) else [])]
    calls = _calls_outside(blue, blue.messages[command.asks])
    words = [command.name, *([f"concurrency={calls}"] if calls else [])]
    lines = [
        call(f"@{variable_of(command.service)}.handles", words),
        call(f"async def {name}", asks, after=f" -> {reply.name}:"),
        docstring(_meaning(command)),
        *body,
    ]
    return Part(name, f"{command.contract} -> {reply.contract}", "\n".join(lines))


def _timed(blue: Blueprint, command: Message, step: StepDesign, timer: TimerDesign) -> Part:
    """The handler of a command that a saga sends while a step waits."""
    work = {
        "remind": f"the message to the owner of {step.do}",
        "escalate": f"the message to {timer.to} about {step.do}",
        "send": f"the work of {command.name}: {step.do} still waits for its answer",
    }[timer.kind]
    name, reply = variable_name(command.name), blue.messages[command.reply]
    lines = [
        f"@{variable_of(command.service)}.handles({command.name})",
        f"async def {name}(cmd: {command.name}) -> {reply.name}:",
        docstring(_meaning(command)),
        comment(f"{FILL} {work}", "    "),
        *(f"    return{line.removeprefix('    reply =')}" for line in _made(blue, reply, command, "cmd", "reply = ")),
    ]
    return Part(name, f"{command.contract} -> {reply.contract}", "\n".join(lines))


def _meaning(command: Message) -> str:
    meaning = " ".join(command.meaning.split())
    if command.undoes:
        return f"Undoes {command.undoes}, whether it was done or not. {meaning}".rstrip()
    return meaning or f"Answers {command.name}."


def _calls_outside(blue: Blueprint, command: Message) -> int:
    """The calls at once of a command that calls a provider outside, or takes such a call back; 0 for any other one. Its
    transaction opens after the call."""
    for saga, step in outside(blue.design):
        if command.name in (step.do, step.undo) and blue.design.service(step.at).kind != "external":
            return min(max(CALLS_LEAST, slots_of(blue.design, saga)), CALLS_MOST)
    return 0


def _dedupe(blue: Blueprint, command: Message) -> Iterator[str]:
    """A business key is remembered for ever, so it keeps an effect once whatever the window of message ids."""
    once = any(rule.kind == "exactly-once-effect" and rule.key == command.key for rule in blue.design.rules)
    is_start = command.enters and blue.starts(command.reply)
    if is_start or (once and bool(blue.steps_of(command.name)) and not command.undoes):
        yield f"dedupe_by={literal(command.key)}"


def _retry(blue: Blueprint, steps: Sequence[tuple[SagaDesign, int, StepDesign]]) -> Iterator[str]:
    """The waits of a step; none where the saga gives the step up before the first retry topic has waited."""
    delays = blue.design.failure.retry_topics.value
    for saga, index, step in steps:
        if step.retry:
            yield f"retry=Retry(in_place=0, delays={seconds_of(step.retry)})"
            return
        limit = (
            saga.deadline.value if step.on_timeout.value == "retry" else min(step.timeout.value, saga.deadline.value)
        )
        if index <= saga.pivot and delays and limit <= delays[0]:
            yield "retry=Retry(delays=())"
            return


def _keeping(blue: Blueprint, saga: SagaDesign) -> Part:
    """The aggregate of the saga's service follows the end of the saga."""
    event = blue.messages[saga.failed]
    table = aggregate_of(blue, event.service, event.name)
    name = variable_name(f"keep_{event.name}")
    keep = f"await {table}.keep(tx, event.{event.key}, event)" if table else ""
    lines = [
        f"@{variable_of(event.service)}.on(name={literal(name)})",
        f"async def {name}(event: {event.name}{', tx: Tx' if keep else ''}) -> None:",
        docstring(f"The saga {saga.name} is undone: the state of {event.service} follows it."),
        *([f"    {keep}"] if keep else [comment(f"{FILL} whatever {event.service} keeps of it", "    ")]),
    ]
    return Part(name, f"{event.contract} -> None", "\n".join(lines))


def _reaction(blue: Blueprint, reaction: Reaction, when: Sequence[str], taken: set[str]) -> Part:
    name = variable_name(reaction.does or f"hear_{when[0]}", taken)
    events = [blue.messages[each] for each in when]
    gives = [blue.messages[each] for each in reaction.gives]
    why = next((g.why.value for g in blue.design.choreographies if reaction in g.reactions), "")
    words = [f"name={literal(name)}"]
    words += [f"why={literal(' '.join(why.split()))}"] if why.strip() else []
    items = {event.key for event in events}
    body = []
    if len(items) == 1:
        item = f"event.{next(iter(items))}"
    else:
        body += ["    item: str | int"]
        for place, event in enumerate(events):
            test = (
                "else:" if place == len(events) - 1 else f"{'el' if place else ''}if isinstance(event, {event.name}):"
            )
            body += [f"    {test}", f"        item = event.{event.key}"]
        item = "item"
    if reaction.projects:
        body.append(f"    await {reaction.projects}_view.note(tx, {item}, type(event).__name__)")
        body.append(comment(f"{FILL} the columns of {reaction.projects} that its readers ask for", "    "))
    else:
        body.append(f"    await reaction_done.note(tx, {literal(name)}, {item})")
        body.append(comment(f"{FILL} {' '.join(reaction.does.split()) or name}", "    "))
    shared = _shared(events)
    for place, given in enumerate(gives):
        source = Message(name="", kind="event", service="", key=given.key, fields=shared, meaning="")
        body += _made(blue, given, source, "event", f"given_{place} = ")
    if gives:
        body.append(f"    return {', '.join(f'given_{place}' for place in range(len(gives)))}")
    answer = "None" if not gives else gives[0].name if len(gives) == 1 else f"tuple[{', '.join(g.name for g in gives)}]"
    asks = [f"event: {' | '.join(when)}", "tx: Tx", *(["meta: Meta"] if "meta" in words_of("\n".join(body)) else [])]
    lines = [
        call(f"@{variable_of(reaction.who)}.on", words),
        call(f"async def {name}", asks, after=f" -> {answer}:"),
        docstring(f"{_capital(' '.join(reaction.does.split())) or name} on {', '.join(when)}."),
        *body,
    ]
    contract = f"{' | '.join(event.contract for event in events)} -> {', '.join(g.contract for g in gives) or 'None'}"
    return Part(name, contract, "\n".join(lines))


def _batch(blue: Blueprint, stream: Stream) -> Part:
    """The handler of a batch of a lossy stream."""
    name, event, reaction = variable_name(stream.sends.name), stream.event, stream.reaction
    item = f"latest.{event.key}"
    keep = (
        f"await {reaction.projects}_view.note(tx, {item}, {literal(event.name)})"
        if reaction.projects
        else f"await reaction_done.note(tx, {literal(name)}, {item})"
    )
    lines = [
        f"@{variable_of(reaction.who)}.handles({stream.sends.name})",
        f"async def {name}(cmd: {stream.sends.name}, tx: Tx) -> {stream.sends.reply}:",
        docstring(
            f"{_capital(' '.join(reaction.does.split()))}: the latest {event.name} of each {event.key} in this batch."
        ),
        "    for latest in cmd.latest:",
        f"        {keep}",
        comment(f"{FILL} what a reader asks for of {event.name}", "        "),
        f"    return {stream.sends.reply}(shard=cmd.shard, count=len(cmd.latest))",
    ]
    return Part(name, f"{stream.sends.name}(latest: list[{event.contract}])", "\n".join(lines))


def _is_batch(blue: Blueprint, command: Message) -> bool:
    return any(stream.sends.name == command.name for stream in blue.streams)


def _shared(events: Sequence[Message]) -> tuple[Typed, ...]:
    """The fields that all events have with one type."""
    first, *others = events
    return tuple(
        each
        for each in first.fields
        if all(((found := other.field(each.name)) is not None) and found.type == each.type for other in others)
    )


def _made(blue: Blueprint, made: Message, source: Message, variable: str, before: str) -> list[str]:
    """The lines that make a message out of another one. A field that nothing fills gets a plain value and a mark."""
    arguments = []
    for each in made.fields:
        held = source.field(each.name)
        if held is not None and held.type == each.type and (not held.is_optional or each.is_optional):
            arguments.append(f"{each.name}={variable}.{each.name}")
        elif not each.default:
            arguments.append(f"{each.name}={_guess(blue, each, source, variable)}")
    return [call(f"{before}{made.name}", arguments, "    ")]


def _guess(blue: Blueprint, each: Typed, source: Message, variable: str) -> str:
    if each.type == "dt.datetime":
        return "moment(meta)"
    amounts = [one for one in source.fields if one.design.type == "money" and not one.is_optional]
    if each.design.type == "money" and len(amounts) == 1:
        return f"{variable}.{amounts[0].name}  # {FILL} is {each.name} the whole of {amounts[0].name}?"
    held = source.field(each.name)
    if held is not None and held.type == each.type and blue.words.is_text(each.type):
        return f"{variable}.{each.name} or " + ('""' if each.type == "str" else f'{each.type}("")')
    key = source.field(source.key)
    if each.type in blue.words.names.values() and key is not None and "_id" in each.name and key.type != "int":
        stem = each.name.removesuffix("_id").replace("_", "-")
        return f'{each.type}(f"{stem} of {{{variable}.{key.name}}}")  # {FILL} {each.name}'
    return f"{blue.words.value(each)}  # {FILL} {each.name}"


def _refusal(blue: Blueprint, name: str, command: Message) -> str:
    arguments = []
    for each in blue.messages[name].fields:
        held = command.field(each.name)
        if held is not None and held.type == each.type:
            arguments.append(f"{each.name}=cmd.{each.name}")
        elif not each.default:
            arguments.append(f"{each.name}=...")
    return f"{name}({', '.join(arguments)})"


def _records(blue: Blueprint) -> list[str]:
    return [name for name, _ in blue.words.records.values()] + ["Geo"] * blue.words.has_geo


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
