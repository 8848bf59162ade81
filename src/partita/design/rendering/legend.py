"""The legend of the marks, the same in each form of a document."""

from __future__ import annotations

LEGEND = (
    "Each line has its mark: D a person declared it, R it is derived from declared facts, A it is assumed and in the ledger, "
    "M a run measured it, planned: Partita does not run it yet, or no run has shown it yet."
)
