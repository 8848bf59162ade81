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
    mark_of,
    row,
    sums,
    table,
)
from partita.design.document.quantity import listed, rate, span
from partita.design.document.topic import dead_letters, groups_of, retry_topics
from partita.design.document.view import View


def section(view: View) -> Section:
    """The failing messages."""
    design = view.design
    failure = design.failure
    blocks: list[Block] = [Heading("Errors"), *table("error | example | policy | ends as", _errors(view))]
    blocks += [Heading("The way of a failing message"), *table("after | the message is | its key", _timeline(view))]
    blocks += sums(arithmetic.retry_time(design))
    window = failure.window.value
    waits = arithmetic.retry_time(design).amount
    verdict = "shorter than" if waits < window else "not shorter than"
    blocks.append(
        Paragraph(
            f"The waits of {span(waits)} are {verdict} the window of {span(window)}, in which "
            f"{listed(dict.fromkeys(who for _, who in groups_of(design)))} know a message again.",
            mark_of(failure.window),
        )
    )
    blocks.append(Heading("Order while a message is retried"))
    blocks += table("topic | group | choice | why", _orders(view))
    alert = failure.alert.value
    rows = [
        row(
            mark_of(failure.alert),
            f"`{dead_letters(topic, group)}`",
            view.team(group),
            f"DeadLetters to {alert}: {view.team(group)}",
            f"until {view.team(group)} decides",
            rate(topic.traffic.steady),
        )
        for topic, group in groups_of(design)
    ]
    blocks += [
        Heading("Dead letters"),
        *table("dead letters | owner | alert | kept | messages that may end here", rows),
    ]
    blocks += [Heading("Replay"), *_replay(view)]
    return Section("10", "Retries and dead letters", tuple(blocks))


def _errors(view: View) -> list[Row]:
    design = view.design
    waits = ", ".join(span(wait) for wait in design.failure.retry_topics.value) or "no wait"
    then = design.failure.then.value
    found = []
    for saga, step in design.steps:
        found.append(
            row(
                R,
                "transient",
                f"`{step.at}` loses its database in `{step.do}`",
                f"in place, then {waits}",
                f"`{step.ok}` late",
            )
        )
        for refusal in step.fail:
            end = f"`{saga.failed}`" if saga.failed else f"an undone `{saga.name}`"
            found.append(row(R, "refusal", f"`{refusal}` of `{step.do}`", "none: it is an outcome", end))
    for each in design.reactions:
        found.append(
            row(
                R,
                "permanent",
                f"`{each.who}` cannot {each.does}: {listed(each.when, 'or')} is not valid for it",
                f"at once {then}",
                f"a letter of team {view.team(each.who)}",
            )
        )
    first = next(iter(view.topics), None)
    if first is not None and first.groups:
        found.append(
            row(
                R,
                "poison",
                f"bytes in `{first.name}` that no schema of {listed(first.messages, 'or')} reads",
                f"at once {then}",
                f"a letter of {first.groups[0]} with the raw bytes",
            )
        )
        found.append(
            row(R, "unknown", f"any other error of {listed(first.groups, 'or')}", f"in place, then {waits}", then)
        )
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
            mark_of(policy.then),
            _sum(passed),
            f"in `{dead_letters(topic, group)}`",
            f"released: its {key} goes on",
        )
    )
    return found


def _sum(waits: list[float]) -> str:
    over = " + ".join(map(span, waits)) or "0 s"
    return f"{over} = {span(sum(waits))}" if len(waits) > 1 else over


def _orders(view: View) -> list[Row]:
    found = []
    for topic, group in groups_of(view.design):
        if topic.kind == "compacted" or topic.lossy:
            found.append(
                row(R, f"`{topic.name}`", group, "allow reorder", f"only the newest of {listed(topic.messages)} counts")
            )
            continue
        names = [name for name in topic.messages if name not in view.flow.messages or _takes(view, name, group)]
        found.append(
            row(
                R,
                f"`{topic.name}`",
                group,
                "hold the key",
                f"{listed(names or topic.messages)} of one {listed(topic.keys, 'or')} depend on the one before",
            )
        )
    return found


def _takes(view: View, name: str, group: str) -> bool:
    message = view.flow.messages[name]
    return message.kind == "command" or group in view.design.consumers(name)


def _replay(view: View) -> tuple[Block, ...]:
    items = []
    for topic, group in groups_of(view.design)[:3]:
        items.append(
            Item(
                f"`partita dlq groups`, then `partita dlq list --group {group}`: team {view.team(group)} sees why "
                f"{listed(topic.messages, 'or')} failed, of {rate(topic.traffic.steady)}.",
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
