"""Appendix F, decisions: each with its reason, its rejected alternatives, and the fact that would change it."""

from __future__ import annotations

from partita.design.document.adr import adrs
from partita.design.document.block import Block, Heading, Item, Section, bullets
from partita.design.document.view import View
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The records of the decisions."""
    blocks: list[Block] = []
    for each in adrs(view):
        blocks.append(Heading(f"{each.id} {each.title}"))
        blocks += bullets(
            Item(f"Decided: {each.decision}", each.mark),
            Item(f"Why: {each.why}", each.shown),
            *(Item(f"Rejected: {rejected}", each.shown) for rejected in each.rejected),
            Item(f"What would change it: {each.change}", each.shown),
        )
    return Section("F", APPENDICES["F"], tuple(blocks))
