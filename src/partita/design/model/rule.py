"""A rule of consistency, as people state it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from partita.design.model.origin import Origin

RuleKind = Literal["exactly-once-effect", "invariant", "staleness", "outbox", "order", "audit", "strong-read"]
RULE_KINDS: tuple[str, ...] = get_args(RuleKind)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in words, its kind, and the facts that the kind needs.

    `key` deduplicates an effect for `window` seconds (None = for ever); `across` are the aggregates of an invariant, `read` the
    read model of a staleness of at most `max` seconds; `keep` are the seconds of an audit. `origin` is that of the text, `bound`
    that of these facts: people state a rule, and its times are assumed.
    """

    text: str
    kind: RuleKind
    origin: Origin
    bound: Origin
    key: str = ""
    window: float | None = None
    across: tuple[str, ...] = ()
    read: str = ""
    max: float | None = None
    keep: float | None = None
