"""A brief for a domain without a pattern, from the nouns and verbs of the answers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from partita.design.brief.asking.answers import REPORTS, Answers
from partita.design.brief.asking.lexicon import ACTS, MONEY, PEOPLE, VERBS, verb_of, word_set
from partita.design.brief.asking.party import Party
from partita.design.brief.asking.roles import is_human, main_part, part_of
from partita.design.brief.asking.saga_step import SagaStep, bounded, saga_steps
from partita.design.brief.asking.wording import pascal, plural, singular, words_in
from partita.design.brief.deriving.services import namespace_word
from partita.design.brief.deriving.verbs import command_of, past_of, words_of

VAGUE = word_set("nouns", "vague")
SUBJECTS = {
    "fleet": "vehicle", "hospital": "patient", "clinic": "patient", "library": "reader", "school": "student",
    "university": "student", "museum": "visitor", "farm": "field", "factory": "machine", "logistics": "shipment",
    "warehouse": "item", "airline": "passenger",
    "energy": "meter", "telecom": "line", "city": "citizen", "restaurant": "guest", "property": "flat", "building": "flat",
    "recruiting": "candidate", "hiring": "candidate", "lab": "sample", "laboratory": "sample", "waste": "container",
}  # fmt: skip
"""The thing that a domain is about, where its name does not say it."""

NOTHING = ("service", "process", "request", "job", "thing", "workflow")
"""Objects that say no more than that something begins."""
FORM = frozenset("account customer document duplicate effect event message period month year".split())
"""Nouns of wishes that are no process."""
_PAID = re.compile(
    r"\b(?:an?|each|every|no|the) ([a-z]+) (?:is|are|must|may|can|be)\b[^,.;]*\b(?:bill|charg|invoic|paid)"
)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a draft: the key, the noun of the process, its start, its success and its end, the main service, and the steps
    that are made of deeds."""

    key: str
    noun: str
    start: str
    done: str
    failed: str
    main: str
    steps: tuple[SagaStep, ...] = ()


def generic_text(answers: Answers) -> tuple[str, Names]:
    """A whole brief for these answers, and its names."""
    main = answers.producers[0]
    noun = _noun(answers, main)
    key = f"{'_'.join(noun)}_id"
    name = pascal(noun)
    verb = _begins_by(main)
    start = past_of(verb.capitalize() + name)
    if main.thing and _only_reports(answers, main):
        start = f"{name}Due"
    steps = bounded(_steps(answers, name, start))
    names = Names(
        key=key,
        noun="_".join(noun),
        start=start,
        done=f"{name}Confirmed" if steps else "",
        failed=f"{name}Cancelled" if steps else "",
        main=main.name,
        steps=steps,
    )
    lines = [
        "design: 1", f"domain: {answers.domain}", f"namespace: {namespace_word(answers.domain.split('-')[0])}",
        f"load: {{{names.noun}_requests_per_hour: {{steady: 100, peak: 1000, begins: {start}}}, retention: 90d}}",
        *_services(answers, steps, name), *_events(answers, steps, names), *_commands(steps, names),
        *_flows(answers, steps, names),
        *_rest(answers, steps, names, name),
    ]  # fmt: skip
    return "\n".join(lines), names


def _begins_by(main: Party) -> str:
    """The verb of the start: a wish for a scarce thing or for money is a request, an accepted application was received."""
    if not main.deeds or not main.thing:
        return "request"
    deed = main.deeds[0]
    if deed.kind == "decide":
        return "receive"
    return "request" if deed.kind in ("hold", "money", "check", "undo") and VERBS.get(deed.verb) != "act" else deed.verb


def _noun(answers: Answers, main: Party) -> list[str]:
    """The thing that the process is about: the object of the main service or of the domain's verb, else what is paid once, else
    the last plain noun of the domain. A value that is only reported is about another thing: mileage begins a repair."""
    if main.thing and main.thing[-1] not in NOTHING and not _only_reports(answers, main):
        act = ACTS.get(main.verb, "")
        return [*main.thing[-1:], act] if act and main.thing[-1] != act else list(main.thing)
    first = answers.domain.split("-")
    for at, word in enumerate(answers.words[:-1]):
        verb = verb_of(word)
        if verb is not None and at and len(answers.words) > 4:  # a sentence: readers borrow books
            if not verb.plain or answers.words[at - 1].endswith("s"):
                object_ = answers.words[at + 1 : at + 3]
                return [singular(object_[-1] if object_[0].endswith(("ed", "ing")) else object_[0])]
    paid = _paid_once(answers)
    if paid:
        return [paid]
    nouns = [singular(word) for word in first if word not in VAGUE]
    return nouns[-1:] or [singular(main.words[-1])]


