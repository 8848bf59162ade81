"""Reading order files: the UCI "Online Retail" form, dirty as real data is, streamed invoice by invoice."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

from partita import SettingsError
from partita.examples.shop.services import OrderLine

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
# Carriage, postage, fees, manual corrections: charged, never reserved.
NOT_STOCKED = {"POST", "C2", "DOT", "M", "D", "S", "B", "PADS", "CRUK", "AMAZONFEE", "BANK CHARGES"}
DATE = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$")
FIELD_CHARS_MAX = 10_000
DateOrder = Literal["day-first", "month-first"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file: where it stands, as it was written, and its fields."""

    number: int
    text: str
    fields: list[str]


@dataclass(slots=True)
class Invoice:
    """The lines of one invoice that make an order (of a credit note: a return), and those that do not, with the reason."""

    number: str
    customer_id: str = "guest"
    country: str = ""
    occurred_at: datetime | None = None
    lines: list[OrderLine] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    rejects: list[tuple[Row, str]] = field(default_factory=list)

    @property
    def is_credit_note(self) -> bool:
        """Whether it takes an earlier invoice back."""
        return self.number.startswith("C")


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written, found out in a first pass over it."""

    encoding: str
    dates: DateOrder
    rows: int


def inspect(path: Path, dates: DateOrder, encoding: str = "auto") -> Form:
    """Check a whole file before anything of it is placed; nothing is kept in memory.

    Raises:
        SettingsError: no such file, not of this form, or a date that is impossible in this order.
    """
    if not path.is_file():
        raise SettingsError(f"{path}: there is no such file.", hint="partita shop sample --invoices 100 -o orders.csv")
    found = _encoding(path) if encoding == "auto" else encoding
    count = 0
    for row in rows(path, found):
        count += 1
        if len(row.fields) == len(COLUMNS) and row.fields[4].strip():
            _check_date(path, row, dates)
    return Form(found, dates, count)


def _check_date(path: Path, row: Row, dates: DateOrder) -> None:
    other: DateOrder = "month-first" if dates == "day-first" else "day-first"
    text = row.fields[4]
    if parse_date(text, dates) is None and parse_date(text, other) is not None:
        raise SettingsError(
            f"{path}:{row.number}: {text!r} is no date when read {dates}.",
            hint=f"Nothing was placed. The file is written the other way: --dates {other}",
        )


def _encoding(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for _ in iter(lambda: file.read(1 << 20), ""):
                pass
    except UnicodeDecodeError:
        return "latin-1"
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error
    return "utf-8-sig"


def rows(path: Path, encoding: str) -> Iterator[Row]:
    """The rows of a file, one at a time.

    Raises:
        SettingsError: it is not of this form.
    """
    held: list[str] = []

    def lines() -> Iterator[str]:
        with path.open(encoding=encoding, newline="") as file:
            for line in file:
                held.append(line)
                yield line

    reader = csv.reader(lines())
    header = next(reader, None)
    if header is None or [name.strip() for name in header] != COLUMNS:
        raise SettingsError(
            f"{path}:1: the header is {','.join(header or ['(empty)'])[:100]!r}.",
            hint=f"Expected: {','.join(COLUMNS)}",
        )
    held.clear()
    number = reader.line_num + 1
    try:
        for fields in reader:
            text = "".join(held).rstrip("\r\n")
            held.clear()
            if fields:
                yield Row(number, text, fields)
            number = reader.line_num + 1
    except csv.Error as error:
        raise SettingsError(f"{path}:{number}: is no CSV ({error}).") from error


def invoices(path: Path, form: Form) -> Iterator[Invoice]:
    """The invoices of a file in its order; lines of one invoice stand together."""
    current: Invoice | None = None
    for row in rows(path, form.encoding):
        number = row.fields[0].strip()
        if current is None or current.number != number:
            if current is not None:
                yield current
            current = Invoice(number)
        _take(current, row, form.dates)
    if current is not None:
        yield current


def _take(invoice: Invoice, row: Row, dates: DateOrder) -> None:
    reason = _why_not(invoice, row)
    if reason is None:
        _, code, _, quantity, date, price, customer, country = (value.strip() for value in row.fields)
        when = parse_date(date, dates)
        if when is None:
            reason = f"no date: {date!r}"
        else:
            invoice.rows.append(row)
            invoice.occurred_at = invoice.occurred_at or when
            invoice.country = invoice.country or country
            if customer and invoice.customer_id == "guest":
                invoice.customer_id = customer
            invoice.lines.append(
                OrderLine(
                    sku=code,
                    quantity=abs(int(quantity)),
                    price_cents=cents(price) or 0,
                    stocked=code.upper() not in NOT_STOCKED,
                )
            )
    if reason is not None:
        invoice.rejects.append((row, reason))


def _why_not(invoice: Invoice, row: Row) -> str | None:
    """Why a line makes no part of an order; None = it does."""
    if len(row.fields) != len(COLUMNS):
        return f"{len(row.fields)} fields instead of {len(COLUMNS)}"
    if any(len(value) > FIELD_CHARS_MAX or "\0" in value for value in row.fields):
        return "a field is too long or has a NUL"
    if not invoice.number:
        return "no invoice number"
    if not row.fields[1].strip():
        return "no stock code"
    quantity, price = row.fields[3].strip(), cents(row.fields[5].strip())
    if not re.fullmatch(r"[+-]?\d{1,9}", quantity):
        return f"no quantity: {quantity!r}"
    if invoice.is_credit_note and int(quantity) >= 0:
        return "the quantity of a credit note is not negative"
    if not invoice.is_credit_note and int(quantity) <= 0:
        return "quantity is not positive"
    if price is None:
        return f"no price: {row.fields[5]!r}"
    return "price is not positive" if price <= 0 else None


def cents(text: str) -> int | None:
    """A price in cents, rounded half up; None where it is no price."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or abs(value) > 1_000_000_000:
        return None
    return int((value * 100).quantize(Decimal(1), ROUND_HALF_UP))


def parse_date(text: str, dates: DateOrder) -> datetime | None:
    """A date of the file in UTC; a year first is read as it stands. None where it is impossible."""
    match = DATE.match(text.strip())
    if match is None:
        return None
    one, two, three, hour, minute, second = (int(part or 0) for part in match.groups())
    if len(match[1]) == 4:
        year, month, day = one, two, three
    else:
        day, month = (one, two) if dates == "day-first" else (two, one)
        year = three if three >= 100 else three + (2000 if three < 70 else 1900)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
