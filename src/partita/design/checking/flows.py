"""Rules about the parties of a flow: a command's answers come from the service that takes it."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.checking.indexed import Indexed, finding
from partita.design.model.finding import Finding


def outcomes(of: Indexed) -> Iterator[Finding]:
    """The events of an outcome belong to the service that does the step; the end of a saga to the service of the saga."""
    for _, step in of.design.steps:
        for name in filter(None, (step.ok, *step.fail, step.undone)):
            event = of.events.get(name)
            if event is not None and event.by != step.at and event.by in of.services and step.at in of.services:
                yield finding(
                    "outcome-of-another-service", step.origin, step.do,
                    f"{step.do} is done by {step.at}, and its outcome {name} is an event of {event.by}.",
                    "A service answers a command in the transaction of its work; it cannot publish another one's event.",
                    f"by: {step.at} at {name}, or at: {event.by} at {step.do}.",
                )  # fmt: skip
    for saga in of.design.sagas:
        failed = of.events.get(saga.failed)
        if failed is not None and saga.at in of.services and failed.by in of.services and failed.by != saga.at:
            yield finding(
                "outcome-of-another-service", saga.origin, saga.name,
                f"{saga.name} runs in {saga.at}, and ends with {failed.name} of {failed.by}.",
                "A saga publishes its end in the transaction of its state, in the service of its start event.",
                f"by: {saga.at} at {failed.name}, or another event for `failed`.",
            )  # fmt: skip
        for step in saga.steps:
            for name in (step.ok, *step.fail, step.undone, saga.failed):
                event = of.events.get(name)
                if event is not None and event.kind == "refusal" and not event.key:
                    continue  # the refusal of an app's command: it travels under the key of that command
                if event is not None and saga.key and saga.key not in {field.name for field in event.fields}:
                    yield finding(
                        "answer-without-key", step.origin, step.do,
                        f"{name} answers {saga.name}, whose key is {saga.key}, and does not have it.",
                        "The answer could not be matched with its saga by a person, a link or another program.",
                        f"data: {{{saga.key}: id, ...}} at {name}.",
                    )  # fmt: skip


def refusals_heard(of: Indexed) -> Iterator[Finding]:
    """A refusal is the answer to a command, and no event of a topic: no reaction hears it."""
    for reaction in of.design.reactions:
        for name in reaction.when:
            event = of.events.get(name)
            if event is not None and event.kind == "refusal":
                ends = [saga.failed for saga, step in of.design.steps if name in step.fail and saga.failed]
                yield finding(
                    "refusal-heard", reaction.origin, reaction.who,
                    f"{reaction.who} reacts to {name}, which is the refusal of a command.",
                    "A refusal changes nothing, so its service publishes nothing: the saga alone gets it as an answer.",
                    f"when: {ends[0] if ends else 'the event by which its saga ends'}, which has the reason.",
                )  # fmt: skip


def command_owners(of: Indexed) -> Iterator[Finding]:
    """A command is taken by one service, and has one answer."""
    seen: dict[str, tuple[str, str]] = {}
    for _, step in of.design.steps:
        for name, answer in ((step.do, step.ok), (step.undo, step.undone)):
            known = seen.setdefault(name, (step.at, answer)) if name else (step.at, answer)
            if known != (step.at, answer):
                yield finding(
                    "command-of-two", step.origin, name,
                    f"{name} goes to {step.at} with the answer {answer}, and to {known[0]} with {known[1]} elsewhere.",
                    "A command has one handler and one type of answer.", f"another name for one of the two {name}.",
                )  # fmt: skip
