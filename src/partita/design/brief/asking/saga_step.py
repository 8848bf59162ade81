"""A step of a saga made of a deed, with the names of its command, its outcomes and its undo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from partita.design.brief.asking.deed import Deed
from partita.design.brief.asking.lexicon import MONEY, UNDOS, VERBS
from partita.design.brief.asking.party import Party
from partita.design.brief.asking.roles import STEPS, is_human, main_part, part_of
from partita.design.brief.asking.times import seconds
from partita.design.brief.asking.wording import pascal, singular
from partita.design.brief.deriving.verbs import OPPOSITES, past_of, undo_of, words_of

REFUSED = {"check": "Rejected", "hold": "Refused", "decide": "Refused", "money": "Declined"}
TIMEOUTS = {"check": "30s", "hold": "30s", "decide": "2d", "money": "60s", "settle": "60s"}
NO_MOVEMENT = frozenset("amount balance bill card fund funds money sum wallet".split())
"""Nouns of money that are no record of a movement: the aggregate has a name of its own."""
PAYS_OUT = ("Disburse", "Reimburse", "Send", "Transfer")
DECIDED = (
    ", decision_id: id, decided_by: {type: string, pii: yes}, reason: string, "
    "evidence: {type: list, of: id, doc: The papers that it rests on.}, decided_at: timestamp"
)
"""The fields of a decision that can be proven: its actor, reason, papers and moment."""
LIMITS = ("allowance", "budget", "cover", "coverage", "credit", "fund", "funds", "limit", "quota")
"""Things that are reserved as an amount of money."""
OFFER_S = 86_400.0
"""A person who accepts within less answers an offer, and silence is a no."""
AUTHORISED = ("authorise", "authorize", "hold", "block", "reserve")


@dataclass(frozen=True, slots=True)
class SagaStep:
    """A step at the service `at`; `kind` is the part of its deed, or `settle` for a capture after the point of no return. It is
    `bound` where it reserves the money that a later step moves, or moves it: both name the reservation."""

    at: str
    kind: str
    do: str
    thing: str
    fail: str
    undo: str
    deed: Deed
    human: bool = False
    alone: bool = False
    kept: bool = True
    bound: bool = False

    @property
    def ok(self) -> str:
        """The event when it is done; a decision that is yes is an approval."""
        return f"{self.thing}Approved" if self.do.startswith("Decide") else past_of(self.do)

    @property
    def aggregate(self) -> str:
        """The aggregate of its service: the thing that it gives, the movement of money, or the decision of a person."""
        if self.kind == "decide":
            return f"{self.thing}Decision" if self.stays_open or self.deed.lapses else ""
        if self.kind != "money" or self.thing.endswith(tuple(each.capitalize() for each in MONEY - NO_MOVEMENT)):
            return self.thing if self.kind in ("hold", "money") else ""
        verb = words_of(self.do)[0]
        return self.thing + ("Invoice" if verb in ("Bill", "Invoice") else "Payout" if verb in PAYS_OUT else "Payment")

    @property
    def owns(self) -> bool:
        """Whether its service keeps an aggregate for it."""
        return self.kept and bool(self.aggregate)

    @property
    def asks(self) -> bool:
        """Whether its outcome is asked for after a timeout: money may have moved. A hold on a card has moved none."""
        return self.kind == "money" and self.deed.verb not in AUTHORISED

    @property
    def stays_open(self) -> bool:
        """Whether a person decides, and no clock instead. An answer may say otherwise; silence to an offer is a no."""
        is_offer = self.deed.verb == "accept" and seconds(self.deed.within) < OFFER_S
        return self.human and self.kind == "decide" and not is_offer and not self.deed.lapses

    @property
    def names(self) -> set[str]:
        """Every name of a type that it brings."""
        own = {self.aggregate} if self.owns else set()
        return own | {
            each for each in (self.do, self.ok, self.fail, self.undo, past_of(self.undo) if self.undo else "") if each
        }

    @property
    def need(self) -> str:
        """The need of the process that it meets, in words."""
        words = " ".join(words_of(self.thing)).lower()
        moved = "a payout" if words_of(self.do)[0] in PAYS_OUT else "a payment"
        return {"decide": "a decision", "check": f"a check of the {words}", "money": moved}.get(self.kind, words)

    @property
    def storage(self) -> str:
        """The line of its aggregate."""
        stored, why = {
            "money": ("event-sourced", "money is audited"),
            "decide": ("event-sourced", "each decision is provable with its person and time and reason and papers"),
        }.get(self.kind, ("crud", "only the present state counts"))
        return f"  {self.aggregate}: {{as: {stored}, why: {why}}}"

    def events(self, key: str, amount: str = "amount") -> list[str]:
        """The lines of its outcomes."""
        paid = (
            f", {amount}: money"
            if self.kind == "money"
            else DECIDED
            if self.kind == "decide" and self.aggregate
            else ""
        )
        no = DECIDED.replace(", reason: string", "") if paid == DECIDED else ""
        paid += ", reservation_id: id" * self.bound + ", reserved: money" * (self.bound and self.kind == "hold")
        lines = [f"  {self.ok}: {{by: {self.at}, key: {key}, data: {{{key}: id{paid}}}}}"]
        if self.fail:
            lines.append(f"  {self.fail}: {{by: {self.at}, key: {key}, data: {{{key}: id{no}, reason: string}}}}")
        if self.undo:
            lines.append(f"  {past_of(self.undo)}: {{by: {self.at}, key: {key}, data: {{{key}: id}}}}")
        return lines

    def line(self, *, pivot: bool) -> str:
        """Its line in a saga."""
        words = [f"do: {self.do}", f"at: {self.at}", f"ok: {self.ok}"]
        words += [f"fail: {self.fail}"] if self.fail else []
        words += [f"undo: {self.undo}", f"undone: {past_of(self.undo)}"] if self.undo else []
        words += ["no_effect: yes"] if self.kind == "check" and not self.undo else []
        words += ["retriable: yes"] if self.kind == "settle" else []
        words += ["human: yes"] if self.human and not self.alone else []
        words += ["pivot: yes"] if pivot else []
        quick = self.deed.verb == "accept" or (self.kind == "decide" and not self.human)
        words += [f"timeout: {('15m' if self.human else '30s') if quick else TIMEOUTS[self.kind]}"]
        words += ["on_timeout: ask"] if self.asks else ["on_timeout: retry"] if self.stays_open else []
        words += ["remind: [1d]"] if self.human and not quick and self.kind == "decide" else []
        return f"      - {{{', '.join(words)}}}"


def saga_steps(parties: list[tuple[Party, str]], noun: str, taken: set[str]) -> tuple[SagaStep, ...]:
    """The steps of services that check, give a thing that can be given back, decide, or move money; in this order.

    `taken` are the names of types in the draft; the names of the steps are added to it.
    """
    found: list[SagaStep] = []
    wanted = [(party, at, part, deed) for party, at in parties for part, deed in _deeds(party)]
    for kind in STEPS:
        for party, at, part, deed in wanted:
            if part != kind:
                continue
            held = next((each for each in found if each.deed.verb in AUTHORISED and each.at == at), None)
            if deed.verb == "capture" and held is None:
                held = next((each for each in found if each.deed.verb in ("authorise", "authorize")), None)
            settles = (
                kind == "money"
                and held is not None
                and _same(held.deed, deed)
                and deed.verb in ("capture", "collect", "charge")
            )
            if settles and held is not None and not deed.thing:
                deed = replace(deed, thing=held.deed.thing)
            step = next(
                (each for each in _possible(party, at, deed, kind, noun, settles) if not taken & each.names), None
            )
            if step is not None:
                taken |= step.names
                found.append(step)
    return (*(each for each in found if each.kind != "settle"), *(each for each in found if each.kind == "settle"))


def bounded(steps: tuple[SagaStep, ...]) -> tuple[SagaStep, ...]:
    """The steps, a reservation of money and the payment out of it bound to each other: the limit is kept where it is reserved."""
    held = next((each for each in steps if each.kind == "hold" and each.thing.lower().endswith(LIMITS)), None)
    paying = next((each for each in reversed(steps) if each.kind == "money"), None)
    if held is None or paying is None:
        return steps
    return tuple(replace(each, bound=True) if each in (held, paying) else each for each in steps)


def _deeds(party: Party) -> Iterator[tuple[str, Deed]]:
    for deed in party.deeds:
        part = part_of(deed)
        if part in STEPS:
            yield part, deed
    if not party.deeds and main_part(party) in STEPS:
        yield main_part(party), Deed("", "act", said=party.said)


def _possible(party: Party, at: str, deed: Deed, kind: str, noun: str, settles: bool) -> Iterator[SagaStep]:
    """The step of a deed by the words of its object, else by the name of its service too."""
    own = pascal([singular(word) for word in party.words])
    usual = {"decide": noun, "money": "Payment", "check": noun}.get(kind, own)
    thing = pascal(list(deed.thing)) or usual
    usual_verb = {"money": "Charge", "decide": "Approve", "check": "Check"}.get(kind, "Reserve")
    verb = (
        deed.verb.capitalize()
        if deed.verb in VERBS
        and (VERBS[deed.verb] not in ("tell", "show", "undo") or (deed.undo and not deed.inferred))
        else usual_verb
    )
    verb = usual_verb if verb in ("Send", "Act") and kind != "money" else verb
    if kind == "money" and not deed.thing and verb in ("Pay", "Disburse"):
        verb = "Send"  # a payment that is sent
    alone = {part_of(each) for each in party.deeds} <= {"decide"} and bool(party.deeds or main_part(party) == "decide")
    human = kind == "decide" and (is_human(party) or not _is_program(party))
    for each in dict.fromkeys((thing, (own + thing)[:40])):
        do = verb + each
        if settles:
            yield SagaStep(at, "settle", do, each, "", "", deed)
            continue
        for fail in (f"{each}{REFUSED[kind]}", f"{do}Refused"):
            yield SagaStep(
                at, kind, do, each, fail, _undo(deed, kind, verb, each), deed, human, alone and is_human(party)
            )


def _same(held: Deed, deed: Deed) -> bool:
    """Whether a capture takes the money that was held: it names the same thing, or none."""
    return deed.verb == "capture" or not deed.thing or deed.thing == held.thing


def _is_program(party: Party) -> bool:
    return bool({"service", "engine", "system", "platform", "gateway", "api"} & set(party.name.split("-")))


def _undo(deed: Deed, kind: str, verb: str, thing: str) -> str:
    if deed.undo:
        return deed.undo.capitalize() + thing
    if kind == "check":
        return ""
    if kind == "decide":
        return f"Withdraw{thing}Question"
    if verb in ("Bill", "Invoice"):
        return f"Cancel{thing}" + ("" if thing in ("Bill", "Invoice") else "Invoice")
    opposite = UNDOS.get(verb.lower(), "").capitalize() or OPPOSITES.get(verb)
    return opposite + thing if opposite else undo_of(verb + thing) if kind == "money" else f"Release{thing}"
