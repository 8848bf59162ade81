"""The connector that is printed: no secret in it, and read back as it was meant."""

from __future__ import annotations

import json

import pytest

from partita.errors import SettingsError
from partita.machine.system import this_machine
from partita.outbox.debezium import SLOT, as_json, as_properties, connector
from partita.store.connect import connect_handover

URL = "postgresql://me:not-to-be-shown@db.example:5433/shop?pool_max=3"


def test_user_and_password_are_left_to_the_workers_environment() -> None:
    settings = connector(connect_handover(URL, this_machine(), ["order-service", "stock"], SLOT).place, SLOT)
    printed = as_json(settings, SLOT) + as_properties(settings, SLOT)
    assert "not-to-be-shown" not in printed and "me:" not in printed
    assert settings["database.password"] == "${env:PARTITA_DEBEZIUM_PASSWORD}"
    assert (settings["database.hostname"], settings["database.port"], settings["database.dbname"]) == (
        "db.example",
        "5433",
        "shop",
    )


def test_tables_are_patterns_that_match_themselves_only_in_both_forms() -> None:
    """A schema's hyphen and dot are no operators; a properties file eats single backslashes."""
    settings = connector(connect_handover(URL, this_machine(), ["order-service", "a.b"], SLOT).place, SLOT)
    wanted = r"order\-service\.outbox,a\.b\.outbox"
    assert settings["table.include.list"] == wanted
    assert json.loads(as_json(settings, SLOT))["config"] == settings
    lines = as_properties(settings, SLOT).splitlines()
    assert "table.include.list=" + wanted.replace("\\", "\\\\") in lines
    assert f"name={SLOT}" in lines


@pytest.mark.parametrize("slot", ["", "Not a slot", "a-b", "x" * 64])
def test_a_name_that_can_be_no_slots_is_refused(slot: str) -> None:
    with pytest.raises(SettingsError, match="as a slot's name"):
        connect_handover(URL, this_machine(), ["s"], slot)


def test_outboxes_in_files_are_refused() -> None:
    with pytest.raises(SettingsError, match="can read outboxes only in PostgreSQL"):
        connect_handover("", this_machine(), ["s"], SLOT)
