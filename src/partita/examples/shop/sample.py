"""A sample order file with the errors of real ones; the same seed gives the same file."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from partita.examples.shop.invoices import COLUMNS

ARTICLES = (
    "LANTERN, WHITE METAL",
    "CREAM CUPID HEARTS",
    'FLAG "UNION" BOTTLE',
    "RED WOOLLY HOTTIE",
    "CAFÉ MUG",
    "TEA SET",
)
COUNTRIES = ("United Kingdom", "United Kingdom", "United Kingdom", "Norway", "EIRE", "France", "Germany")
START = datetime(2010, 12, 13, 8, 26, tzinfo=UTC)  # no month has this number, so the order of day and month is clear


class Dice:
    """Numbers from a seed: a hash of the seed and a counter, equal on every machine and version."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1."""
        self._count += 1
        digest = hashlib.blake2b(f"{self._seed}/{self._count}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % limit


def sample_lines(invoices: int, seed: int) -> Iterator[str]:
    """The lines of a sample file with `invoices` invoices, the header first."""
    dice = Dice(seed)
    yield "\ufeff" + ",".join(COLUMNS) + "\r\n"
    when = START
    sold: list[tuple[str, str, int, int]] = []  # customer, code, quantity, pence of some earlier lines
    for number in range(invoices):
        when += timedelta(minutes=dice.below(9))
        credit = dice.below(12) == 0
        name = f"{'C' if credit else ''}{536365 + number}"
        customer = "" if dice.below(20) == 0 else str(12_346 + dice.below(5_000))
        country = COUNTRIES[dice.below(len(COUNTRIES))]
        if credit and sold and dice.below(4):
            customer, code, quantity, pence = sold[dice.below(len(sold))]
            yield _row(name, code, "RETURNED", -(1 + dice.below(quantity)), when, pence, customer, country)
            continue
        for _ in range(1 + dice.below(8)):
            line = _line(dice, name, credit, when, customer, country)
            code, quantity, pence = line[1], line[3], line[5]
            if customer and quantity > 0 and pence > 0:
                sold = [*sold[-50:], (customer, code, quantity, pence)]
            yield _row(*line)


Line = tuple[str, str, str, int, datetime, int, str, str]


def _line(dice: Dice, invoice: str, credit: bool, when: datetime, customer: str, country: str) -> Line:
    code = f"{20_000 + dice.below(400)}{'ABC'[dice.below(3)] if dice.below(4) == 0 else ''}"
    description = ARTICLES[dice.below(len(ARTICLES))]
    quantity, pence = 1 + dice.below(24), 29 + dice.below(1_500)
    dirt = dice.below(40)
    if dirt == 0:
        code, description, quantity, pence = "POST", "POSTAGE", 1, 1_800
    elif dirt == 1:
        code, description, quantity, pence = "C2", "CARRIAGE", 1, 5_000
    elif dirt == 2:
        pence = 0
    elif dirt == 3:
        quantity = -quantity
    elif dirt == 4:
        code, description, quantity = "D", "Discount", -1
    if credit:
        quantity = -abs(quantity)
    return invoice, code, description, quantity, when, pence, customer, country


def _row(
    invoice: str, code: str, description: str, quantity: int, when: datetime, pence: int, customer: str, country: str
) -> str:
    out = io.StringIO()
    date = f"{when:%d-%m-%y} {when.hour}:{when:%M}"
    csv.writer(out).writerow([invoice, code, description, quantity, date, f"{pence / 100:g}", customer, country])
    return out.getvalue()
