"""The wishes in their places: rules, windows, waits and deadlines where the form has them, and questions where it has none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from partita.design.brief.asking.generic import Names
from partita.design.brief.asking.lexicon import word_set
from partita.design.brief.asking.outage import outlive
from partita.design.brief.asking.rule_line import SAID, RuleLine, quoted, unquoted
from partita.design.brief.asking.sections import Sections
from partita.design.brief.asking.times import seconds, set_deadline, set_timeout, short
from partita.design.brief.asking.wish import Wish
from partita.design.brief.asking.wording import singular

DAY_S = 86_400.0
_READS = re.compile(
    r"\b(report\w*|summar\w*|views?|lists?|dashboards?|figures?|statistics?|registers?|reads?|search\w*|screens?"
    r"|analytics|overviews?|maps?|read models?|boards?|display\w*|pages?|projection\w*|numbers|counts?|histor\w*)\b"
)
_ALL = re.compile(
    r"^\W*(?:eventual\w*|everything else|all (?:the )?rest|the rest|otherwise)\b"
    r"|\beventual (?:consistency|is)\b|\beventually consistent\b"
)
_GENERIC_ONCE = re.compile(r"(?:with )?exactly.?once(?: effects?| delivery| processing)?(?: within .*| for .*)?|\d.*")
_MOVES = re.compile(r"charg|pa(id|y)|bill|debit|credit|refund|captur|invoic|payout|disburs|reimburs")
"""The verbs of money, in the words of a wish."""
_LIMIT = re.compile(
    r"exceed|more than|at most|overbook|double.?book|over.?s[oe]l|below zero|negative|at a time|\bunique"
    r"|only one|\bno two\b|\btwice\b"
)
"""The words of a limit: a number of things, or of money, that is never passed."""
_PLAIN = word_set("small", "plain")


@dataclass(slots=True)
class Placing:
    """The wishes of one draft on their way into its sections."""

    sections: Sections
    names: Names
    rules: list[RuleLine] = field(default_factory=list)
    is_pattern: bool = False
    failure: RuleLine = field(default_factory=lambda: RuleLine({}))
    unread: list[str] = field(default_factory=list)
    retention: str = ""
    kept: list[tuple[Wish, tuple[str, ...]]] = field(default_factory=list)

    def place(self, wish: Wish) -> None:
        """Put one wish into its place."""
        {
            "once": self._once, "order": self._order, "audit": self._audit, "late": self._late, "retry": self._retry,
            "invariant": self._invariant, "lost": self._lost, "retention": self._retention, "deadline": self._deadline,
            "strong": self._strong, "privacy": self._privacy, "outage": self._outage, "": self._unread,
        }[wish.kind](wish)  # fmt: skip

    def marks(self) -> tuple[dict[int, str], set[str], set[str], str]:
        """The words said so far: of each rule, of the treatment of failures, in lines of flows and events, of the retention."""
        rules = {id(each): f"{each.values} {sorted(each.said)} {each.comment}" for each in self.rules}
        return rules, set(self.failure.said), set(self.sections.said), self.retention

    def changed(self, before: tuple[dict[int, str], set[str], set[str], str]) -> list[RuleLine | str]:
        """The parts of the brief that say more than before: rules, and the names of values."""
        rules, failure, lines, retention = before
        now = self.marks()
        found: list[RuleLine | str] = [each for each in self.rules if now[0][id(each)] != rules.get(id(each))]
        found += [f"failure.{key}" for key in sorted(now[1] - failure)]
        found += [name for line in now[2] - lines for name in self._names_in(line)]
        return [*found, "load.retention"] if self.retention != retention else found

    def _names_in(self, line: str) -> list[str]:
        """The names of the values that a line of a flow or an event has."""
        flows = self.sections.lines.get("flows", [])
        if line.startswith("    deadline: "):
            saga = next((each for each in reversed(flows[: flows.index(line)]) if re.match(r"  [A-Z]\w*:$", each)), "")
            return [f"{saga.strip(' :')}.deadline"]
        if line in flows:
            step = re.search(r"do: (\w+),", flows[flows.index(line) - 1])
            return [f"{step[1]}.{key}" for key in re.findall(r"(timeout|remind|escalate): ", line)] if step else []
        event = re.match(r"  (\w+):", line)
        return [event[1]] if event else []

    def _unread(self, wish: Wish) -> None:
        words = {singular(word) for word in re.findall("[a-z]+", wish.words)}
        lossy = [line for line in self.sections.lines["events"] if "lossy: yes" in line]
        if lossy and "lost" in words and {"position", "update", "location"} & words:
            self.sections.say(lossy[0], f"{SAID}: it may be lost; the rest of the line is assumed")
            return
        self.unread.append(wish.said)

    def _once(self, wish: Wish) -> None:
        twice = re.search(r"\b(twice|double|two)\b", wish.words) and not (
            _MOVES.search(wish.words) or re.search(r"sent|send|notif|mail|count|collect|handled|processed", wish.words)
        )
        if twice and self._aggregates(wish):
            self._invariant(wish)
            return
        window = wish.time
        if 0 < (seconds(window) if window else 0) < DAY_S:
            window = "24h"  # it covers a shorter one, which retries may outlast
        if (
            window
            and re.search(r"\b(duplicat|dedup|recogni|idempoten|known)", wish.words)
            and self._dedupe(wish, window)
        ):
            return
        rule = self._known("exactly-once-effect", wish, least=0)
        generic = _GENERIC_ONCE.fullmatch(wish.words)
        if rule is None:
            rule = RuleLine({"rule": "", "kind": "exactly-once-effect", "key": self._key(wish), "window": "24h"})
            self.rules.append(rule)
        if generic and "rule" not in rule.said:
            text = rule.values["rule"] or quoted(wish.said)
            if window:
                rule.say(window=window, kind="exactly-once-effect")
            rule.comment = f"{SAID}: exactly-once effects" + ("" if window else "; the window is assumed")
            rule.values["rule"] = text
        else:
            rule.say(rule=quoted(wish.said), kind="exactly-once-effect")
            rule.assume(key=self._key(wish, rule.values["key"]))
        if wish.forever:
            rule.say(window="forever")
            rule.assume(across=rule.values.get("across") or f"[{self._paid(wish)}]")
        elif not wish.times and not generic and _MOVES.search(wish.words) and self._audited():
            rule.assume(window="forever")  # "never charged twice" has no end: a mark of a day would be one
            rule.assume(across=rule.values.get("across") or f"[{self._paid(wish)}]")
        elif window:
            rule.say(window=window)
            rule.values.pop("across", None) if "across" not in rule.said else None
            self._window(window)

    def _dedupe(self, wish: Wish, window: str) -> bool:
        """Duplicates by a key for a time: the window of the consumers, and that of the effects that are said already."""
        self.failure.say(window=window)
        known = [each for each in self.rules if each.values["kind"] == "exactly-once-effect" and "rule" in each.said]
        for rule in known:
            if "window" not in rule.said:  # a time that an answer has, in place of the assumed `forever`
                rule.say(window=window, key=self._key(wish, rule.values["key"]))
                rule.values.pop("across", None) if "across" not in rule.said else None
        return bool(known)

    def _window(self, window: str) -> None:
        """Consumers know messages for at least as long as an effect is to happen once."""
        if seconds(window) > seconds(self.failure.values["window"]):
            self.failure.say(window=window)

    def _order(self, wish: Wish) -> None:
        rule = RuleLine({"rule": "", "kind": "order"})
        rule.say(rule=quoted(wish.said), kind="order")
        rule.assume(key=self._key(wish))
        self.rules.append(rule)

    def _audit(self, wish: Wish) -> None:
        rule = self._known("audit", wish, least=0)
        if rule is None:
            rule = RuleLine({"rule": "", "kind": "audit", "keep": "10y"})
            self.rules.append(rule)
        rule.say(rule=quoted(wish.said), kind="audit")
        if wish.time or wish.forever:
            rule.say(keep=wish.time or "forever")
        self._keep_events(wish)

    def _keep_events(self, wish: Wish) -> None:
        """An audit needs a history: one aggregate at least is event-sourced."""
        lines = self.sections.lines.get("storage", [])
        if lines and not any("as: event-sourced" in line for line in lines):
            lines[1] = lines[1].replace("as: crud", "as: event-sourced")

    def _late(self, wish: Wish) -> None:
        models = [each for each in self.rules if each.values["kind"] == "staleness"]
        if not models:
            self.sections.notes.append(
                f'your answer: "{wish.said}". No read model is in this brief: each reaction comes later than its event.'
            )
            return
        chosen = [each for each in models if self._is_about(each.values["read"], wish)]
        if not chosen and self._heard(wish):
            return
        if not chosen and not (_READS.search(wish.words) or _ALL.search(wish.words) or len(wish.words.split()) < 4):
            self.unread.append(wish.said)
            return
        for rule in chosen or [each for each in models if "rule" not in each.said]:
            if wish.time:
                rule.say(rule=quoted(wish.said), kind="staleness", max=wish.time)
            elif "rule" not in rule.said:
                rule.comment = f"{SAID}: eventual; the time is assumed"

    def _heard(self, wish: Wish) -> bool:
        """Note a bound of a reaction: "letters may be late by a day" is about the service that writes letters."""
        words = _content(wish.words) - {"servi"}
        for party, does in self.sections.reactions():
            if not does.startswith("project ") and words & _content(does):
                self.sections.notes.append(
                    f'your answer: "{wish.said}". {party} reacts by itself ({does}), and nothing waits for it. '
                    "The form has no bound of a reaction: an alarm on the lag of its group keeps the time."
                )
                return True
        return False

    def _retry(self, wish: Wish) -> None:
        before = re.split(r"dead|\bkept\b|\bfor \d", wish.words)[0]
        waits = [each for each in wish.times if each][: len(re.findall(r"\d", before)) or 0]
        if waits:
            self.failure.say(retry_topics=f"[{', '.join(waits)}]")
        if re.search(r"dead.?letter", wish.words):
            self.failure.say(then="dead-letter")
        if re.search(r"alert|page|notif|alarm", wish.words):
            self.failure.say(alert=self.failure.values.get("alert", "team"))
        if not waits and not re.search(r"dead.?letter", wish.words):
            self.unread.append(wish.said)
        last = sum(seconds(each) for each in waits)
        if last and seconds(self.failure.values["window"]) <= last:
            longer = short(max(DAY_S, 2 * last))
            self.failure.assume(window=longer)
            for rule in self.rules:
                if rule.values["kind"] == "exactly-once-effect" and rule.values.get("window") != "forever":
                    rule.assume(window=longer)

    def _invariant(self, wish: Wish) -> None:
        rule, about = self._known("invariant", wish, least=2), self._aggregates(wish) or self._kept_by(wish)
        about = self._keepers(about) if _LIMIT.search(wish.words) else about
        if rule is not None and about and not self.is_pattern:
            rule.assume(across=f"[{', '.join(about)}]")
        if rule is None:
            named = about or self.sections.names("storage")[:1]
            if not named:
                self.unread.append(wish.said)
                return
            rule = RuleLine({"rule": "", "kind": "invariant", "across": f"[{', '.join(named)}]"})
            self.rules.append(rule)
        rule.say(rule=quoted(wish.said), kind="invariant")

    def _lost(self, wish: Wish) -> None:
        rule = self._known("outbox", wish, least=0) or RuleLine({"rule": "", "kind": "outbox"})
        rule.say(rule=quoted(wish.said), kind="outbox")
        if rule not in self.rules:
            self.rules.append(rule)

    def _outage(self, wish: Wish) -> None:
        """Steps outlive the absence of their service: a rule that no event is lost says nothing of a saga that gives up."""
        if outlive(self.sections, wish.words, wish.time):
            self._lost(wish)
        else:
            self.unread.append(wish.said)

    def _retention(self, wish: Wish) -> None:
        if wish.time:
            self.retention = wish.time
        else:
            self.unread.append(wish.said)

    def _deadline(self, wish: Wish) -> None:
        about_all = {
            self.names.noun.rpartition("_")[2],
            *self.names.noun.split("_"),
            "everything",
            "whole",
            "process",
            "saga",
        }
        if wish.time and set_timeout(self.sections, wish.words, wish.time):
            return
        if (
            wish.time
            and about_all & {singular(word) for word in re.findall("[a-z]+", wish.words)}
            and set_deadline(self.sections, wish.time, SAID)
        ):
            return
        self.unread.append(wish.said)

    def _strong(self, wish: Wish) -> None:
        self.sections.notes.append(
            f'your answer: "{wish.said}". Within one service it holds: a command changes its aggregate and answers in one '
            "transaction. Across services a saga keeps it. A read model is behind: ask the service that owns the thing."
        )

    def _privacy(self, wish: Wish) -> None:
        self.sections.notes.append(
            f'your answer: "{wish.said}". The form marks personal data (`pii: yes`) and bounds topics '
            "(`keep:`), and has no rule of an erasure: a key for each person that can be deleted, or a shorter `keep`."
        )

    def _known(self, kind: str, wish: Wish, least: int) -> RuleLine | None:
        """The rule of a kind with the most words of a wish, which no answer has said yet."""
        drop = {"open", _stem("confirmed"), *(_stem(each) for each in self.names.noun.split("_"))}
        own = _content(wish.words) - drop
        known = [each for each in self.rules if each.values["kind"] == kind and "rule" not in each.said]
        best = max(known, key=lambda each: len(own & _content(each.values["rule"])), default=None)
        common = len(own & _content(best.values["rule"])) if best is not None else 0
        return best if common >= least and (not least or 2 * common >= len(own)) else None

    def _aggregates(self, wish: Wish) -> list[str]:
        """The aggregates that a wish names, without those that no saga directs."""
        words = {singular(word) for word in re.findall("[a-z]+", wish.words)}
        flows = " ".join(self.sections.lines.get("flows", ()))
        found = []
        for name in self.sections.names("storage"):
            parts = [each.lower() for each in re.findall("[A-Z][a-z0-9]*", name)]
            if parts and (parts[-1] in words or parts[0] in words):
                found.append(name)
        owners = {name: self._owner(name) for name in found}
        return [
            name
            for name in found
            if len(found) == 1 or owners[name] == self.names.main or f"at: {owners[name]}," in flows
        ]

    def _keepers(self, about: list[str]) -> list[str]:
        """A limit is kept by one service in one transaction: the one that takes from it, and gives back."""
        flows = self.sections.lines.get("flows", ())
        takes = [
            line for line in flows if "undo: " in line and "pivot: yes" not in line and "on_timeout: ask" not in line
        ]
        held = [name for name in about if any(f"at: {self._owner(name)}," in line for line in takes)]
        held = [name for name in held if self._owner(name) != self.names.main]
        return held[:1] or about

    def _kept_by(self, wish: Wish) -> list[str]:
        """The aggregates of a service that a wish names: "the lot is never overbooked" is about the spaces of the impound lot."""
        words = {singular(word) for word in re.findall("[a-z]+", wish.words)} - {"service"}
        names = self.sections.names("storage")
        return [name for name in names if words & {singular(word) for word in self._owner(name).split("-")}]

    def _owner(self, aggregate: str) -> str:
        for key in ("producers", "consumers"):
            for line in self.sections.lines.get(key, ()):
                if re.search(rf"owns: \[[^\]]*\b{aggregate}\b", line):
                    return line.strip().partition(":")[0]
        return ""

    def _paid(self, wish: Wish) -> str:
        """The aggregate whose row keeps the key of an effect for ever: one that the wish names, else one with money."""
        audited = self._audited()
        return next(
            iter(
                [
                    *(each for each in self._aggregates(wish) if each in audited),
                    *audited,
                    *self._aggregates(wish),
                    *self.sections.names("storage"),
                ]
            )
        )

    def _audited(self) -> list[str]:
        """The aggregates of money: each keeps its row for ever."""
        lines = self.sections.lines.get("storage", ())
        return [line.strip().partition(":")[0] for line in lines if "money is audited" in line]

    def _key(self, wish: Wish, otherwise: str = "") -> str:
        """The field by which a wish recognises a thing: `by the order id`."""
        named = re.findall(r"\b([a-z]+)[ -]?(?:id|number|no|key)\b", wish.words)
        fields = set(re.findall(r"\b([a-z][a-z0-9_]*_id)\b", " ".join(self.sections.lines["events"])))
        return next((f"{each}_id" for each in named if f"{each}_id" in fields), otherwise or self.names.key)

    def _is_about(self, model: str, wish: Wish) -> bool:
        parties = [party for party, does in self.sections.reactions() if does == f"project {model}"]
        words = _content(wish.words)
        own = [*model.split("_"), *(part for each in parties for part in each.split("-"))]
        drop = {"service"} if _READS.search(wish.words) else {"service", "summary", *self.names.noun.split("_")}
        return bool(words & {_stem(each) for each in own if each not in drop})


def place_wishes(sections: Sections, wishes: tuple[Wish, ...], names: Names, *, is_pattern: bool) -> Placing:
    """Put each wish where it belongs; none is dropped."""
    rules = [RuleLine.of(line) for line in sections.lines.get("consistency", ["consistency:"])[1:]]
    placing = Placing(sections, names, rules, is_pattern, RuleLine.of(sections.lines["failure"][0]))
    keepers: list[tuple[Wish, list[RuleLine | str]]] = []
    for wish in wishes:
        before = placing.marks()
        placing.place(wish)
        keepers.append((wish, placing.changed(before)))
    for wish, parts in keepers:  # a rule has its last words now
        parts_said = (unquoted(each.values["rule"]) if isinstance(each, RuleLine) else each for each in parts)
        placing.kept.append((wish, tuple(dict.fromkeys(parts_said))))
    sections.lines["consistency"] = ["consistency:"]
    for rule in placing.rules:
        for line, comment in rule.lines():
            sections.add("consistency", line, None if comment == "assumed" else comment)
    sections.lines["failure"] = ["failure:"]
    for line, comment in placing.failure.block():
        sections.add("failure", line, None if comment == "assumed" else comment)
    return placing


def _content(text: str) -> set[str]:
    return {_stem(word) for word in re.findall("[a-z]+", text.lower()) if word not in _PLAIN and len(word) > 2}


def _stem(word: str) -> str:
    word = singular(word)
    return word[:5]
