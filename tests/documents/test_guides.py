"""The guides are true: their programs run, their commands are typed, and what no test runs is in a table with its reason."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers.process import free_port
from tests.documents.walk import Block, Walk, blocks_of
from tests.documents.wheelhouse import ROOT

from partita import App
from partita.catalog.contract import contract_of
from partita.cli.main import cli
from partita.flow.checking import check
from partita.flow.decision import decisions
from partita.flow.flow_map import flow_map
from partita.sagas.sub_sagas import check_sub_sagas, sub_sagas
from partita.schemas.languages import schema_of
from partita.topics.declared import declared_topics

PAGES = [*sorted((ROOT / "docs/guides").glob("*.md")), ROOT / "docs/glossary.md", ROOT / "CONTRIBUTING.md"]
BLOCKS = [block for page in PAGES for block in blocks_of(page) if block.language]
ROW = re.compile(r"^\| `(\S+)` \| `(.*?)` \| ", re.MULTILINE)
NOT_RUN = ROW.findall((ROOT / "docs/blocks.md").read_text(encoding="utf-8"))
OUTBOX = "outbox-in-your-transaction.md"
# tests/integration/outbox/test_outbox_guide.py runs all programs of this page.
RUN_ELSEWHERE = [(OUTBOX, block.text[:20]) for block in BLOCKS if block.page == OUTBOX and block.language == "python"]
# The third example has it, and the tests of that example run it.
RUN_ELSEWHERE += [("waiting-for-the-world.md", "class HandleClaim")]
SHOP = "from partita.examples.shop.app import app\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A block of commands: what is there before, the blocks of files that it needs, and what stands for an address or a folder of the
    reader's."""

    page: str
    begins: str
    before: str = ""
    module: str = ""
    server: bool = False
    files: tuple[str, ...] = ()


