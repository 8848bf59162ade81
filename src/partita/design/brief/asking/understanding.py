"""The understanding of one answer in words, so that a person can correct it before the brief is written."""

from __future__ import annotations

from partita.design.brief.asking.deed import Deed
from partita.design.brief.asking.domain_name import domain_words
from partita.design.brief.asking.party import Party, read_parties
from partita.design.brief.asking.rates import Rate, rates_in
from partita.design.brief.asking.roles import is_human, main_part, part_of
from partita.design.brief.asking.wish import Wish, wishes_in
from partita.design.brief.asking.wording import words_in

_PARTS = {
    "check": "a step that says yes or no", "hold": "a step that gives a thing, which can be given back",
    "decide": "a step that a person decides",
    "money": "a step that moves money", "tell": "writes to people", "show": "keeps numbers",
    "react": "reacts; nothing waits for it",
}  # fmt: skip
_KINDS = {
    "outage": "an outage that ends nothing",
    "retry": "waits and dead letters", "order": "order of events", "privacy": "personal data: a question",
    "once": "an effect that happens once",
    "retention": "time for which topics keep events", "audit": "an audit", "lost": "no event is lost",
    "invariant": "a rule that always holds",
    "late": "a read model that may be behind", "strong": "strong consistency: a note", "deadline": "a deadline",
    "": "not understood: a question",
}  # fmt: skip


def understanding_of(question: str, answer: str) -> list[str]:
    """A line for each thing that is read from an answer, and for each of its words that is not."""
    if question == "domain":
        name = "-".join(domain_words(answer)) or "no word"
        return [f"domain: {name}", *(_load(each) for each in rates_in(answer)[0])]
    if question == "consistency":
        rates, rest = rates_in(answer, limits=True)
        return [*(_load(each) for each in rates), *(_wish(each) for each in wishes_in(rest))]
    rates, rest = rates_in(answer)
    parties, unread = read_parties(rest, begins=question == "producers")
    lines = [line for each in parties for line in _party(each, begins=question == "producers")]
    lines += [f'not understood: "{each}"' for each in unread]
    return lines + [_load(each) for each in rates] if lines or words_in(answer) else ["no service"]


def _load(rate: Rate) -> str:
    peak = f", {rate.peak:,.10g} at the peak" if rate.peak else ""
    return f"load: {rate.steady:,.10g} {rate.key or 'of them'} a {rate.unit}{peak}"


def _party(party: Party, *, begins: bool) -> list[str]:
    if begins:
        deeds = " and ".join(" ".join((each.verb, *each.thing)) for each in party.deeds)
        return [f"{party.name}: begins" + (f" ({deeds})" if deeds else "")]
    if not party.deeds:
        part = main_part(party)
        return [f"{party.name}: {_PARTS[part]} (by its name)"]
    return [f"{party.name}: {_deed(each, party)}" for each in party.deeds]


def _deed(deed: Deed, party: Party) -> str:
    part = part_of(deed)
    words = " ".join((deed.verb, *deed.thing))
    more = [f"taken back by: {deed.undo}"] if deed.undo else []
    more += [f"within {deed.within}"] if deed.within else []
    more += [f"reminded after {', '.join(deed.remind)}"] if deed.remind else []
    more += [f"after {deed.escalate[0]} asked of {deed.escalate[1]}"] if deed.escalate[0] else []
    more += [f"for {deed.lasts} at most"] if deed.lasts else []
    more += [deed.read_as] if deed.read_as else []
    meaning = (
        "a step that its program decides" if part == "decide" and not (is_human(party) or deed.person) else _PARTS[part]
    )
    return "; ".join([f"{words}: {meaning}", *more])


def _wish(wish: Wish) -> str:
    times = f" ({', '.join(wish.times)})" if wish.times else " (for ever)" if wish.forever else ""
    return f'{_KINDS[wish.kind]}{times}: "{wish.said}"'
