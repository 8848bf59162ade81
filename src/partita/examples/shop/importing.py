"""Importing an order file: every invoice becomes an order, placed once even if the import is killed and run again."""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from partita import App, Conflict, PartitaError, SettingsError
from partita.examples.shop.children import witnesses
from partita.examples.shop.invoices import DateChoice, Form, Invoice, inspect, invoices
from partita.examples.shop.messages import OrderRejected, PlaceOrder, RequestReturn, ReturnRefused
from partita.examples.shop.services import OrderId, ReturnId

T = TypeVar("T")
CHUNK = 200
UNDECIDED_MAX = 300
"""If orders were placed as fast as they are read, those of a large file would wait longer than a step of their checkout
may take, and would be cancelled."""
UNDECIDED = "SELECT count(*) AS n FROM saga WHERE status IN ('running', 'compensating')"
DECIDE_WITHIN_S = 3_600.0
LOOK_S = 0.02


@dataclass(slots=True)
class ImportResult:
    """The outcome of a file."""

    lines: int = 0
    placed_lines: int = 0
    rejected_lines: int = 0
    invoices: int = 0
    orders: int = 0
    confirmed: int = 0
    cancelled: int = 0
    credit_notes: int = 0
    total_cents: int = 0
    returns: int = 0
    refunded_cents: int = 0
    dates: str = ""
    encoding: str = ""

    def check(self, path: Path) -> None:
        """Check that each line of the file is placed or rejected.

        Raises:
            PartitaError: they do not add up.
        """
        if self.lines != self.placed_lines + self.rejected_lines:
            raise PartitaError(
                f"{path}: {self.lines:,} lines were read, {self.placed_lines:,} placed and {self.rejected_lines:,} "
                "rejected, which is not all of them.",
                hint="Did the file change while it was read? Import it again: placed orders stay as they are.",
            )


async def import_file(
    app: App, path: Path, *, dates: DateChoice, encoding: str, stock: int, decline: float = 0.0
) -> ImportResult:
    """Place every order of a file and wait until each is decided.

    Raises:
        SettingsError: the file cannot be read with these options; nothing was placed.
        PartitaError: a line of it is neither placed nor rejected.
    """
    form = inspect(path, dates, encoding)
    data = app.settings.data
    data.mkdir(parents=True, exist_ok=True)
    os.environ["PARTITA_DATA"] = str(data)
    os.environ["PARTITA_SHOP_STOCK"] = str(stock)
    result = ImportResult(lines=form.lines, dates=form.dates, encoding=form.encoding.removesuffix("-sig"))
    elsewhere: set[str] = set()  # orders and returns of other files under a number of this one
    target = rejects_path(path, data)
    partial = target.with_name(target.name + ".partial")
    with witnesses(data, decline=decline):
        async with app.running():
            with partial.open("w", encoding="utf-8", newline="") as file:
                rejects = csv.writer(file)
                await _place_all(app, path, form, result, rejects, elsewhere)
                # Returned items must have been bought, so every order is decided first.
                await app.settled(DECIDE_WITHIN_S)
                await _return_all(app, path, form, result, rejects, elsewhere)
                file.flush()
                os.fsync(file.fileno())
            result.check(path)
            partial.replace(target)
            await app.settled(DECIDE_WITHIN_S)
            await _count(app, path, form, result, elsewhere)
    _progress("")
    return result


def rejects_path(path: Path, data: Path) -> Path:
    """The place of the rejected lines: beside the file, or in the data folder if that is not writable."""
    beside = path.with_name(path.name + ".rejects.csv")
    return beside if os.access(path.parent, os.W_OK) else data / beside.name


async def _place_all(app: App, path: Path, form: Form, result: ImportResult, rejects: Any, elsewhere: set[str]) -> None:
    rejects.writerow(["line", "reason", "text"])
    for chunk in chunks(invoices(path, form), CHUNK):
        await _decided(app)
        placing = [i for i in chunk if i.lines and not i.is_credit_note]
        answers = await asyncio.gather(*(_place(app, i) for i in placing))
        refused = {id(i): reason for i, reason in zip(placing, answers, strict=True) if reason}
        for invoice in chunk:
            if invoice.number and not invoice.stood_at:
                result.invoices += 1
                result.credit_notes += invoice.is_credit_note
            bad = list(invoice.rejects)
            if id(invoice) in refused:
                bad += [(row, refused[id(invoice)]) for row in invoice.rows]
                elsewhere.add(invoice.number)
            elif invoice.lines and not invoice.is_credit_note:
                result.orders += 1
                result.placed_lines += len(invoice.rows)
            for row, reason in sorted(bad, key=lambda pair: pair[0].number):
                rejects.writerow([row.number, reason, row.text])
                result.rejected_lines += 1
        done = result.placed_lines + result.rejected_lines
        _progress(f"{done:,} of {form.lines:,} lines, {result.orders:,} orders placed")


