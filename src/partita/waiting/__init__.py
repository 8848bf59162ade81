"""Waiting for the world: commands whose answer comes from outside, after their handler has ended."""

from partita.errors import Overtaken, Pending, TokenRefused
from partita.waiting.later import Later, later

__all__ = ["Later", "Overtaken", "Pending", "TokenRefused", "later"]