def _only_reports(answers: Answers, main: Party) -> bool:
    """Whether the main service only reports a value of which no other answer speaks, and others work for money or with things."""
    thing = singular(main.thing[-1])
    others = " ".join(each.doc for each in answers.reactors).lower()
    asked = " ".join((*answers.words, *words_in(others)))
    works = any(part_of(deed) in ("hold", "money") for each in answers.reactors for deed in each.deeds)
    return main.verb in REPORTS and works and thing not in {singular(word) for word in asked.split()}


def _paid_once(answers: Answers) -> str:
    """The noun of `a repair is billed once`; "" where no wish has one."""
    for wish in answers.wishes:
        found = _PAID.search(wish.words) if wish.kind == "once" else None
        noun = singular(found[1]) if found else ""
        if noun and noun not in PEOPLE | MONEY | VAGUE and noun not in FORM:
            return noun
    return ""


def an(noun: str) -> str:
    """A noun with its article."""
    return f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


def _subject(answers: Answers, noun: str) -> str:
    for word in answers.words:
        if word in SUBJECTS:
            return SUBJECTS[word]
    people = [singular(word) for word in answers.words if singular(word) in PEOPLE - {"owner", "operator", "people"}]
    own = [singular(word) for word in answers.producers[0].words if word not in VAGUE and word not in SUBJECTS]
    return next(
        (each for each in people if each != noun), own[-1] if own and own[-1] != noun and not people else "customer"
    )


def _steps(answers: Answers, name: str, start: str) -> tuple[SagaStep, ...]:
    taken = {name, start, command_of(start), "Around"}
    taken |= {f"Handle{name}", f"Confirm{name}", f"{name}Confirmed", f"{name}Cancelled"}
    for event in _begun_by_others(answers, start):
        taken |= {event, command_of(event)}
    return saga_steps([(each, answers.name_of(each)) for each in answers.reactors], name, taken)


def _begun_by_others(answers: Answers, start: str) -> dict[str, Party]:
    """The events that the other producers begin."""
    found: dict[str, Party] = {}
    main = answers.producers[0]
    reporting = (main,) if start.endswith("Due") else ()  # the value itself, beside the work that it makes due
    for party in (*reporting, *answers.producers[1:]):
        for event in begun_by(party):
            own = pascal([singular(word) for word in party.words])
            event = f"{own}{event}"[:60] if event == start or event in found else event
            found.setdefault(event, party)
    return found


def begun_by(party: Party) -> list[str]:
    """The events that a producer begins: `MileageReported` of `telematics reports mileage`."""
    found = [past_of(deed.verb.capitalize() + pascal(list(deed.thing))) for deed in party.deeds if deed.thing]
    return list(dict.fromkeys(found)) or [f"{pascal([singular(word) for word in party.words])}Reported"]


def _services(answers: Answers, steps: tuple[SagaStep, ...], name: str) -> list[str]:
    owned: dict[str, list[str]] = {answers.producers[0].name: [name]}
    for step in steps:
        if step.owns:
            owned.setdefault(step.at, []).append(step.aggregate)
    lines = ["producers:"]
    for party in answers.producers:
        lines.append(f"  {party.name}: {{team: {team_of(party)}{_owns(owned.get(party.name))}, db: postgres}}")
    lines += ["consumers:"] if answers.consumers else []
    for party in answers.consumers:
        lines.append(
            f"  {party.name}: {{team: {team_of(party)}{_owns(owned.get(party.name))}{kind_text(party)}, db: postgres}}"
        )
    return lines


def team_of(party: Party) -> str:
    """The assumed team of a service."""
    return party.words[0]


def kind_text(party: Party) -> str:
    """The kind of a service in its line: a projection shows numbers alone, people alone decide."""
    parts = {part_of(each) for each in party.deeds} or {main_part(party)}
    if parts == {"show"}:
        return ", kind: projection"
    return ", kind: human" if parts == {"decide"} and is_human(party) else ""


def _owns(names: list[str] | None) -> str:
    return f", owns: [{', '.join(names)}]" if names else ""


