"""The size of a message: the limits of its key, its value and its record, and the refusal of a message that is over one.

The sender is refused in its own transaction, so that a bus meets no record that it does not take; a bus asks the same
rule again, since other programs append too.
"""

from __future__ import annotations

from partita.errors import MessageTooLarge

KEY_BYTES_MAX = 2_000
"""What every database can index (PostgreSQL: a third of a page) and every broker takes without a second thought."""
KEY_CHARS_SURE = KEY_BYTES_MAX // 4
"""A key of so few characters is never too long: a character has four bytes at most. Almost every key is as short."""
VALUE_BYTES_MAX = 1_000_000
RECORD_BYTES_MAX = 1_048_576
"""Key, envelope and value together. The envelope has no limit of its own, so a value within its limit may be over here."""
REFERENCE = "Send a reference to where the data is instead of the data."


def is_long(text: str, bytes_max: int) -> bool:
    """Whether a text has more bytes than that, counted only where it may."""
    return len(text) > bytes_max // 4 and len(text.encode(errors="surrogatepass")) > bytes_max


def over(size: int, bytes_max: int) -> str:
    """A size that is over its limit, in words."""
    return f"{size:,} bytes, the limit is {bytes_max:,}"


def too_large(what: str, size: int, bytes_max: int, *, hint: str = REFERENCE) -> MessageTooLarge:
    """The refusal of a message that is over a limit."""
    return MessageTooLarge(f"{what} has {over(size, bytes_max)}.", hint=hint)


def record_over(key: str | None, headers: bytes, value: bytes) -> int:
    """The size of a record that no bus takes; 0 = it is small enough."""
    size = len(headers) + len(value) + len(key or "")
    return size if size > RECORD_BYTES_MAX else 0
