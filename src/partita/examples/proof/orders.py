"""The orders of the demo: the n-th order of a seed is always the same, so a killed storefront continues where it was."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from partita.examples.shop.messages import PlaceOrder, RequestReturn
from partita.examples.shop.services import OrderId, OrderLine, ReturnId

COUNTRIES = ("United Kingdom", "Norway", "EIRE", "France", "Germany")
SKUS = 20
DAY_S = 86_400
FIRST_DAY_S = 1_767_225_600  # 2026-01-01
RETURN_EVERY = 10
RETURN_BEHIND = 40


def order_id(seed: int, number: int) -> OrderId:
    """The id of the n-th order."""
    return OrderId(f"ord_{seed}_{number:06d}")


def order(seed: int, number: int) -> PlaceOrder:
    """The n-th order of a seed: one to three lines, a country, one of thirty days."""
    dice = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=16).digest()
    count = 1 + dice[0] % 3
    lines = [
        OrderLine(
            sku=f"SKU-{(dice[1] + 7 * i) % SKUS:02d}",
            quantity=1 + dice[2 + i] % 3,
            price_cents=100 + 10 * dice[6 + i],
        )
        for i in range(count)
    ]
    return PlaceOrder(
        order_id=order_id(seed, number),
        customer_id=f"customer-{dice[10] % 50}",
        lines=lines,
        country=COUNTRIES[dice[11] % len(COUNTRIES)],
        occurred_at=datetime.fromtimestamp(FIRST_DAY_S + DAY_S * (dice[12] % 30), UTC),
    )


def return_id(seed: int, number: int) -> ReturnId:
    """The id of the return that is requested with the n-th order."""
    return ReturnId(f"ret_{seed}_{number:06d}")


def returned(seed: int, number: int) -> RequestReturn | None:
    """With every tenth order, one article like one of an earlier order is brought back by its customer."""
    if number % RETURN_EVERY or number < RETURN_BEHIND:
        return None
    before = order(seed, number - RETURN_BEHIND)
    return RequestReturn(
        return_id=return_id(seed, number),
        customer_id=before.customer_id,
        sku=before.lines[0].sku,
        quantity=1,
        occurred_at=datetime.fromtimestamp(FIRST_DAY_S + DAY_S * 40, UTC),
    )


def poisoned(command: PlaceOrder) -> PlaceOrder:
    """The same order with the storefront's mistake: without its country."""
    return msgspec.structs.replace(command, country="")


class Poisoned:
    """The orders that the storefront sends with a mistake. They are recorded before, so that a repeat is the same command."""

    def __init__(self, data: Path) -> None:
        self._path = data / "poisoned.txt"
        self._wanted = data / "poison"

    def want(self) -> None:
        """Ask the storefront for one mistake."""
        self._wanted.touch()

    @property
    def is_wanted(self) -> bool:
        """Whether a mistake is requested."""
        return self._wanted.exists()

    def take(self, number: int) -> None:
        """Make this order the one with the mistake."""
        with self._path.open("a") as file:
            file.write(f"+{number}\n")
        self._wanted.unlink()

    def drop(self, number: int) -> None:
        """Release an order: a storefront that was killed had placed it without the mistake already. Take another."""
        with self._path.open("a") as file:
            file.write(f"-{number}\n")
        self.want()

    def numbers(self) -> set[int]:
        """The numbers of all such orders."""
        said = self._path.read_text().split() if self._path.exists() else []
        return {int(line) for line in said if line[0] == "+" and f"-{line[1:]}" not in said}


class Accepted:
    """The storefront's own record of accepted messages (orders or `returns`): a witness, like the provider's
    ledger."""

    def __init__(self, data: Path, *, returns: bool = False) -> None:
        self.path = data / ("returned.txt" if returns else "accepted.txt")

    def read(self) -> set[int]:
        """The numbers of all accepted messages; a line cut short by a kill does not count."""
        if not self.path.exists():
            return set()
        lines = self.path.read_text().split("\n")[:-1]
        return {int(line) for line in lines if line.isdigit()}

    def add(self, numbers: list[int]) -> None:
        """Record an accepted message by one write, which a killed process has done or not."""
        with self.path.open("a") as file:
            file.write("".join(f"{n}\n" for n in numbers))