def _events(answers: Answers, steps: tuple[SagaStep, ...], names: Names) -> list[str]:
    subject = _subject(answers, names.noun)
    about = f", {subject}_id: id" if f"{subject}_id" != names.key else ""
    money = ", amount: money" if any(step.kind == "money" for step in steps) else ""
    fields = f"{about}{money}, occurred_at: timestamp"
    if names.start == "OrderPlaced":  # the contract of reference
        fields = ", customer_id: id, total: money, occurred_at: timestamp"
    lines = ["events:", event_line(names.start, names.main, names.key, fields)]
    if steps:
        lines.append(event_line(names.done, names.main, names.key))
        lines.append(event_line(names.failed, names.main, names.key, ", reason: string"))
    for step in steps:
        lines += step.events(names.key, "total" if names.start == "OrderPlaced" else "amount")
    for event, party in _begun_by_others(answers, names.start).items():
        key = f"{subject}_id" if about else names.key
        lines.append(event_line(event, party.name, key, ", occurred_at: timestamp"))
    return lines


def _bound(steps: tuple[SagaStep, ...]) -> tuple[SagaStep, SagaStep] | None:
    """The step that reserves money, and the one that moves it."""
    found = [each for each in steps if each.bound]
    return (found[0], found[-1]) if len(found) > 1 else None


def _commands(steps: tuple[SagaStep, ...], names: Names) -> list[str]:
    """The command of a payment carries its reservation, so that its service can refuse more without asking another database."""
    found = _bound(steps)
    if found is None:
        return []
    doc = "Pays no more than what is reserved, once for each reservation."
    return ["commands:", f"  {found[1].do}: {{fields: [{names.key}, reservation_id, reserved, amount], doc: '{doc}'}}"]


def event_line(name: str, by: str, key: str, more: str = "") -> str:
    """A line of an event with its key, and more fields."""
    return f"  {name}: {{by: {by}, key: {key}, data: {{{key}: id{more}}}}}"


def _flows(answers: Answers, steps: tuple[SagaStep, ...], names: Names) -> list[str]:
    lines = ["flows:"]
    noun = names.noun.replace("_", " ")
    if steps:
        given = " and ".join(dict.fromkeys(step.need for step in steps if step.kind != "settle"))
        lines += [
            f"  Handle{pascal(names.noun.split('_'))}:", "    style: orchestration",
            f"    why: {an(noun)} needs {given}, all of it or nothing, and each is given back in a known order",
            f"    start: {names.start}", f"    deadline: {15 + 2 * len(steps)}m", "    steps:",
        ]  # fmt: skip
        before = [step for step in steps if step.kind != "settle"]
        for step in before:
            lines.append(step.line(pivot=step is before[-1] and step.kind == "money"))
        confirm = f"Confirm{pascal(names.noun.split('_'))}"
        lines.append(f"      - {{do: {confirm}, at: {names.main}, ok: {names.done}, retriable: yes, timeout: 30s}}")
        lines += [step.line(pivot=False) for step in steps if step.kind == "settle"]
        lines.append(f"    failed: {names.failed}")
    reactions = _reactions(answers, names)
    if reactions:
        before_it = an(noun) if steps else f"what began with {names.start}"
        lines += [
            "  Around:",
            "    style: choreography",
            f"    why: none of these reactions holds up {before_it}",
            "    reacts:",
            *reactions,
        ]
    return lines if len(lines) > 1 else []


def _reactions(answers: Answers, names: Names) -> list[str]:
    others = _begun_by_others(answers, names.start)
    lines: list[str] = []
    for party in answers.reactors:
        lines += reaction_lines(party, answers.name_of(party), names, tuple(others))
    bound = _bound(names.steps)
    if bound is not None:
        thing = " ".join(words_of(bound[0].thing)).lower()
        does = f"turn the reservation into spent {thing} and free the rest"
        lines.append(f"      - {{when: {bound[1].ok}, who: {bound[0].at}, does: {does}}}")
    heard = " ".join(lines)
    noun = names.noun.replace("_", " ")
    lines += [
        f"      - {{when: {event}, who: {names.main}, does: note it at the {noun}}}"
        for event in [*others, *([names.failed] if names.failed else [])]
        if not any(event in each.replace("[", " ").replace("]", " ").replace(",", " ").split() for each in lines)
    ]
    if not names.done and names.start not in heard:
        lines.append(f"      - {{when: {names.start}, who: {names.main}, does: keep the {noun}}}")
    return lines


