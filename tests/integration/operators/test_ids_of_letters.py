"""A letter is named by its id or by the end of it; a name that is no letter's is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.operators.test_dead_letters import Chatty, dead

from partita.errors import Conflict, NotFound
from partita.observability.letters import full_ids, letters, open_letter, open_where
from partita.operators.discarding import begin_discard, run_discard
from partita.store.dead_letters import LetterFilter


async def test_a_letter_is_named_by_the_end_of_its_id(tmp_path: Path) -> None:
    """The demo prints `..3f9a1c`, and the beginning of an id is the same for all letters of a minute."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 3)
    async with bank.app.running(roles=()) as system:
        every = [letter.id for letter in await letters(system.stores, LetterFilter())]
        for named in (every[0], every[0][-8:], f"..{every[0][-8:]}"):
            assert await full_ids(system.stores, (named,)) == (every[0],)
            assert (await open_letter(system.stores, named)).id == every[0]
            assert (await open_where(system.stores, LetterFilter(ids=(named,)))).ids == (every[0],)
        assert await open_where(system.stores, LetterFilter()) == LetterFilter()
        ends = [each[-1] for each in every]
        for end in set(ends):  # one character is the end of one id or of several
            if ends.count(end) > 1:
                with pytest.raises(Conflict, match="is the end of several ids"):
                    await full_ids(system.stores, (end,))


@pytest.mark.parametrize("named", ["nonsense", "", "..", "%", "00000000-0000-7000-8000-000000000000"])
async def test_an_id_of_no_letter_is_an_error(tmp_path: Path, named: str) -> None:
    """A script that misspelt it went on as if the letter had been replayed."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 1)
    async with bank.app.running(roles=()) as system:
        (letter,) = await letters(system.stores, LetterFilter())
        for ids in ((named,), (letter.id, named)):
            with pytest.raises(NotFound, match="There is no dead letter"):
                await open_where(system.stores, LetterFilter(ids=ids))


async def test_a_letter_that_is_not_open_is_said_to_be_so(tmp_path: Path) -> None:
    """It was replayed or discarded before, by another operator."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 1)
    async with bank.app.running(roles=()) as system:
        (letter,) = await letters(system.stores, LetterFilter())
        row = await begin_discard(
            system.stores["audit"], bank.audit, LetterFilter(), system.ids, reason="test", by="ann"
        )
        await run_discard(system.stores["audit"], bank.audit, row.id)
        with pytest.raises(NotFound, match=f"{letter.id} is discarded"):
            await open_where(system.stores, LetterFilter(ids=(letter.id,)))
