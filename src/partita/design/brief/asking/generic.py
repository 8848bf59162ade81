"""A brief for a domain without a pattern, from the nouns and verbs of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from partita.design.brief.asking.answers import Answers, Party
from partita.design.brief.asking.roles import kind_of
from partita.design.brief.asking.wording import pascal, plural, singular, verb_in
from partita.design.brief.deriving.services import namespace_word
from partita.design.brief.deriving.verbs import OPPOSITES, command_of, past_of, undo_of, words_of

VAGUE = frozenset(
    """app application business company domain flow management online platform process processing program service services shop
    software system tool workflow""".split()
)  # fmt: skip
SUBJECTS = {
    "fleet": "vehicle", "hospital": "patient", "clinic": "patient", "library": "reader", "school": "student",
    "university": "student", "museum": "visitor", "farm": "field", "factory": "machine", "logistics": "shipment",
    "warehouse": "item", "airline": "passenger",
    "energy": "meter", "telecom": "line", "city": "citizen", "restaurant": "guest", "property": "flat", "building": "flat",
    "recruiting": "candidate", "hiring": "candidate", "lab": "sample", "laboratory": "sample", "waste": "container",
}  # fmt: skip
"""The thing that a domain is about, where its name does not say it."""
MONEY = ("Charge", "Declined")
TIMES = {"money": "60s", "resource": "30s", "human": "2d"}


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a draft: the key, the noun of the process, its start, its success and its end, and the main service."""

    key: str
    noun: str
    start: str
    done: str
    failed: str
    main: str


@dataclass(frozen=True, slots=True)
class _Step:
    party: Party
    kind: str
    do: str
    thing: str

    @property
    def ok(self) -> str:
        return past_of(self.do)

    @property
    def fail(self) -> str:
        return f"{self.thing}{'Declined' if self.kind == 'money' else 'Refused' if self.kind == 'human' else 'Unavailable'}"

    @property
    def names(self) -> set[str]:
        """Every name of a type that it brings."""
        own = set() if self.kind == "human" else {self.thing}
        return own | {self.do, self.ok, self.fail, self.undo, past_of(self.undo)}

    @property
    def undo(self) -> str:
        return "Withdraw" + self.thing + "Question" if self.kind == "human" else undo_of(self.do)


def generic_text(answers: Answers) -> tuple[str, Names]:
    """A whole brief for these answers, and its names."""
    main = answers.producers[0]
    noun = _noun(answers, main)
    key = f"{'_'.join(noun)}_id"
    name = pascal(noun)
    start = past_of((main.verb or "request").capitalize() + name)
    steps = _steps(answers, name, start)
    names = Names(
        key=key,
        noun="_".join(noun),
        start=start,
        done=f"{name}Confirmed" if steps else "",
        failed=f"{name}Cancelled" if steps else "",
        main=main.name,
    )
    lines = [
        "design: 1", f"domain: {answers.domain}", f"namespace: {namespace_word(answers.words[0])}",
        f"load: {{{names.noun}_requests_per_hour: {{steady: 100, peak: 1000, begins: {start}}}, retention: 90d}}",
        *_services(answers, steps, name), *_events(answers, steps, names), *_flows(answers, steps, names),
        *_rest(answers, steps, names, name),
    ]  # fmt: skip
    return "\n".join(lines), names


def _noun(answers: Answers, main: Party) -> list[str]:
    """The thing that the process is about: the object of the main service or of the domain's verb, else its last plain noun."""
    if main.thing:
        return list(main.thing)
    after = [next_ for word, next_ in pairwise(answers.words) if verb_in(word)]
    if after and len(answers.words) > 4:  # a sentence: readers borrow books
        return [singular(after[0])]
    nouns = [singular(word) for word in answers.words[:4] if word not in VAGUE]
    return nouns[-1:] or [singular(main.words[-1])]


def _subject(answers: Answers, noun: str) -> str:
    for word in answers.words:
        if word in SUBJECTS:
            return SUBJECTS[word]
    own = [singular(word) for word in answers.producers[0].words if word not in VAGUE and word not in SUBJECTS]
    return own[-1] if own and own[-1] != noun else "customer"


