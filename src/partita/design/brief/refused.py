"""The refusal of a brief that does not follow its form, with all findings at once."""

from __future__ import annotations

from collections.abc import Sequence

from partita.design.model.finding import Finding
from partita.errors import SettingsError

SHOWN_MAX = 20


class BriefRefused(SettingsError):
    """A text that is no brief. `findings` has every line to mend, in the order of the lines."""

    def __init__(self, source: str, findings: Sequence[Finding]) -> None:
        self.source = source
        self.findings = tuple(sorted(findings))
        lines = [f"{source}:{each.line}: {each.what} Write {each.write}" for each in self.findings[:SHOWN_MAX]]
        more = len(self.findings) - SHOWN_MAX
        lines += [f"and {more} more."] if more > 0 else []
        count = len(self.findings)
        super().__init__(
            f"{source} is no brief yet: {count} line{'s' * (count != 1)} to mend.", hint="\n  ".join(lines)
        )
