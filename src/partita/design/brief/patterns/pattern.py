"""The patterns by name, each with the words of a domain that choose it."""

from __future__ import annotations

from pathlib import Path

WORDS = {
    "orders": "cart carts checkout commerce ecommerce order ordering orders retail sales shop shopping store webshop",
    "rides": "cab cabs hailing ride rides ridesharing taxi taxis",
    "claims": "claim claims insurance insurer",
    "subscriptions": "member members membership memberships saas subscriber subscribers subscription subscriptions",
    "bookings": "appointment appointments booking bookings hotel hotels rental rentals reservation reservations ticket tickets",
    "payments": "bank banking payment payments payout payouts remittance transfer transfers wallet wallets",
}
"""An earlier pattern is chosen where two have as many words in an answer."""


def pattern_of(words: tuple[str, ...]) -> str:
    """The pattern of a domain with these words; "" where none has one of them."""
    counts = {name: sum(word in text.split() for word in words) for name, text in WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else ""


def pattern_text(name: str) -> str:
    """The brief of a pattern."""
    return (Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8")