def _steps(answers: Answers, name: str, start: str) -> list[_Step]:
    """The consumers that give something which can be given back: resources first, then a person's decision, then money."""
    found: list[_Step] = []
    taken = {
        name,
        start,
        command_of(start),
        "Around",
        f"Handle{name}",
        f"Confirm{name}",
        f"{name}Confirmed",
        f"{name}Cancelled",
    }
    for party in answers.producers[1:]:
        taken |= {_begun(party), command_of(_begun(party))}
    for kind in ("resource", "human", "money"):
        for party in (each for each in answers.consumers if kind_of(each) == kind):
            step = next((each for each in _possible(party, kind, name) if not taken & each.names), None)
            if step is not None:
                taken |= step.names
                found.append(step)
    return found


def _possible(party: Party, kind: str, name: str) -> Iterator[_Step]:
    """The step of a consumer by the words of its answer, else by the name of its service too."""
    own = pascal([singular(word) for word in party.words])
    usual = {"human": name, "money": "Payment"}.get(kind, own)
    thing = pascal(list(party.thing)) or usual
    verb = party.verb.capitalize()
    verb = verb if verb in OPPOSITES else {"money": "Charge", "human": "Approve"}.get(kind, "Reserve")
    verb = "Approve" if kind == "human" else verb
    for each in dict.fromkeys((thing, (own + thing)[:40])):
        yield _Step(party, kind, verb + each, each)


def _services(answers: Answers, steps: list[_Step], name: str) -> list[str]:
    owned = {step.party.name: step.thing for step in steps if step.kind != "human"}
    lines = ["producers:"]
    for party in answers.producers:
        owns = f", owns: [{name}]" if party is answers.producers[0] else ""
        lines.append(f"  {party.name}: {{team: {party.words[0]}{owns}, db: postgres}}")
    lines += ["consumers:"] if answers.consumers else []
    for party in answers.consumers:
        kind = {"show": ", kind: projection", "human": ", kind: human"}.get(kind_of(party), "")
        owns = f", owns: [{owned[party.name]}]" if party.name in owned else ""
        lines.append(f"  {party.name}: {{team: {party.words[0]}{owns}{kind}, db: postgres}}")
    return lines


def _events(answers: Answers, steps: list[_Step], names: Names) -> list[str]:
    subject = _subject(answers, names.noun)
    money = ", amount: money" if any(step.kind == "money" for step in steps) else ""
    about = f", {subject}_id: id" if f"{subject}_id" != names.key else ""
    lines = ["events:", _event(names.start, names.main, names.key, f"{about}{money}, occurred_at: timestamp")]
    if steps:
        lines.append(_event(names.done, names.main, names.key))
        lines.append(_event(names.failed, names.main, names.key, ", reason: string"))
    for step in steps:
        paid = ", amount: money" if step.kind == "money" else ""
        lines.append(_event(step.ok, step.party.name, names.key, paid))
        lines.append(_event(step.fail, step.party.name, names.key, ", reason: string"))
        lines.append(_event(past_of(step.undo), step.party.name, names.key))
    for party in answers.producers[1:]:
        key = f"{subject}_id" if about else names.key
        lines.append(_event(_begun(party), party.name, key, ", occurred_at: timestamp"))
    return lines


def _event(name: str, by: str, key: str, more: str = "") -> str:
    return f"  {name}: {{by: {by}, key: {key}, data: {{{key}: id{more}}}}}"


def _begun(party: Party) -> str:
    if party.verb and party.thing:
        return past_of(party.verb.capitalize() + pascal(list(party.thing)))
    return f"{pascal([singular(word) for word in party.words])}Reported"


def _flows(answers: Answers, steps: list[_Step], names: Names) -> list[str]:
    lines = ["flows:"]
    noun = names.noun.replace("_", " ")
    if steps:
        given = " and ".join(dict.fromkeys(_lower(step) for step in steps))
        lines += [
            f"  Handle{pascal(names.noun.split('_'))}:", "    style: orchestration",
            f"    why: a {noun} needs {given}, all of it or nothing, and each is given back in a known order",
            f"    start: {names.start}", f"    deadline: {_deadline(steps)}", "    steps:",
        ]  # fmt: skip
        last = steps[-1]
        for step in steps:
            pivot = ", pivot: yes" if step is last and step.kind == "money" else ""
            remind = ", remind: [1d]" if step.kind == "human" else ""
            lines.append(
                f"      - {{do: {step.do}, at: {step.party.name}, ok: {step.ok}, fail: {step.fail}, undo: {step.undo}, "
                f"undone: {past_of(step.undo)}{pivot}, timeout: {TIMES[step.kind]}{remind}}}"
            )
        confirm = f"Confirm{pascal(names.noun.split('_'))}"
        lines.append(f"      - {{do: {confirm}, at: {names.main}, ok: {names.done}, retriable: yes, timeout: 30s}}")
        lines.append(f"    failed: {names.failed}")
    reactions = _reactions(answers, steps, names)
    if reactions:
        before = f"a {noun}" if steps else f"what began with {names.start}"
        lines += [
            "  Around:",
            "    style: choreography",
            f"    why: none of these reactions holds up {before}",
            "    reacts:",
        ]
        lines += reactions
    return lines if len(lines) > 1 else []