async def _decided(app: App) -> None:
    """Wait until few of the placed orders are undecided.

    Raises:
        PartitaError: no order is decided any more.
    """
    clock = app.system.clock
    until = clock.monotonic() + DECIDE_WITHIN_S
    while (undecided := await _undecided(app)) > UNDECIDED_MAX:
        if clock.monotonic() > until:
            raise PartitaError(
                f"{undecided:,} orders are not decided for an hour.",
                hint="partita why --app partita.examples.shop.app:app",
            )
        await clock.sleep(LOOK_S)


async def _undecided(app: App) -> int:
    async with app.store("order-service").reading(consistent=False) as session:
        return int((await session.fetch(UNDECIDED, {}))[0]["n"])


async def _place(app: App, invoice: Invoice) -> str | None:
    """Place one invoice's order; None, or why it is refused. The invoice number makes a repeat the same order."""
    assert invoice.occurred_at is not None
    command = PlaceOrder(
        order_id=OrderId(invoice.number),
        customer_id=invoice.customer_id,
        lines=invoice.lines,
        country=invoice.country or "Unspecified",
        occurred_at=invoice.occurred_at,
    )
    try:
        await app.send(command, idempotency_key=f"import:{invoice.number}")
    except OrderRejected as no:
        return no.reason
    except Conflict:
        return "the invoice number was used before with other lines"
    return None


async def _return_all(
    app: App, path: Path, form: Form, result: ImportResult, rejects: Any, elsewhere: set[str]
) -> None:
    """Turn each line of a credit note into a return; a line that matches no order is rejected with the reason."""
    for chunk in chunks((i for i in invoices(path, form) if i.is_credit_note and i.lines), CHUNK):
        await _decided(app)
        lines = [(i, number) for i in chunk for number in range(len(i.lines))]
        answers = await asyncio.gather(*(_take_back(app, i, number) for i, number in lines))
        for (invoice, number), reason in zip(lines, answers, strict=True):
            if reason is None:
                result.returns += 1
                result.placed_lines += 1
            else:
                row = invoice.rows[number]
                elsewhere.add(_return_id(invoice, number))
                rejects.writerow([row.number, reason, row.text])
                result.rejected_lines += 1
        _progress(f"{result.returns:,} returns")


def _return_id(invoice: Invoice, number: int) -> ReturnId:
    return ReturnId(f"{invoice.number}-{number + 1}")


async def _take_back(app: App, invoice: Invoice, number: int) -> str | None:
    assert invoice.occurred_at is not None
    return_id = _return_id(invoice, number)
    command = RequestReturn(
        return_id=return_id,
        customer_id=invoice.customer_id,
        sku=invoice.lines[number].sku,
        quantity=invoice.lines[number].quantity,
        occurred_at=invoice.occurred_at,
    )
    try:
        await app.send(command, idempotency_key=f"import:{return_id}")
    except ReturnRefused as no:
        return f"credit note: {no.reason}"
    except Conflict:
        return "credit note: its number was used before with other lines"
    return None


async def _count(app: App, path: Path, form: Form, result: ImportResult, elsewhere: set[str]) -> None:
    """The outcomes of this file's orders and returns, read in chunks, since the parameters of a statement are limited."""
    for chunk in chunks((i for i in invoices(path, form) if i.is_credit_note and i.lines), CHUNK):
        ids = [_return_id(i, number) for i in chunk for number in range(len(i.lines))]
        names: dict[str, str] = {f"r{n}": each for n, each in enumerate(ids) if each not in elsewhere}
        if not names:
            continue
        wanted = ", ".join(f":{name}" for name in names)
        sql = (
            "SELECT CAST(coalesce(sum(refund_cents), 0) AS BIGINT) AS cents FROM item_return "
            f"WHERE status = 'COMPLETED' AND return_id IN ({wanted})"
        )
        async with app.store("order-service").reading() as session:
            result.refunded_cents += (await session.fetch(sql, names))[0]["cents"]
    for chunk in chunks((i for i in invoices(path, form) if i.lines and not i.is_credit_note), CHUNK):
        names = {f"o{n}": i.number for n, i in enumerate(chunk) if i.number not in elsewhere}
        if not names:
            continue
        wanted = ", ".join(f":{name}" for name in names)
        sql = (
            "SELECT status, count(*) AS n, CAST(sum(total_cents) AS BIGINT) AS cents FROM orders "
            f"WHERE order_id IN ({wanted}) GROUP BY 1"
        )
        async with app.store("order-service").reading() as session:
            for row in await session.fetch(sql, names):
                if row["status"] == "CONFIRMED":
                    result.confirmed += row["n"]
                    result.total_cents += row["cents"]
                elif row["status"] == "CANCELLED":
                    result.cancelled += row["n"]


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    held: list[T] = []
    for item in items:
        held.append(item)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def check_stock(stock: int) -> int:
    """A usable first stock.

    Raises:
        SettingsError: it is negative.
    """
    if stock < 0:
        raise SettingsError(f"--stock {stock}: a stock cannot be negative.", hint="--stock 1000000")
    return stock
