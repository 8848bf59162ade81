"""The refusal of an answer from which no name can be made."""

from __future__ import annotations

from partita.errors import SettingsError


class AnswerRefused(SettingsError):
    """An answer has no word of letters: the message names the question."""
