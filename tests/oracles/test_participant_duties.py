"""Each participant does the duties that the guide lists, with commands in Avro and in Protobuf."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from servers.programs import PROGRAMS
from tests.oracles.participant_duties import answers_once, keeps_its_word_after_a_kill, reads_no_part_of_a_command
from tests.oracles.participant_world import TYPES, saga_with
from tests.oracles.test_participants import built

from partita.schemas.confluent.framing import framed

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(600)]


@pytest.mark.parametrize("language", ["avro", "protobuf"])
@pytest.mark.parametrize("name", list(PROGRAMS))
async def test_a_participant_answers_each_command_once(name: str, language: str, tmp_path: Path) -> None:
    async with saga_with(built(PROGRAMS[name]), language, tmp_path) as saga:
        await answers_once(saga)


@pytest.mark.parametrize("name", list(PROGRAMS))
async def test_a_participant_keeps_its_word_after_a_kill(name: str, tmp_path: Path) -> None:
    """An answer stays the same, and a command in hand is done."""
    async with saga_with(built(PROGRAMS[name]), "avro", tmp_path) as saga:
        await keeps_its_word_after_a_kill(saga)


@pytest.mark.parametrize("name", list(PROGRAMS))
async def test_a_participant_reads_no_part_of_a_command(name: str, tmp_path: Path) -> None:
    async with saga_with(built(PROGRAMS[name]), "protobuf", tmp_path) as saga:
        await reads_no_part_of_a_command(saga)


async def test_a_command_in_json_is_read_with_a_frame_and_without(tmp_path: Path) -> None:
    """An app without a registry writes JSON without a frame."""
    async with saga_with(built(PROGRAMS["node"]), "avro", tmp_path) as saga:
        told = saga.fields("framed")
        saga.send("ChargePayment", "framed", "c1", framed(saga.json_id, json.dumps(told).encode()), "application/json")
        bare = json.dumps(told | {"orderId": "bare"}).encode()
        saga.send("ChargePayment", "bare", "c2", bare, "application/json")

        answers = await saga.answered(2)

        assert {answer.headers["ce_type"] for answer in answers} == {f"{TYPES}PaymentCharged"}
        assert sorted(saga.provider.asked("charge")) == [("bare", "c2"), ("framed", "c1")]