def reaction_lines(party: Party, name: str, names: Names, others: tuple[str, ...] = ()) -> list[str]:
    """The reactions of a service: one for each deed that is no step."""
    ends = [each for each in (names.done, names.failed) if each] or [names.start]
    own = {id(step.deed) for step in names.steps}
    noun = names.noun.replace("_", " ")
    in_saga = any(step.at == name for step in names.steps)
    lines: list[str] = []
    for deed in party.deeds:
        part = part_of(deed)
        if id(deed) in own or (in_saga and part not in ("tell", "show", "react")):
            continue
        if part == "show":
            when = ", ".join(dict.fromkeys([names.start, *ends, *others]))
            lines.append(f"      - {{when: [{when}], who: {name}, does: project {model_of(party, names)}}}")
            continue
        chosen = {"failed": ends[-1:], "done": ends[:1]}.get(deed.after, ends if part == "tell" else ends[:1])
        words = (
            " ".join((deed.verb, *deed.thing))
            if deed.thing
            else f"{'write about' if part == 'tell' else deed.verb} the {noun}"
        )
        lines.append(_reaction(chosen, name, words))
    if not party.deeds and not in_saga:
        part = main_part(party)
        if part == "show":
            when = ", ".join(dict.fromkeys([names.start, *ends, *others]))
            lines.append(f"      - {{when: [{when}], who: {name}, does: project {model_of(party, names)}}}")
        else:
            lines.append(
                _reaction(
                    ends if part == "tell" else ends[:1],
                    name,
                    f"{'write about' if part == 'tell' else 'react to'} the {noun}",
                )
            )
    if not lines and not in_saga and not party.begins:
        lines.append(_reaction(ends[:1], name, f"react to the {noun}"))
    return list(dict.fromkeys(lines))


def _reaction(when: list[str], who: str, does: str) -> str:
    events = when[0] if len(when) == 1 else f"[{', '.join(when)}]"
    return f"      - {{when: {events}, who: {who}, does: {does}}}"


def model_of(party: Party, names: Names) -> str:
    """The read model of a service that shows numbers."""
    return f"{'_'.join(party.words)}_{names.noun}"[:60]


def shows(party: Party) -> bool:
    """Whether a service keeps a read model."""
    return any(part_of(each) == "show" for each in party.deeds) or (not party.deeds and main_part(party) == "show")


def _rest(answers: Answers, steps: tuple[SagaStep, ...], names: Names, name: str) -> list[str]:
    noun = names.noun.replace("_", " ")
    owned = [step for step in steps if step.owns]
    lines = ["storage:", f"  {name}: {{as: event-sourced, why: a complaint asks how {an(noun)} came to its state}}"]
    lines += [step.storage for step in owned]
    moved = [step for step in steps if step.kind == "money"]
    effect = (
        "handled"
        if not moved
        else "paid"
        if all(step.do.startswith(("Send", "Disburse")) for step in moved)
        else "charged"
    )
    window = f"window: forever, across: [{moved[0].aggregate}]" if moved else "window: 24h"
    lines += [
        "consistency:",
        f"  - {{rule: {an(noun)} is {effect} at most once, kind: exactly-once-effect, key: {names.key}, {window}}}",
    ]
    held = [step.thing for step in owned if step.kind == "hold"]
    if held:
        things = " and ".join(plural(" ".join(words_of(each)).lower()) for each in held)
        across = ", ".join([name, *held])
        lines.append(
            f"  - {{rule: reserved {things} equal open and confirmed {plural(noun)}, kind: invariant, across: [{across}]}}"
        )
    bound = _bound(steps)
    if bound is not None:
        lines.append(
            f"  - {{rule: a payment is never more than its reservation, kind: invariant, across: [{bound[1].aggregate}]}}"
        )
    for party in answers.reactors:
        if shows(party):
            model = model_of(party, names)
            lines.append(f"  - {{rule: {model} is at most 5 s behind, kind: staleness, read: {model}, max: 5s}}")
    return [
        *lines, "failure: {retry_topics: [1m, 5m, 30m], then: dead-letter, alert: team, window: 24h}",
        "compatibility: BACKWARD_TRANSITIVE", "bus: {use: kafka, partitions: 12, replication: 3}",
    ]  # fmt: skip
