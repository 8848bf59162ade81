"""`Money`: an amount in the smallest unit of its currency, exact in every schema language."""

from __future__ import annotations

import decimal
from typing import Annotated

import msgspec

from partita.errors import Malformed

# ISO 4217: currencies whose smallest unit is no hundredth.
_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_EXACT = decimal.Context(prec=40, traps=[decimal.Inexact, decimal.InvalidOperation])


class Money(msgspec.Struct, frozen=True, rename="camel"):
    """An amount of money: its whole number of the currency's smallest unit, and the currency's three letters (ISO 4217).

    `Money.of("12.50", "EUR")` is `Money(1250, "EUR")`. No float is taken, and two currencies are never added.
    """

    minor_units: int
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", min_length=3, max_length=3, examples=["EUR"])]

    @classmethod
    def of(cls, amount: decimal.Decimal | int | str, currency: str) -> Money:
        """An amount in the currency's main unit.

        Raises:
            Malformed: it is a float or no number, or has digits that the currency has no unit for.
        """
        digits = _digits(currency)
        try:
            if not isinstance(amount, decimal.Decimal | int | str):
                raise ValueError("a float is never exact")
            units = _EXACT.quantize(decimal.Decimal(amount), decimal.Decimal((0, (1,), -digits))).scaleb(digits, _EXACT)
            return cls(int(units), currency)
        except (decimal.DecimalException, ValueError) as error:
            raise Malformed(
                f"{amount!r:.60} is no amount of {currency}, which has {digits} digits after the point.",
                hint='Money.of("12.50", "EUR"), or Money(1250, "EUR").',
            ) from error

    @property
    def amount(self) -> decimal.Decimal:
        """The amount in the currency's main unit, exact: `Decimal("12.50")`."""
        return decimal.Decimal(self.minor_units).scaleb(-_digits(self.currency), _EXACT)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor_units + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor_units - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor_units, self.currency)

    def __mul__(self, times: int) -> Money:
        if type(times) is not int:
            raise Malformed(f"Money times {times!r:.60} may be between two units.", hint="Multiply by an int.")
        return Money(self.minor_units * times, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor_units < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor_units <= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money) or other.currency != self.currency:
            raise Malformed(f"{self} and {other!s:.60} are not of one currency.", hint="Exchange one of them first.")
        return other.minor_units


def _digits(currency: str) -> int:
    return _DIGITS.get(currency, 2)
