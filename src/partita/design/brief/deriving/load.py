"""The load of a brief, and the rate of each event."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.services import ARCHITECT, owner_of
from partita.design.brief.form import UNITS
from partita.design.brief.part import Part
from partita.design.model.choreography import Choreography
from partita.design.model.load import Load, Stream
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import SagaDesign
from partita.design.model.service import ServiceDesign

STEADY = 10.0
PEAK_FACTOR = 5.0
RETENTION_S = 7 * 86_400.0
REFUSED = 0.05
SILENT = 0.01
"""The share of a step that a provider or a process does not answer in time; that of a refusal is `REFUSED`."""


def load_of(brief: Part, sagas: tuple[SagaDesign, ...], ledger: Ledger) -> Load:
    """The streams and the retention; streams of starts are assumed where none is declared."""
    part = brief.part("load")
    streams = [
        _stream(key, value.of, brief, sagas, ledger)
        for key, value in part.entries.items()
        if isinstance(value.of, Part)
    ]
    if not streams:
        streams = [_assumed(saga.start, ledger) for saga in sagas]
    retention: Fact[float]
    if part.has("retention"):
        retention = ledger.fact(part, "retention", part.number("retention"))
    else:
        retention = Fact(RETENTION_S, ledger.assume(
            "Topics keep events for 7 days.", ARCHITECT, "an event that a consumer missed for longer is gone",
            "load: {retention: 7d}",
        ))  # fmt: skip
    return Load(tuple(streams), retention)


def retention_of(load: Load) -> Fact[float | None]:
    """The retention of topics; None for ever."""
    value = load.retention.value
    return Fact(None if value == math.inf else value, load.retention.origin)


def rates_of(
    brief: Part,
    load: Load,
    sagas: tuple[SagaDesign, ...],
    choreographies: tuple[Choreography, ...],
    ledger: Ledger,
    services: tuple[ServiceDesign, ...] = (),
) -> dict[str, Fact[float]]:
    """The mean rate of each event at steady load: that of its stream, of its saga, or of events with the same key."""
    rates: dict[str, Fact[float]] = {}
    for stream in load.streams:
        origin = ledger.derived(f"the stream {stream.name}", of=(stream.origin, stream.steady.origin))
        rates.setdefault(stream.begins, Fact(stream.steady.value, origin))
    keys = {name: part.text("key") for name, part in brief.named("events")}
    for _ in range(2):  # the start of a second saga may be an event of the first
        for saga in sagas:
            _rates_of_saga(saga, _start(saga, rates, keys, ledger), rates, ledger, services)
    for reaction in (each for flow in choreographies for each in flow.reactions):
        causes = [rates[name] for name in reaction.when if name in rates]
        for name in reaction.gives if causes else ():
            total = sum(each.value for each in causes)
            why = f"{reaction.who} publishes it for each event it hears"
            rates.setdefault(
                name, Fact(total, ledger.derived(why, of=(reaction.origin, *(each.origin for each in causes))))
            )
    for name, key in keys.items():
        if name not in rates:
            rates[name] = _like_its_key(name, key, rates, keys, ledger)
    return rates


def _stream(key: str, part: Part, brief: Part, sagas: tuple[SagaDesign, ...], ledger: Ledger) -> Stream:
    name, _, unit = key.rpartition("_per_")
    seconds = UNITS[unit]
    steady = Fact(
        part.number("steady") / seconds,
        ledger.declared(part.line_of("steady"), f"{part.number('steady'):g} per {unit}"),
    )
    if part.has("peak"):
        peak = Fact(
            part.number("peak") / seconds, ledger.declared(part.line_of("peak"), f"{part.number('peak'):g} per {unit}")
        )
    else:
        peak = Fact(steady.value * PEAK_FACTOR, ledger.assume(
            "The peak of {about} is five times the steady rate.", ARCHITECT,
            "partitions and consumers are too few in the worst minute", "steady: 50, peak: 250 at the load", about=name,
        ))  # fmt: skip
    if part.has("begins"):
        return Stream(name, part.text("begins"), steady, peak, ledger.declared(part.line_of("begins")))
    begins, origin = _begins(name, brief, sagas, ledger)
    return Stream(name, begins, steady, peak, origin)


def _begins(name: str, brief: Part, sagas: tuple[SagaDesign, ...], ledger: Ledger) -> tuple[str, Origin]:
    """The event that begins each of "orders", with its origin: one whose name has the word, or the lossy one, or the start of the
    first saga."""
    events = brief.named("events")
    stem = name.rpartition("_")[2].removesuffix("s")
    stem = f"{stem[:-2]}y" if stem.endswith("ie") else stem
    starts = [saga.start for saga in sagas]
    named = [each for each, _ in events if stem in each.lower()]
    lossy = [each for each, part in events if part.flag("lossy")]
    found = next(iter([*(each for each in named if each in starts), *named, *lossy, *starts]), "")
    found = found or (events[0][0] if events else "")
    origin = ledger.assume(
        f"Each of the {name.replace('_', ' ')} begins with {found}.", ARCHITECT,
        "rates, disk and partitions are computed for the wrong events", f"{{steady: 50, begins: {found}}} at the load",
    )  # fmt: skip
    return found, origin


def _assumed(start: str, ledger: Ledger) -> Stream:
    origin = ledger.assume(
        f"{STEADY:g} a second usually and {STEADY * PEAK_FACTOR:g} at the peak begin with {{about}}.", ARCHITECT,
        "every number of the capacity sheet changes by the same factor",
        "load: {orders_per_second: {steady: 10, peak: 50}}", about=start,
    )  # fmt: skip
    return Stream(start, start, Fact(STEADY, origin), Fact(STEADY * PEAK_FACTOR, origin), origin)


def _start(saga: SagaDesign, rates: dict[str, Fact[float]], keys: dict[str, str], ledger: Ledger) -> Fact[float]:
    if saga.start not in rates:
        rates[saga.start] = _like_its_key(saga.start, saga.key, rates, keys, ledger)
    return rates[saga.start]


def _rates_of_saga(
    saga: SagaDesign,
    start: Fact[float],
    rates: dict[str, Fact[float]],
    ledger: Ledger,
    services: tuple[ServiceDesign, ...],
) -> None:
    done = ledger.derived(f"one for each {saga.start}, were none refused", of=(start.origin,))
    for step in saga.steps:
        _set(rates, (step.ok,), start.value, done)
    refused, twice = start.value * REFUSED, f"{start.value * REFUSED * 2:.3g}/s; today {start.value * REFUSED:.3g}/s"
    for step in saga.steps:
        for name in step.fail:
            origin = ledger.assume(
                f"One {saga.name} in twenty ends by {name}.", owner_of(services, step.at), f"at one in ten, {name} comes {twice}",
                f"load: {{{_snake(name)}_per_second: {{steady: {refused:g}, begins: {name}}}}}",
            )  # fmt: skip
            _set(rates, (name,), refused, origin)
    _rates_of_undoing(saga, start.value * SILENT, rates, ledger, services)


def _rates_of_undoing(
    saga: SagaDesign,
    silent: float,
    rates: dict[str, Fact[float]],
    ledger: Ledger,
    services: tuple[ServiceDesign, ...],
) -> None:
    """Each refusal ends a saga and undoes the steps before it; so does each step without an answer, which is undone itself."""
    undone = [name for name in (*(step.undone for step in saga.steps), saga.failed) if name]
    if not undone:
        return
    refusals = [rates[name] for step in saga.steps for name in step.fail]
    together = sum(each.value for each in refusals) + silent
    last = undone[-1]
    assumed = ledger.assume(
        f"One {saga.name} in a hundred has a step without an answer, and is undone.", owner_of(services, saga.at),
        f"at one in fifty, {last} comes {together + silent:.3g}/s; today {together:.3g}/s",
        f"load: {{{_snake(last)}_per_second: {{steady: {together:g}, begins: {last}}}}}",
    )  # fmt: skip
    for at, step in enumerate(saga.steps):
        later = [rates[name] for each in saga.steps[at + 1 :] for name in each.fail]
        _set(rates, (step.undone,), sum(each.value for each in later) + silent, _summed(later, assumed, ledger))
    _set(rates, (saga.failed,), together, _summed(refusals, assumed, ledger))


def _summed(refusals: list[Fact[float]], silent: Origin, ledger: Ledger) -> Origin:
    if not refusals:
        return silent
    many = len(refusals)
    why = f"{many} refusal{'s' * (many != 1)}, or no answer"
    return ledger.derived(why, of=(silent, *(each.origin for each in refusals)))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _set(rates: dict[str, Fact[float]], names: Iterable[str], value: float, origin: Origin) -> None:
    for name in names:
        if name:
            rates.setdefault(name, Fact(value, origin))


def _like_its_key(
    name: str, key: str, rates: dict[str, Fact[float]], keys: dict[str, str], ledger: Ledger
) -> Fact[float]:
    same = [rates[other].value for other, its in keys.items() if its == key and other in rates and other != name]
    origin = ledger.assume(
        "Each key has one of these events, as often as others of that key happen: {about}.", ARCHITECT,
        "their topics need more or less disk", "load: {things_per_second: {steady: 10, begins: EVENT}}", about=name,
    )  # fmt: skip
    return Fact(max(same, default=STEADY), origin)
