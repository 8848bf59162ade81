"""Section 10, retries and dead letters: the errors, the waits, the order, the letters of each group, and their replay."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.block import (
    Block,
    Heading,
    Item,
    Paragraph,
    R,
    Row,
    Section,
    bullets,
    compact,
    mark_of,
    row,
    sums,
    table,
    weakest,
)
from partita.design.document.quantity import listed, plain, span
from partita.design.document.topic import dead_letters, groups_of, retry_topics
from partita.design.document.view import View


def section(view: View) -> Section:
    """The failing messages."""
    design = view.design
    failure = design.failure
    blocks: list[Block] = [Heading("Errors"), *compact("example | error | policy | ends as", _errors(view))]
    blocks += [Heading("The way of a failing message"), *table("after | the message is | its key", _timeline(view))]
    blocks += [*sums(arithmetic.retry_time(design)), *_early(view)]
    blocks += _windows(view)
    blocks.append(Heading("Order while a message is retried"))
    blocks += _orders(view)
    alert = failure.alert.value
    rows = [
        row(
            mark_of(failure.alert),
            f"`{dead_letters(topic, group)}`",
            view.team(group),
            f"DeadLetters, to {alert}",
        )
        for topic, group in groups_of(design)
    ]
    blocks += [Heading("Dead letters"), *compact("dead letters | owner | alert", rows)]
    blocks += [Heading("Replay"), *_replay(view)]
    return Section("10", "Retries and dead letters", tuple(blocks))


def _windows(view: View) -> list[Block]:
    """The waits beside the time for which each group knows a message again."""
    failure, waits = view.design.failure, arithmetic.retry_time(view.design).amount
    known: dict[float | None, list[str]] = {}
    for who in dict.fromkeys(who for _, who in groups_of(view.design)):
        known.setdefault(arithmetic.window_of(view.design, who), []).append(who)
    if not known:
        return []
    *few, most = sorted(known.items(), key=lambda pair: len(pair[1]))
    said = [
        *(f"{span(s)} of {listed(names)}" for s, names in few),
        f"{span(most[0])} of {'the others' if few else 'each group'}",
    ]
    verdict = "shorter" if waits < failure.window.value else "not shorter"
    text = f"The waits of {span(waits)} are {verdict} than the window, {plain(said)}."
    return [Paragraph(text, weakest(failure.window, failure.retry_topics))]


def _early(view: View) -> tuple[Block, ...]:
    """The steps that are undone before the first retry topic sends them again: only tries in place save them."""
    waits = view.design.failure.retry_topics.value
    early = [
        f"`{step.do}` ({span(step.timeout.value)})"
        for _, step in view.design.steps
        if waits and not step.retry and step.kind == "step" and step.on_timeout.value == "undo"
        if step.timeout.value <= waits[0]
    ]
    if not early:
        return ()
    mark = weakest(view.design.failure.retry_topics, *(step.timeout for _, step in view.design.steps))
    verb = "is" if len(early) == 1 else "are"
    said = f"{plain(early)} {verb} undone before the first retry topic ({span(waits[0])}) sends the message again"
    return (Paragraph(f"{said}: only the tries in place save such a step.", mark),)


def _errors(view: View) -> list[Row]:
    """The errors by their kind; examples with one policy and one end are one row."""
    design = view.design
    waits = ", ".join(span(wait) for wait in design.failure.retry_topics.value) or "no wait"
    then = design.failure.then.value
    waiting = weakest(design.failure.retry_topics)
    found = []
    if design.steps:
        calls = listed((step.do for _, step in design.steps), "or")
        again = f"in place, then {waits}"
        found.append(
            row(waiting, f"a database or a provider is away in {calls}", "transient", again, "the reply, late")
        )
    for saga, step in design.steps:
        end = f"`{saga.failed}`" if saga.failed else f"an undone `{saga.name}`"
        found += [
            row(R, f"`{refusal}` of `{step.do}`", "refusal", "none: it is an outcome", end) for refusal in step.fail
        ]
    for each in design.reactions:
        name = f"`{each.who}` cannot {each.does}"
        found.append(row(R, name, "permanent", f"at once {then}", "a letter of its team"))
    first = next(iter(view.topics), None)
    if first is not None and first.groups:
        bytes_of = f"bytes in `{first.name}` that no schema of {listed(first.messages, 'or')} reads"
        found.append(row(R, bytes_of, "poison", f"at once {then}", "a letter with the raw bytes"))
        other = f"any other error of {listed(first.groups, 'or')}"
        found.append(row(waiting, other, "unknown", f"in place, then {waits}", then))
    return found


def _timeline(view: View) -> list[Row]:
    pairs = groups_of(view.design)
    if not pairs:
        return []
    topic, group = pairs[0]
    key = listed(topic.keys, "or")
    found = [row(R, "0 s", f"tried in place by `{group}`", f"held: its {key} waits")]
    passed: list[float] = []
    policy = view.design.failure
    for wait, name in zip(policy.retry_topics.value, retry_topics(view.design, topic, group), strict=True):
        found.append(
            row(mark_of(policy.retry_topics), _sum(passed), f"in `{name}` for {span(wait)}", "held; others run")
        )
        passed.append(wait)
    found.append(
        row(
            weakest(policy.then, policy.retry_topics),
            _sum(passed),
            f"in `{dead_letters(topic, group)}`",
            f"held until it is replayed or discarded: then its {key} goes on",
        )
    )
    return found


def _sum(waits: list[float]) -> str:
    over = " + ".join(map(span, waits)) or "0 s"
    return f"{over} = {span(sum(waits))}" if len(waits) > 1 else over


def _orders(view: View) -> tuple[Block, ...]:
    """The choice of each topic: one that all topics share is a sentence."""
    loose = [topic for topic in view.topics if topic.groups and (topic.kind == "compacted" or topic.lossy)]
    strict = [topic for topic in view.topics if topic.groups and topic not in loose]
    items = []
    if strict:
        keys = listed(dict.fromkeys(key for topic in strict for key in topic.keys), "or")
        which = f"{len(strict)} topics" if len(strict) > 1 else f"`{strict[0].name}`"
        items.append(
            Item(
                f"Hold the key, in {which}: later messages of one {keys} wait behind the one that failed, and may depend on it, "
                f"as {listed(strict[0].messages)} do.",
                R,
            )
        )
    for topic in loose:
        items.append(Item(f"Allow reorder, in `{topic.name}`: only the newest of {listed(topic.messages)} counts.", R))
    return bullets(*items)


def _replay(view: View) -> tuple[Block, ...]:
    items = []
    pairs = groups_of(view.design)
    if pairs:
        topic, group = pairs[0]
        items.append(
            Item(
                f"`partita dlq groups`, then `partita dlq list --group {group}`: team {view.team(group)} sees why "
                f"{listed(topic.messages, 'or')} failed.",
                R,
            )
        )
    causes = [f"{step.do} of {step.at}" for _, step in view.design.steps] or [
        each.does for each in view.design.reactions
    ]
    if causes:
        items.append(
            Item(
                f"After the repair of {causes[0]}: `partita dlq replay --cause ID --rehearse` in a transaction that is rolled "
                "back, then with `--yes`; the ids stay, so marks drop what was done.",
                R,
            )
        )
    return bullets(*items)