README = {block.path: block for block in blocks_of(ROOT / "README.md")}
WITH_ORDERS = README["purchase.py"].text
TYPED = (
    Typed(page="writing-an-app.md", begins="partita new tea_house"),
    Typed(page="writing-an-app.md", begins="python -m partita.examples.rides.app"),
    Typed(page=OUTBOX, begins="partita run module:app", module="the page"),
    Typed(page="running.md", begins="partita run module:app --only order", module=SHOP),
    Typed(page="running.md", begins="partita db status", before="partita db upgrade module:app --yes",
          module=WITH_ORDERS),
    Typed(page="running.md", begins="partita run --metrics", before="export PARTITA_APP=module:app",
          module=SHOP),
    Typed(page="designing.md", begins="partita design check bistro.yaml", files=("# bistro.yaml",)),
    Typed(page="designing.md", begins="partita design schema"),
    Typed(page="designing.md", begins="partita design build bistro.yaml -o", files=("# bistro.yaml",)),
    Typed(page="designing.md", begins="partita design export structurizr", files=("# bistro.yaml",)),
    Typed(page="designing.md", begins="partita design new"),
    Typed(page="the-catalog.md", begins="partita catalog list", before="export PARTITA_APP=module:app", module=SHOP),
    Typed(page="the-catalog.md", begins="partita import asyncapi",
          before="export PARTITA_APP=module:app\npartita export asyncapi their-asyncapi.json", module=SHOP),
    Typed(page="the-catalog.md", begins="partita export asyncapi", before="export PARTITA_APP=module:app", module=SHOP),
    Typed(page="running.md", begins="pip install 'partita[postgres]'\nexport PARTITA_STORE=postgresql://user@host:5432/database\npartita",
          before="partita shop sample --invoices 5 -f orders.csv", server=True),
    Typed(page="running.md", begins="pip install 'partita[postgres]'\nexport PARTITA_STORE=postgresql://user@host:5432/database\nexport",
          module=SHOP, server=True),
)  # fmt: skip
# The names that a part of a program needs; in the guide they are in the text around it.
RIDES = """
from partita import Command, Event, Key, Service, Tx
drivers = Service("drivers", namespace="city.driver")
notifications = Service("notifications", namespace="city.notification")
class DriverAssigned(Event, of=drivers): ride_id: Key[str]
class DriverArrived(Event, of=drivers): ride_id: Key[str]
class AssignDriver(Command[DriverAssigned], of=drivers): ride_id: Key[str]
"""
DRIVERS = """
from partita import Event, Key, Service, Tx
drivers = Service("drivers", namespace="city.driver")
class DriverJoined(Event, of=drivers): driver_id: Key[str]
class BonusGranted(Event, of=drivers): driver_id: Key[str]
class DriverReleased(Event, of=drivers): driver_id: Key[str]
class ShiftEnded(Event, of=drivers): driver_id: Key[str]
class DriverTired(Event, of=drivers): driver_id: Key[str]
"""
TROUBLE = """
from partita import Command, Event, Fault, Key, Service, Tx
orders, stock = Service("orders", namespace="acme.order"), Service("stock", namespace="acme.stock")
class Done(Event, of=stock): order_id: Key[str]
class ReserveStock(Command[Done], of=stock): order_id: Key[str]
class ChargePayment(Command[Done], of=stock): order_id: Key[str]
NOTE = ""
"""
MARKED = """
import uuid
from typing import Annotated, NewType
from partita import Event, Service
shop = Service("shop", namespace="acme.shop")
CustomerId = NewType("CustomerId", uuid.UUID)
"""
FLOW = """
from partita import *
payments = Service("payments", namespace="acme.payment")
mails, prices = Service("mails", namespace="acme.mail"), Service("prices", namespace="acme.price")
class PayRequested(Event, of=payments): payment_id: Key[str]
class ChargeDone(Event, of=payments): payment_id: Key[str]
class ChargeCard(Command[ChargeDone], of=payments): payment_id: Key[str]
@payments.handles(ChargeCard)
async def charge(cmd: ChargeCard) -> ChargeDone: ...
"""
UPCAST = """
from decimal import Decimal
from partita import Event, Key, Service
orders = Service("orders", namespace="acme.order")
"""
SAGAS = """
from partita import *
from partita.sagas import *
claims, desk = Service("claims", namespace="guide.claims"), Service("desk", namespace="guide.desk")
class ClaimFiled(Event, of=claims): claim_id: Key[str]
class ClaimClosed(Event, of=claims): claim_id: Key[str]
class ClaimApproved(Event, of=desk): claim_id: Key[str]
class ClaimWithdrawn(Event, of=desk): claim_id: Key[str]
class AdjusterReminded(Event, of=desk): claim_id: Key[str]
class DecideClaim(Command[ClaimApproved], of=desk): claim_id: Key[str]
class WithdrawClaim(Command[ClaimWithdrawn], of=desk): claim_id: Key[str]
class RemindAdjuster(Command[AdjusterReminded], of=desk): claim_id: Key[str]
class EscalateClaim(Command[AdjusterReminded], of=desk): claim_id: Key[str]
agency, airline = Service("agency", namespace="guide.agency"), Service("airline", namespace="guide.airline")
class TripWished(Event, of=agency): trip_id: Key[str]
class TripCancelled(Event, of=agency): trip_id: Key[str]
class TicketsSent(Event, of=agency): trip_id: Key[str]
class FlightBooked(Event, of=airline): trip_id: Key[str]
class FlightCancelled(Event, of=airline): trip_id: Key[str]
class HotelBooked(Event, of=airline): trip_id: Key[str]
class HotelCancelled(Event, of=airline): trip_id: Key[str]
class BookFlight(Command[FlightBooked], of=airline): trip_id: Key[str]
class CancelFlight(Command[FlightCancelled], of=airline): trip_id: Key[str]
class BookHotel(Command[HotelBooked], of=airline): trip_id: Key[str]
class CancelHotel(Command[HotelCancelled], of=airline): trip_id: Key[str]
class SendTickets(Command[TicketsSent], of=agency): trip_id: Key[str]
orders, stock = Service("orders", namespace="guide.orders"), Service("stock", namespace="guide.stock")
class OrderPlaced(Event, of=orders): order_id: Key[str]
class OrderCancelled(Event, of=orders): order_id: Key[str]
class OrderWithdrawn(Event, of=stock): order_id: Key[str]
class OrderRedirected(Event, of=stock):
    order_id: Key[str]
    address: str
    country: str
class StockReserved(Event, of=stock): order_id: Key[str]
class StockReleased(Event, of=stock): order_id: Key[str]
class ReserveStock(Command[StockReserved], of=stock): order_id: Key[str]
class ReleaseStock(Command[StockReleased], of=stock): order_id: Key[str]
"""
LISTS = """
import msgspec
from partita import *
from partita.sagas import each
orders, stock = Service("orders", namespace="guide.orders"), Service("stock", namespace="guide.stock")
class Line(msgspec.Struct): sku: str
class OrderPlaced(Event, of=orders):
    order_id: Key[str]
    lines: list[Line]
    parcels: list[str]
class OrderCancelled(Event, of=orders): order_id: Key[str]
class LineReserved(Event, of=stock): order_id: Key[str]
class LineReleased(Event, of=stock): order_id: Key[str]
class PaymentCharged(Event, of=stock): order_id: Key[str]
class PaymentRefunded(Event, of=stock): order_id: Key[str]
class ParcelShipped(Event, of=stock): order_id: Key[str]
class ReserveLine(Command[LineReserved], of=stock):
    order_id: Key[str]
    sku: str
class ReleaseLine(Command[LineReleased], of=stock):
    order_id: Key[str]
    sku: str
class ChargePayment(Command[PaymentCharged], of=stock): order_id: Key[str]
class RefundPayment(Command[PaymentRefunded], of=stock): order_id: Key[str]
class ShipParcel(Command[ParcelShipped], of=stock):
    order_id: Key[str]
    parcel: str
"""
PARCELS = """
from partita import *
orders, shipping, carrier = (Service(name, namespace=f"guide.{name}") for name in ("orders", "shipping", "carrier"))
class OrderPlaced(Event, of=orders):
    order_id: Key[str]
    parcel_id: str
class OrderCancelled(Event, of=orders): order_id: Key[str]
class OrderPaid(Event, of=orders): order_id: Key[str]
class OrderRefunded(Event, of=orders): order_id: Key[str]
class OrderClosed(Event, of=orders): order_id: Key[str]
class PayOrder(Command[OrderPaid], of=orders): order_id: Key[str]
class RefundOrder(Command[OrderRefunded], of=orders): order_id: Key[str]
class CloseOrder(Command[OrderClosed], of=orders): order_id: Key[str]
class ParcelDelivered(Event, of=shipping): parcel_id: Key[str]
class ParcelCalledBack(Event, of=shipping): parcel_id: Key[str]
class DeliveryFailed(Rejection): reason: str
class DeliverParcel(Command[ParcelDelivered, DeliveryFailed], of=shipping): parcel_id: Key[str]
class CallBackParcel(Command[ParcelCalledBack], of=shipping): parcel_id: Key[str]
class LabelPrinted(Event, of=carrier): parcel_id: Key[str]
class LabelVoided(Event, of=carrier): parcel_id: Key[str]
class ParcelPickedUp(Event, of=carrier): parcel_id: Key[str]
class PrintLabel(Command[LabelPrinted], of=carrier): parcel_id: Key[str]
class VoidLabel(Command[LabelVoided], of=carrier): parcel_id: Key[str]
class PickUpParcel(Command[ParcelPickedUp], of=carrier): parcel_id: Key[str]
"""
DECIDE = """
from partita import Command, Event, Key, Service
desk = Service("desk", namespace="acme.desk")
class ClaimApproved(Event, of=desk): claim_id: Key[str]
class DecideClaim(Command[ClaimApproved], of=desk): claim_id: Key[str]
"""
MOUNTED = """
from types import SimpleNamespace
from partita import App, Service
Scope = dict
desk = Service("desk", namespace="acme.desk")
app = App(desk)
mounted = []
web = SimpleNamespace(mount=lambda path, application: mounted.append((path, application)))
"""
PROGRAMS = {
    ("cloudevents.md", "# hooks.py"): "",
    ("cloudevents.md", "# partner.py"): "",
    ("other-languages.md", "# far.py"): "",
    ("reading-the-flow-map.md", "class CardCharged"): FLOW,
    ("reading-the-flow-map.md", "class PriceChanged"): FLOW,
    ("the-catalog.md", "class OrderPlacement"): "from partita import *\norders, OrderId = Service('o', namespace='acme.order'), str\n",
    ("messages.md", "class OrderAccepted"): "from partita import *\nshop = Service('shop', namespace='acme.shop')\n",
    ("messages.md", "from partita import Event, Key"): "",
    ("messages.md", "from partita.schemas import Money"): "",
    ("messages.md", "from partita.schemas import PII"): MARKED,
    ("evolving-a-schema.md", "class OrderPlacedV1"): UPCAST,
    ("failures.md", "@orders.on"): TROUBLE,
    ("running.md", "# sized.py"): "",
    ("waiting-for-the-world.md", "# drivers.py"): "",
    ("sagas.md", "class HandleClaim"): SAGAS,
    ("sagas.md", "class Trip"): SAGAS,
    ("sagas.md", "class Delivery"): SAGAS,
    ("sagas.md", "class ParcelDelivery"): PARCELS,
    ("sagas.md", "class Checkout(Saga, start=OrderPlaced, deadline=minutes(15), undone=OrderCancelled, of=orders):\n    reserve = each"): LISTS,
    ("waiting-for-the-world.md", "desk.task"): DECIDE,
    ("waiting-for-the-world.md", "def signed_in"): MOUNTED,
    ("testing.md", "async def test_an_order"): WITH_ORDERS.replace("from partita import", "from partita import PartitaError,"),
    ("writing-an-app.md", "@drivers.handles"): RIDES,
    ("writing-an-app.md", "@drivers.on"): DRIVERS,
    ("writing-an-app.md", "rides = Service"): "from partita import Service\n",
}  # fmt: skip


