"""Changes of services, of the edges between them, and of what each stores."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.quantity import span
from partita.design.drift.change import Change
from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.design import Design


def party_changes(old: Design, new: Design) -> Iterator[Change]:
    """The changes of services, of their reactions, and of their storage."""
    yield from _services(old, new)
    yield from _edges(old, new)
    yield from _reasons(old.choreographies, new.choreographies)
    yield from _storage(old, new)


def _services(old: Design, new: Design) -> Iterator[Change]:
    olds, news = {each.name: each for each in old.services}, {each.name: each for each in new.services}
    for name in sorted(olds.keys() - news.keys()):
        yield Change(section=3, what=f"Service {name} is gone.", harm="Messages to it wait for ever.", hurt=(name,))
    for name in sorted(news.keys() - olds.keys()):
        yield Change(section=3, what=f"Service {name} of team {news[name].team or '(none)'} is new.")
    for name in sorted(olds.keys() & news.keys()):
        before, after = olds[name], news[name]
        if before.team != after.team:
            yield Change(
                section=12,
                what=f"{name} belongs to team {after.team or '(none)'}, and did to {before.team or '(none)'}.",
            )
        if before.namespace != after.namespace:
            readers = [who for e in old.events if e.by == name for who in old.consumers(e.name)]
            yield Change(
                section=6,
                what=f"The namespace of {name} is {after.namespace}, and was {before.namespace}.",
                harm="The namespace is in each type and topic: readers hear nothing more.",
                hurt=tuple(dict.fromkeys(readers)),
                instead="Keep the namespace; the service may have any name.",
            )


def _edges(old: Design, new: Design) -> Iterator[Change]:
    olds, news = _edges_of(old), _edges_of(new)
    for event, who in sorted(olds.keys() - news.keys()):
        yield Change(
            section=3,
            what=f"{who} no longer hears {event}.",
            harm=f"It no longer does this: {olds[event, who].does}.",
            hurt=(who,),
        )
    for event, who in sorted(news.keys() - olds.keys()):
        yield Change(section=3, what=f"{who} hears {event} now: {news[event, who].does}.")
    for edge in sorted(olds.keys() & news.keys()):
        added = sorted({*news[edge].gives} - {*olds[edge].gives})
        gone = sorted({*olds[edge].gives} - {*news[edge].gives})
        if added:
            yield Change(section=3, what=f"{edge[1]} publishes {', '.join(added)} after {edge[0]} now.")
        if gone:
            hurt = tuple(dict.fromkeys(who for event in gone for who in old.consumers(event)))
            yield Change(
                section=3,
                what=f"{edge[1]} no longer publishes {', '.join(gone)} after {edge[0]}.",
                harm="It is waited for in vain." if hurt else "",
                hurt=hurt,
            )


def _edges_of(design: Design) -> dict[tuple[str, str], Reaction]:
    """The first reaction of a service to an event, by both."""
    found: dict[tuple[str, str], Reaction] = {}
    for reaction in design.reactions:
        for event in reaction.when:
            found.setdefault((event, reaction.who), reaction)
    return found


def _reasons(before: tuple[Choreography, ...], after: tuple[Choreography, ...]) -> Iterator[Change]:
    olds = {each.name: each.why.value for each in before}
    for each in after:
        if each.name in olds and olds[each.name] != each.why.value:
            yield Change(
                section=3, what=f"The reason why no saga directs {each.name} is another one: {each.why.value or 'none'}"
            )


def _storage(old: Design, new: Design) -> Iterator[Change]:
    olds, news = {each.name: each for each in old.aggregates}, {each.name: each for each in new.aggregates}
    for name in sorted(olds.keys() & news.keys()):
        before, after = olds[name].stored.value, news[name].stored.value
        if before != after:
            yield Change(
                section=7,
                what=f"{name} is {after}, and was {before}.",
                harm="Its history up to here is in no stream."
                if after == "event-sourced"
                else "Its history ends here.",
                hurt=(news[name].service,),
            )
    for name in sorted(olds.keys() ^ news.keys()):
        yield Change(section=7, what=f"Aggregate {name} is {'new' if name in news else 'gone'}.")
    models = {each.name: each for each in old.read_models}
    for model in new.read_models:
        was = models.pop(model.name, None)
        if was is None:
            yield Change(section=8, what=f"Read model {model.name} of {model.service} is new.")
        elif was.staleness.value != model.staleness.value:
            yield Change(
                section=8,
                what=f"{model.name} may be {_behind(model.staleness.value)}, and was allowed {_behind(was.staleness.value)}.",
            )
    for model in models.values():
        yield Change(section=8, what=f"Read model {model.name} of {model.service} is gone.")


def _behind(seconds: float | None) -> str:
    return "behind without limit" if seconds is None else f"{span(seconds)} behind"
