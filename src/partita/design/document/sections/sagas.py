"""Section 4, sagas: states, steps, pseudocode, sequences, the failure matrix, isolation, and the runbook."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.block import (
    Block,
    Code,
    Figure,
    Heading,
    Item,
    Paragraph,
    Pointer,
    R,
    Row,
    Section,
    Sequence,
    bullets,
    compact,
    mark_of,
    row,
    sums,
)
from partita.design.document.bus_faults import summary_of_bus
from partita.design.document.entry_faults import summary_of_entries
from partita.design.document.example import key_of
from partita.design.document.failure_matrix import cells_of, summary_of, summary_of_reactions
from partita.design.document.pseudocode import pseudocode
from partita.design.document.quantity import listed, one, sentence, span, words
from partita.design.document.saga_states import states_of
from partita.design.document.scene import states
from partita.design.document.undo_faults import summary_of_undos
from partita.design.document.view import View
from partita.design.model.saga import SagaDesign, StepDesign


def section(view: View) -> Section:
    """The sagas, each whole."""
    design = view.design
    blocks: list[Block] = []
    for saga in design.sagas:
        blocks += _saga(view, saga)
    if not view.design.sagas:
        names = listed(each.name for each in view.design.choreographies)
        blocks.append(Paragraph(f"{view.design.domain} has no saga: {names} undo nothing.", R))
    blocks.append(Heading("Other faults"))
    others = [*summary_of_entries(view), *summary_of_bus(view)]
    blocks += compact("fault | of | the customer sees | the system does | notified", others)
    blocks += summary_of_reactions(view)
    blocks.append(Pointer("B", f"{cells_of(design)}, with the tests that show them"))
    return Section("4", "Sagas", tuple(blocks))


def _saga(view: View, saga: SagaDesign) -> list[Block]:
    last = saga.steps[saga.pivot] if saga.pivot >= 0 else None
    undone = [step.do for step in saga.steps if step.undo and step is not last]
    point = f"{listed(undone)} can be undone" if undone else f"`{saga.name}` undoes no success"
    point += f" until `{last.ok}`" if last is not None and undone else ""
    point += f"; `{last.undo}` is for {one(f'`{last.do}`')} without an answer" if last is not None and last.undo else ""
    blocks: list[Block] = [
        Heading(f"{saga.name}, of {saga.at}"),
        Paragraph(sentence(saga.why.value), mark_of(saga.why)),
        Figure(f"states-{saga.name}", states(saga), f"{point}.", R),
        *compact(
            "command | to | reply | refused by | undo | class | timeout and tries | no answer | effect",
            [_step(view, saga, number, step) for number, step in enumerate(saga.steps, 1)],
        ),
        *sums(arithmetic.budget(saga), arithmetic.slack(saga), *(arithmetic.tries(s) for s in saga.steps if s.retry)),
        Code("text", pseudocode(view.design, saga), f"`{saga.name}` as `{saga.at}` runs it.", R),
        states_of(view.design, saga)[-1],
        Pointer("B", f"the states of {saga.name} under every input"),
        *_sequences(saga),
        Heading(f"Faults of {saga.name}"),
        *compact(
            "fault | step | the customer sees | the system does | notified",
            [*summary_of(view, saga), *summary_of_undos(view, saga)],
        ),
        Heading(f"Isolation of {saga.name}"),
        *compact("step | visible meanwhile | countermeasure", [_isolation(view, saga, step) for step in saga.steps]),
        Heading(f"A stuck {saga.name}"),
        *_runbook(view, saga),
    ]
    return blocks


def _step(view: View, saga: SagaDesign, number: int, step: StepDesign) -> Row:
    kinds = {"step": "compensatable" if step.undo else "no undo", "pivot": "pivot", "retriable": "retriable"}
    owned = view.design.service(step.at).owns
    effect = f"{words(step.do)} in {', '.join(owned)}" if owned else words(step.do)
    waits = ", ".join(span(wait) for wait in step.retry)
    tries = span(step.timeout.value) + (f", tries again after {waits}" if waits else "")
    silence = {"undo": "undo", "retry": "send again", "ask": "ask"}[step.on_timeout.value]
    others = [each.do for each in saga.together(step) if each is not step]
    return row(
        mark_of(step.origin),
        f"{number} `{step.do}`{step.times}",
        step.at,
        f"`{step.ok}`",
        listed(step.fail) if step.fail else "-",
        f"`{step.undo}`" if step.undo else "-",
        kinds[step.kind] + (f", with {listed(others)}" if others else ""),
        tries,
        silence,
        effect,
    )


def _sequences(saga: SagaDesign) -> list[Block]:
    """The happy path, and one sequence for each step that may fail."""
    lanes = tuple(dict.fromkeys([saga.at, *(step.at for step in saga.steps)]))
    happy = [message for step in saga.steps for message in _exchange(saga, step, step.ok)]
    last = saga.steps[-1].ok
    found: list[Block] = [
        Sequence(
            f"{saga.name}-happy", lanes, tuple(happy), f"`{saga.name}` succeeds: {len(happy)} messages to `{last}`.", R
        )
    ]
    for position, step in enumerate(saga.steps):
        if position > saga.pivot or not step.fail:
            continue
        before = saga.touched(step)
        messages = [message for each in before for message in _exchange(saga, each, each.ok)]
        messages += _exchange(saga, step, step.fail[0])
        for each in reversed(before):
            if each.undo:
                messages += [(saga.at, each.at, each.undo), (each.at, saga.at, each.undone or "acknowledged")]
        if saga.failed:
            messages.append((saga.at, saga.at, saga.failed))
        undone = [each.undo for each in reversed(before) if each.undo]
        end = f"`{saga.failed}`" if saga.failed else "the end"
        way = f"{listed(undone)}, then {end}" if undone else f"nothing is to be undone, {end} follows at once"
        caption = f"`{step.fail[0]}` from `{step.at}`: {way}."
        found.append(Sequence(f"{saga.name}-{step.name}-refused", lanes, tuple(messages), caption, R))
    return found


def _exchange(saga: SagaDesign, step: StepDesign, answer: str) -> list[tuple[str, str, str]]:
    return [(saga.at, step.at, step.do), (step.at, saga.at, answer)]


def _isolation(view: View, saga: SagaDesign, step: StepDesign) -> Row:
    things = ", ".join(view.design.service(step.at).owns) or step.at
    end = f"{saga.steps[-1].ok} or {saga.failed}" if saga.failed else saga.steps[-1].ok
    if step.undo:
        return row(
            R,
            f"`{step.do}`",
            f"an effect on {things} that `{step.undo}` may take back",
            f"semantic lock: {things} stays pending for its {saga.key} until {end}",
        )
    if step.kind == "pivot":
        earlier = [each.do for each in saga.steps if each.undo]
        seen = f"`{step.ok}` while {listed(earlier) if earlier else saga.start} changed under it"
        return row(R, f"`{step.do}`", seen, f"reread: `{step.at}` checks {things} in the transaction of `{step.do}`")
    return row(
        R,
        f"`{step.do}`",
        f"{things} before `{step.ok}`, although `{saga.name}` can no longer fail",
        f"commutative update: `{step.do}` in any order gives the same {things}",
    )


def _runbook(view: View, saga: SagaDesign) -> tuple[Block, ...]:
    key = key_of(view.design.event(saga.start))
    items = [
        Item(
            f"Team {view.team(saga.at)} is called by SagaNeedsAttention, or by CompensationSlow where `{saga.name}` is undone.",
            R,
        ),
        Item(
            f"`partita saga show {key}` names the step and its last error; `partita journey {key}` shows each message.",
            R,
        ),
        Item(
            f"`partita saga retry {key} --reason '...'` sends the step again, with the id that {_places(saga)} know.", R
        ),
    ]
    pivot = saga.steps[saga.pivot] if saga.pivot >= 0 else None
    if pivot is not None:
        items.append(
            Item(
                f"Where `{pivot.do}` is in doubt, ask `{pivot.at}` first: `{pivot.ok}` decides whether `{saga.name}` goes on.",
                R,
            )
        )
    return bullets(*items)


def _places(saga: SagaDesign) -> str:
    return listed(dict.fromkeys(step.at for step in saga.steps))
