"""Rules about the steps of a saga: what is undone, what is refused, and in which order."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.brief.deriving.verbs import past_of, undo_of
from partita.design.checking.indexed import Indexed, finding
from partita.design.model.finding import Finding


def undos(of: Indexed) -> Iterator[Finding]:
    """A step that can be taken back says how; its undo cannot be refused and has an answer."""
    for saga, step in of.design.steps:
        if step.kind != "retriable" and not step.undo and not step.no_effect:
            is_pivot = step.kind == "pivot"
            why = (
                "Its answer may be missing at the deadline, and the command may then have happened or may still happen."
                if is_pivot
                else f"When a later step of {saga.name} is refused, its effect would stay for ever."
            )
            yield finding(
                "pivot-without-undo" if is_pivot else "step-without-undo", step.origin, step.do,
                f"{step.do} has no undo.", why,
                f"undo: {undo_of(step.do)}, undone: {past_of(undo_of(step.do))}; or no_effect: yes if it changes nothing.",
            )  # fmt: skip
        if bool(step.undo) != bool(step.undone):
            has, lacks = ("undo", "undone") if step.undo else ("undone", "undo")
            yield finding(
                "undo-without-answer", step.origin, step.do, f"{step.do} has `{has}`, and no `{lacks}`.",
                "A compensation is sent until its answer comes: command and answer belong together.",
                f"{lacks}: {past_of(step.undo) if step.undo else undo_of(step.do)}",
            )  # fmt: skip
        for refusal in _refusals_of(of, step.undo):
            yield finding(
                "refusable-undo", step.origin, step.do, f"{step.undo} takes back {step.do}, and may be refused by {refusal}.",
                "A compensation that is refused leaves the saga half done, and no rule can go on from there.",
                f"a command of its own without `fail` and `refuses` as the undo of {step.do}.",
            )  # fmt: skip


def _refusals_of(of: Indexed, undo: str) -> Iterator[str]:
    if undo:
        found = list(of.commands[undo].refusals) if undo in of.commands else []
        found += [name for _, step in of.design.steps if step.do == undo for name in step.fail]
        yield from dict.fromkeys(found)


def order(of: Indexed) -> Iterator[Finding]:
    """First the steps that can be undone, then at most one pivot, then retriable steps."""
    for saga in of.design.sagas:
        passed = ""
        for step in saga.steps:
            if passed and step.kind != "retriable":
                yield finding(
                    "step-after-pivot", step.origin, step.do, f"{step.do} comes after {passed}, and may be refused.",
                    f"After {passed} nothing of {saga.name} is undone: a later step must succeed in the end.",
                    f"retriable: yes at {step.do}, or put it before {passed}.",
                )  # fmt: skip
            elif step.undo and step.kind == "retriable":
                yield finding(
                    "undo-after-pivot", step.origin, step.do, f"{step.do} is after the point of no return, and has an undo.",
                    f"{step.undo} would never be sent: after the point of no return {saga.name} goes forward only.",
                    f"{step.do} without `undo` and `undone`, or as a step before the pivot.",
                )  # fmt: skip
            if step.kind != "step":
                passed = passed or step.do


def groups(of: Indexed) -> Iterator[Finding]:
    """Steps that are sent together are one below the other, of one kind and with answers of their own, and none is a pivot."""
    for saga in of.design.sagas:
        for group in saga.groups():
            first, names = group[0], ", ".join(step.do for step in group)
            if first.beside and first.beside != first.do:
                yield finding(
                    "group-apart", first.origin, first.do, f"{first.do} is sent with {first.beside}, which is no step above it.",
                    "The commands of a group are sent in one transaction, when the steps before the group are done.",
                    f"with: the command of the step above {first.do}.",
                )  # fmt: skip
                continue
            place = saga.steps.index(first)
            if saga.steps[place : place + len(group)] != group:
                yield finding(
                    "group-apart", group[-1].origin, group[-1].do, f"{names} are sent together, and another step is between.",
                    "The saga could not say whether that step waits for them.", "the steps of a group one below the other.",
                )  # fmt: skip
                continue
            pivots = [step.do for step in group if step.kind == "pivot"]
            if pivots and len(group) > 1:
                yield finding(
                    "pivot-in-group", first.origin, pivots[0], f"{pivots[0]} is the pivot, and is sent together with others.",
                    "It could be done while another is refused: a point of no return that is none.",
                    f"{pivots[0]} below the group, without `with`.",
                )  # fmt: skip
            elif len({step.kind for step in group}) > 1:
                yield finding(
                    "mixed-group", first.origin, first.do, f"Of {names} some can be undone and some cannot.",
                    "When one is refused, all of the group are undone.", "groups of one kind each.",
                )  # fmt: skip
            answers = [step.ok for step in group]
            for step in group[1:]:
                if answers.count(step.ok) > 1:
                    yield finding(
                        "group-of-one-answer", step.origin, step.do, f"{names} are sent together, and {step.ok} answers two.",
                        "The saga could not say which of them is done.", f"an event of its own as `ok` of {step.do}.",
                    )  # fmt: skip


def refusals(of: Indexed) -> Iterator[Finding]:
    """A command before the point of no return says how it is refused; one after it never is."""
    for _, step in of.design.steps:
        if step.kind == "retriable" and step.fail:
            yield finding(
                "refused-retriable", step.origin, step.do, f"{step.do} is sent until it is done, and {step.fail[0]} refuses it.",
                "A refused retriable is a saga that can go neither forward nor back.",
                f"{step.do} without `fail`, or as a step with an undo before the pivot.",
            )  # fmt: skip
        elif step.kind != "retriable" and not step.fail and not step.unrefusable:
            yield finding(
                "no-refusal", step.origin, step.do, f"{step.do} may be refused, and no event says so.",
                f"When {step.at} cannot do it, its only way is silence: the saga waits for its timeout.",
                f"fail: {step.do}Refused, or fail: none where {step.at} always can.",
            )  # fmt: skip


def filled(of: Indexed) -> Iterator[Finding]:
    """The event that ends an undone saga is made of its start event and the reason, since no handler makes it."""
    for saga in of.design.sagas:
        start, failed = of.events.get(saga.start), of.events.get(saga.failed)
        if start is None or failed is None:
            continue
        known = {("reason", "string"), *((field.name, field.type) for field in start.fields)}
        for field in failed.fields:
            has_value = field.name == saga.key or field.default is not None or field.optional
            if not has_value and (field.name, field.type) not in known:
                yield finding(
                    "end-not-filled", failed.origin, failed.name,
                    f"{failed.name} ends {saga.name} and has the field {field.name}, which nothing fills.",
                    f"The saga makes it of {saga.start} and the reason of its failure; no handler is asked.",
                    f"reason: string in its place, or {field.name} with a default, or {field.name} in {saga.start} too.",
                )  # fmt: skip


def ends(of: Indexed) -> Iterator[Finding]:
    """A saga that may be undone says which event ends it then."""
    for saga in of.design.sagas:
        if saga.pivot >= 0 and not saga.failed:
            yield finding(
                "no-failed", saga.origin, saga.name, f"{saga.name} may be undone, and has no `failed`.",
                f"No service would hear that what {saga.start} began has come to nothing.",
                f"failed: an event of {saga.at or 'its service'}, such as {saga.start.removesuffix('Placed')}Cancelled.",
            )  # fmt: skip
        elif saga.pivot < 0 and saga.failed:
            yield finding(
                "failed-never", saga.origin, saga.name, f"{saga.name} has retriable steps alone, and `failed: {saga.failed}`.",
                f"Nothing of it is ever undone, so {saga.failed} would never be published.",
                f"{saga.name} without `failed`.",
            )  # fmt: skip