def _lower(step: _Step) -> str:
    return "a decision" if step.kind == "human" else " ".join(words_of(step.thing)).lower()


def _deadline(steps: list[_Step]) -> str:
    return "7d" if any(step.kind == "human" for step in steps) else f"{15 + 2 * len(steps)}m"


def _reactions(answers: Answers, steps: list[_Step], names: Names) -> list[str]:
    ends = [each for each in (names.done, names.failed) if each] or [names.start]
    lines: list[str] = []
    noun = names.noun.replace("_", " ")
    told = False
    in_saga = {step.party.name for step in steps}
    for party in (each for each in answers.consumers if each.name not in in_saga):
        kind = kind_of(party)
        does = " ".join((party.verb, *party.thing)) if party.verb else ""
        if kind == "show":
            when = ", ".join(dict.fromkeys([names.start, *ends, *(_begun(each) for each in answers.producers[1:])]))
            lines.append(f"      - {{when: [{when}], who: {party.name}, does: project {_model(party, names)}}}")
            told = True
        else:
            when = f"[{', '.join(ends)}]" if kind == "tell" and len(ends) > 1 else ends[0]
            told = told or ends[-1] in when
            words = does or (f"write about the {noun}" if kind == "tell" else f"react to the {noun}")
            lines.append(f"      - {{when: {when}, who: {party.name}, does: {words}}}")
    heard = any(kind_of(party) == "show" for party in answers.consumers)
    rest = [] if heard else [_begun(each) for each in answers.producers[1:]]
    rest += [] if told or not names.failed else [names.failed]
    lines += [f"      - {{when: {event}, who: {names.main}, does: note it at the {noun}}}" for event in rest]
    if not names.done and not any(names.start in line for line in lines):
        lines.append(f"      - {{when: {names.start}, who: {names.main}, does: keep the {noun}}}")
    return lines


def _model(party: Party, names: Names) -> str:
    return f"{'_'.join(party.words)}_{names.noun}"[:60]


def _rest(answers: Answers, steps: list[_Step], names: Names, name: str) -> list[str]:
    noun = names.noun.replace("_", " ")
    owned = [step for step in steps if step.kind != "human"]
    lines = ["storage:", f"  {name}: {{as: event-sourced, why: a complaint asks how a {noun} came to its state}}"]
    for step in owned:
        stored = (
            ("event-sourced", "money is audited") if step.kind == "money" else ("crud", "only the present state counts")
        )
        lines.append(f"  {step.thing}: {{as: {stored[0]}, why: {stored[1]}}}")
    effect = "charged" if any(step.kind == "money" for step in steps) else "handled"
    lines += [
        "consistency:",
        f"  - {{rule: a {noun} is {effect} at most once, kind: exactly-once-effect, key: {names.key}, window: 24h}}",
    ]
    resources = [step.thing for step in owned if step.kind == "resource"]
    if resources:
        things = " and ".join(" ".join(words_of(each)).lower() for each in resources)
        across = ", ".join([name, *resources])
        lines.append(
            f"  - {{rule: reserved {things} equal open and confirmed {plural(noun)}, kind: invariant, across: [{across}]}}"
        )
    for party in answers.consumers:
        if kind_of(party) == "show":
            model = _model(party, names)
            lines.append(f"  - {{rule: {model} is at most 5 s behind, kind: staleness, read: {model}, max: 5s}}")
    return [
        *lines, "failure: {retry_topics: [1m, 5m, 30m], then: dead-letter, alert: team, window: 24h}",
        "compatibility: BACKWARD_TRANSITIVE", "bus: {use: kafka, partitions: 12, replication: 3}",
    ]  # fmt: skip
