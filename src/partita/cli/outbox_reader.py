"""`partita outbox debezium|hand-over|take-back`: Debezium in place of the relays, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from partita.app import load_app
from partita.assembly.existing import open_bus
from partita.assembly.servers import handover_of, open_handover
from partita.cli.operating import acting_options, confirmed, run
from partita.cli.output import Amount, data_option, document, say, talk
from partita.cli.whose_app import app_option
from partita.machine.system import this_machine
from partita.operators.audit import actor
from partita.operators.handing_over import Taken, make_heartbeat_topic, take_back_without_reader
from partita.operators.handing_over import hand_over as give
from partita.operators.handing_over import take_back as take
from partita.outbox.debezium import SLOT, as_json, as_properties, connector, heartbeat_topic

slot_option = click.option(
    "--slot", default=SLOT, show_default=True, help="Name of slot, publication and connector; one per app and database."
)
wait_option = click.option(
    "--wait", "wait_s", type=Amount(0), default=60.0, show_default=True, help="Seconds to wait at most."
)


@click.command(epilog="Example:  partita outbox debezium > connector.json")
@slot_option
@data_option
@app_option
@click.option(
    "-o", "--output", type=click.Choice(["json", "properties"]), default="json", help="For Connect's API, or a file."
)
def debezium(slot: str, data: Path, app_name: str, output: str) -> None:
    """Print the connector for this app: Debezium's outbox event router in place of the relays.

    It holds no user and no password: the worker reads PARTITA_DEBEZIUM_USER and PARTITA_DEBEZIUM_PASSWORD.
    """
    app = load_app(app_name)
    settings = connector(handover_of(app, slot).place, slot)
    document((as_json if output == "json" else as_properties)(settings, slot))
    talk(f"first: partita outbox hand-over; it makes the slot and the topic {heartbeat_topic(slot)}")


@click.command("hand-over", epilog="Example:  partita outbox hand-over --reason 'Debezium relays from today'")
@slot_option
@wait_option
@acting_options
@data_option
@app_option
def hand_over(slot: str, wait_s: float, data: Path, app_name: str, **how: Any) -> int:
    """Hand the outboxes to Debezium. From then on no row is queued for the relays; they send the rows queued before.

    Keep the relays running, then start the connector. Exit 3 while rows still wait: run it again.
    """
    app = load_app(app_name)

    async def work() -> int:
        async with open_handover(app, data, slot, wait_s) as (handover, stores):
            if how["dry_run"]:
                return -1
            confirmed(f"Hand {len(stores)} outboxes to the slot {slot}", 1, yes=how["yes"], reason=how["reason"])
            async with open_bus(app, data) as bus:
                await make_heartbeat_topic(bus, slot)
            return await give(handover, stores, this_machine().clock, wait_s, reason=how["reason"], by=actor())

    waiting = run(work())
    if waiting < 0:
        say(f"the slot and publication {slot} would be made, and the outboxes handed over")
    elif waiting:
        say(f"handed over, but {waiting} older rows wait for the relays: do not start the connector yet")
        talk("Does a relay run? partita outbox status. Then run this again.")
    else:
        say("handed over, and the relays have sent their rows: start the connector now")
    return 3 if waiting > 0 else 0


@click.command("take-back", epilog="Example:  partita outbox take-back --reason 'the relays again'")
@click.option("--without-reader", is_flag=True, help="The connector will not come back: send all kept rows again.")
@slot_option
@wait_option
@acting_options
@data_option
@app_option
def take_back(without_reader: bool, slot: str, wait_s: float, data: Path, app_name: str, **how: Any) -> int:
    """Take the outboxes back from Debezium while its connector runs. The relays go on once it has read its own rows.

    Then stop the connector and run this again, which drops the slot. Exit 3 until then.
    """
    app = load_app(app_name)

    async def work() -> str:
        async with open_handover(app, data, slot, wait_s) as (handover, stores):
            if how["dry_run"]:
                return "the outboxes would be taken back"
            confirmed(f"Take {len(stores)} outboxes back from {slot}", 1, yes=how["yes"], reason=how["reason"])
            if without_reader:
                count = await take_back_without_reader(handover, stores, reason=how["reason"], by=actor())
                return f"{count} rows are sent again; receivers drop the messages that they had"
            taken = await take(handover, stores, this_machine().clock, wait_s, reason=how["reason"], by=actor())
            return "" if taken is Taken.DONE else taken.value

    said = run(work())
    say(said or f"the relays send again, and the slot {slot} is dropped")
    if said == Taken.READER_BEHIND.value:
        talk("The relays wait for it. Let the connector run and run this again; if it is gone: --without-reader.")
    if said == Taken.READER_CONNECTED.value:
        talk("The relays send already. Stop the connector, then run this again: it drops the slot.")
    return 3 if said in (Taken.READER_BEHIND.value, Taken.READER_CONNECTED.value) else 0
