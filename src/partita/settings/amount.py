"""Declared amounts: an impossible number is refused at its declaration, not at its first use."""

from __future__ import annotations

from partita.errors import PartitaError

SECONDS_MAX = 100 * 366 * 86_400.0
"""A hundred years: times are kept as microseconds in 64 bits, with room for a scale and for the time of day."""


def check_seconds(
    error: type[PartitaError], what: str, value: object, *, positive: bool = True, most: float = SECONDS_MAX
) -> None:
    """Refuse a duration that cannot be waited for; 0 is valid unless it must be `positive`.

    Raises:
        error: it is no number, not finite, negative or longer than `most`.
    """
    check_number(error, what, value, above=0 if positive else None, least=None if positive else 0, most=most, unit=" s")


def check_number(
    error: type[PartitaError],
    what: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float,
    unit: str = "",
) -> None:
    """Refuse a number outside of its limits.

    Raises:
        error: it is no number, or outside.
    """
    low = f"above {above:,g}" if above is not None else f"from {least or 0:,g}"
    if not (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (above is None or value > above)
        and (least is None or value >= least)
        and value <= most  # also false for nan
    ):
        raise error(f"{what}={value!r} cannot be.", hint=f"A number {low} up to {most:,.15g}{unit}.")


def check_count(error: type[PartitaError], what: str, value: object, *, least: int = 1, most: int) -> None:
    """Refuse a count that is not a whole number within its limits.

    Raises:
        error: it is not valid.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise error(f"{what}={value!r} cannot be.", hint=f"A whole number from {least:,} up to {most:,}.")
