"""An answer by a link: by a token that a handler made, in another process, once and in time."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.waiting.rides import Rides
from tests.waiting import until

from partita import Conflict, NotFound, PartitaError, SettingsError, hours, seconds
from partita.waiting import Overtaken, TokenRefused

SECRET = "s" * 32


async def test_a_link_answers_once(tmp_path: Path, store: str) -> None:
    rides, web = Rides(tmp_path, store, secret=SECRET), Rides(tmp_path, store, secret=f"{'n' * 32} {SECRET}")
    async with rides.app.running():
        await rides.app.send(rides.Ask(ride="r1"))
        (reply_to,) = await until(rides.waiting)
        token = rides.app.reply_token(reply_to, lasts=hours(1))
        async with web.app.running(services=["dispatch"], roles=()):
            for _ in range(2):
                await web.app.reply_by_token(token, web.Accepted(ride="r1", driver="dan"), by="link")
            with pytest.raises(Conflict, match="by link"):
                await web.app.reply_by_token(token, web.Declined(driver="dan"))
            with pytest.raises(TokenRefused):
                await web.app.reply_by_token(token[:-1], web.Declined(driver="dan"))
        await until(lambda: rides.saga("r1"), holds=lambda found: found == "completed")
        assert await rides.answers() == ["later.dispatch.v1.Accepted"]
        with pytest.raises(NotFound):
            other = rides.app.reply_token("another id", lasts=5)
            await rides.app.reply_by_token(other, rides.Accepted(ride="r1", driver="dan"))


async def test_a_link_after_the_undo_is_too_late(tmp_path: Path) -> None:
    rides = Rides(tmp_path, timeout=seconds(0.2), secret=SECRET)
    async with rides.app.running():
        await rides.app.send(rides.Ask(ride="r1"))
        (reply_to,) = await until(rides.waiting)
        token = rides.app.reply_token(reply_to, lasts=hours(1))
        await until(lambda: rides.saga("r1"), holds=lambda found: found == "undone")
        with pytest.raises(Overtaken):
            await rides.app.reply_by_token(token, rides.Accepted(ride="r1", driver="dan"))


async def test_a_token_needs_a_secret_an_id_and_a_time(tmp_path: Path) -> None:
    rides = Rides(tmp_path)
    async with rides.app.running():
        with pytest.raises(SettingsError, match="no secret"):
            rides.app.reply_token("id", lasts=5)
        with pytest.raises(SettingsError, match="no secret"):
            await rides.app.reply_by_token("v1.a.b", rides.Declined(driver="dan"))
    signed = Rides(tmp_path, secret=SECRET)
    async with signed.app.running():
        for reply_to, lasts in (("", 5.0), ("id", 0.0), ("id", -1.0), ("id", float("inf")), (7, 5.0)):
            with pytest.raises(PartitaError):
                signed.app.reply_token(reply_to, lasts=lasts)  # type: ignore[arg-type]