def block(page: str, begins: str) -> Block:
    """The one block of a page that begins so."""
    (found,) = (each for each in BLOCKS if each.page == page and each.text.startswith(begins))
    return found


def test_every_block_of_the_guides_is_run_or_says_why_not() -> None:
    """One that is neither is red, and so is a reason for a block that is gone."""
    known = [*NOT_RUN, *PROGRAMS, *RUN_ELSEWHERE, *((each.page, each.begins) for each in TYPED)]
    assert [(page, begins) for page, begins in known if not block(page, begins)] == []
    runnable = [each for each in BLOCKS if each.language not in ("text", "sql")]
    missing = [
        f"{each}: {each.text[:40]!r}"
        for each in runnable
        if sum(page == each.page and each.text.startswith(begins) for page, begins in known) != 1
    ]
    assert missing == [], "give each a test here, or a row in docs/blocks.md with the reason"


def test_what_the_table_names_exists() -> None:
    rows = re.findall(r"\| `(tests/\S+)` \|$", (ROOT / "docs/blocks.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 5 and [path for path in rows if not (ROOT / path).is_file()] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("typed", TYPED, ids=lambda each: f"{each.page}: {' '.join(each.begins.split()[-3:])}")
def test_the_commands_of_the_guides_are_typed(
    typed: Typed, tmp_path: Path, installed: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """In an environment that has the wheel, with a folder and a server of this test in place of the reader's."""
    found = block(typed.page, typed.begins)
    module = block(typed.page, "from typing").text if typed.module == "the page" else typed.module
    database = request.getfixturevalue("database") if typed.server else ""
    text = found.text.replace("/var/lib/shop", str(tmp_path / "shop")).replace("9464", str(free_port()))
    text = text.replace("postgresql://user@host:5432/database", database)
    with Walk(tmp_path, installed) as walk:
        walk.follow([block(typed.page, begins) for begins in typed.files])
        if module:
            walk.follow([Block("module.py", 1, "python", f"# module.py\n{module}")])
        walk.follow(
            [Block(typed.page, found.line, "sh", f"{typed.before}\n"), Block(typed.page, found.line, "sh", text)]
        )


@contextmanager
def program(page: str, begins: str, folder: Path) -> Iterator[Any]:
    """A module of the names that the guide's text provides, and of the page's block."""
    module: Any = types.ModuleType("guide")
    module.__file__ = str(folder / "guide.py")
    sys.modules["guide"] = module
    try:
        source = f"{PROGRAMS[page, begins]}\n{block(page, begins).text}"
        (folder / "guide.py").write_text(source, encoding="utf-8")
        exec(compile(source, module.__file__, "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules["guide"]


def test_messages_are_written_in_the_languages_of_the_guide(tmp_path: Path) -> None:
    with program("messages.md", "from partita import Event, Key", tmp_path) as guide:
        languages = [contract_of(cls).shape.language for cls in (guide.OrderPlaced, guide.StockCounted)]
    assert languages == ["json", "avro"]


def test_an_old_order_becomes_one_of_version_2(tmp_path: Path) -> None:
    with program("evolving-a-schema.md", "class OrderPlacedV1", tmp_path) as guide:
        old, new = contract_of(guide.OrderPlacedV1), contract_of(guide.OrderPlaced)
        App(guide.orders)
        assert old.upcaster is not None and old.newest is new
        assert old.upcaster.function(guide.OrderPlacedV1(order_id="1", total="12.50")).total_cents == 1250


def test_money_and_marks_are_as_the_guide_says(tmp_path: Path) -> None:
    """An amount in cents, and a schema that shows whose data it is and what was renamed."""
    with program("messages.md", "from partita.schemas import Money", tmp_path) as guide:
        assert (guide.price.minor_units, guide.price.currency) == (1250, "EUR")
    with program("messages.md", "from partita.schemas import PII", tmp_path) as guide:
        record = json.loads(schema_of(contract_of(guide.CustomerMoved).shape))
    assert record["doc"] == "A customer lives at another address."
    notes = {f["name"]: sorted({"pii", "subject", "aliases"} & set(f)) for f in record["fields"]}
    assert notes == {"customerId": ["subject"], "street": ["pii"], "paidBy": ["aliases"]}


def test_the_renamed_messages_keep_their_names(tmp_path: Path) -> None:
    with program("messages.md", "class OrderAccepted", tmp_path) as guide:
        assert contract_of(guide.OrderAccepted).wire_name == "OrderPlaced"


def test_the_driver_of_the_guide_accepts_a_minute_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with program("waiting-for-the-world.md", "# drivers.py", tmp_path) as guide:
        asyncio.run(guide.main())
    assert capsys.readouterr().out == "[RideAccepted(ride_id='r1', driver='dan')]\n"


def test_the_task_of_the_guide_is_declared(tmp_path: Path) -> None:
    with program("waiting-for-the-world.md", "desk.task", tmp_path) as guide:
        assert [each.task.owner for each in guide.desk.declared.bindings] == ["adjusters"]


def test_the_saga_of_the_guide_is_that_of_the_example() -> None:
    example = (ROOT / "src/partita/examples/claims/sagas.py").read_text(encoding="utf-8")
    assert example.endswith(f"\n{block('waiting-for-the-world.md', 'class HandleClaim').text}")


def test_the_tasks_of_the_guide_are_mounted(tmp_path: Path) -> None:
    with program("waiting-for-the-world.md", "def signed_in", tmp_path) as guide:
        ((path, tasks),) = guide.mounted
        assert (path, tasks.service) == ("/desk", guide.desk) and guide.signed_in({"session": {}}) is None


def test_the_reaction_to_a_fault_is_a_handler(tmp_path: Path) -> None:
    with program("failures.md", "@orders.on", tmp_path) as guide:
        assert inspect.iscoroutinefunction(guide.note_failure)
        assert [each for each in App(guide.orders, guide.stock).services if each.name == "orders"]


def test_the_handlers_of_the_guide_are_handlers(tmp_path: Path) -> None:
    with program("writing-an-app.md", "@drivers.handles", tmp_path) as guide:
        App(guide.drivers, guide.notifications)


def test_the_handlers_of_the_guide_declare_their_events(tmp_path: Path) -> None:
    with program("writing-an-app.md", "@drivers.on", tmp_path) as guide:
        app = App(guide.drivers)
        publishers = [app.catalog.publishers(contract_of(each)) for each in (guide.BonusGranted, guide.DriverTired)]
        assert [[by.name for by in each] for each in publishers] == [["welcome"], ["count_hours"]]


def test_the_reasons_of_the_guide_are_declared(tmp_path: Path) -> None:
    with program("reading-the-flow-map.md", "class CardCharged", tmp_path) as guide:
        app = App(guide.payments, guide.mails)
        parts = {each.part: each for each in decisions(flow_map(app.catalog))}
    assert parts["CardCharged"].reasons == (("mails", "no service waits for a mail"),)
    assert parts["CardCharged"].criteria.money == "CardCharged" and parts["Pay"].unsaid == ()


def test_the_accepted_event_of_the_guide_is_accepted(tmp_path: Path) -> None:
    with program("reading-the-flow-map.md", "class PriceChanged", tmp_path) as guide:
        found = check(flow_map(App(guide.prices).catalog))
    assert [(each.rule, bool(each.accepted)) for each in found] == [("unheard-event", True)]


@pytest.mark.parametrize("words", [["flow"], ["flow", "decisions"]], ids=" ".join)
def test_the_shop_is_shown_as_the_command_prints_it(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A reader compares the page with the screen."""
    cli.main([*words, "--app", "partita.examples.shop.app:app"], standalone_mode=False)
    printed = capsys.readouterr().out
    blocks = [each.text for each in BLOCKS if each.page == "reading-the-flow-map.md" and each.language == "text"]
    assert [each for each in blocks if each.strip("\n") in printed] == [blocks[len(words) - 1]]


def test_the_sub_saga_of_the_guide_can_be_kept(tmp_path: Path) -> None:
    """The parent's step waits as long as its sub-saga may take, and the undo can wait for it."""
    with program("sagas.md", "class ParcelDelivery", tmp_path) as guide:
        check_sub_sagas((guide.orders, guide.shipping, guide.carrier))
        (found,) = sub_sagas([guide.Purchase.__definition__, guide.ParcelDelivery.__definition__])
    assert (found.step.name, found.child.name) == ("deliver", "ParcelDelivery")


def test_the_folder_of_migrations_is_read(tmp_path: Path) -> None:
    """The listing below the declaration names the files that it may hold."""
    (listing,) = (
        each.text for each in blocks_of(ROOT / "docs/guides/writing-an-app.md") if each.text.startswith("migrations/")
    )
    for line in listing.splitlines():
        path = tmp_path / line.split()[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("CREATE TABLE a (b TEXT);")
    with program("writing-an-app.md", "rides = Service", tmp_path) as guide:
        assert guide.rides.tables is not None
    assert len(list((tmp_path / "migrations/rides").iterdir())) == 4


async def test_the_test_of_the_guide_passes(tmp_path: Path) -> None:
    with program("testing.md", "async def test_an_order", tmp_path) as guide:
        await guide.test_an_order_without_an_answer_is_cancelled()


def test_the_plan_of_the_guide_says_what_the_guide_says(tmp_path: Path) -> None:
    """A size for a topic that does not exist would be refused at the start of an app that copied it."""
    with program("running.md", "# sized.py", tmp_path) as guide:
        topics = {t.name: t for t in declared_topics(guide.app.catalog, guide.app.topics)}
    assert {t.replication for t in topics.values()} == {3} and {t.min_insync for t in topics.values()} == {2}
    sizes = {name: topics[f"shop.{name}"].partitions for name in ("order.events", "order.commands", "payment.events")}
    assert sizes == {"order.events": 24, "order.commands": 12, "payment.events": 4}


@pytest.mark.parametrize("name", ["HandleClaim", "Trip", "Delivery"])
def test_the_sagas_of_the_guide_can_be_kept(name: str, tmp_path: Path) -> None:
    """Each is compiled and checked where it is declared."""
    with program("sagas.md", f"class {name}", tmp_path) as guide:
        definition = getattr(guide, name).__definition__
        assert definition.name == name and (
            definition.listeners or definition.steps[0].timers or definition.steps[0].beside
        )
