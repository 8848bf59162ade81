"""Reading order files: the UCI "Online Retail" form with the errors of real data, streamed invoice by invoice."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Literal

from partita import SettingsError
from partita.examples.shop.services import OrderLine

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
# Carriage, postage, fees, manual corrections: charged, never reserved.
NOT_STOCKED = {"POST", "C2", "DOT", "M", "D", "S", "B", "PADS", "CRUK", "AMAZONFEE", "BANK CHARGES"}
# In ASCII only: "\d" would take the digits of every script, and int() and Decimal() take "1_0" and "1e2" as well.
DATE = re.compile(
    r"([0-9]{4}|[0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{1,2})"
    r"(?:[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
)
QUANTITY = re.compile(r"[+-]?[0-9]{1,9}")
PRICE = re.compile(r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{1,12})?|\.[0-9]{1,12})")
LINE_CHARS_MAX = 1_000_000
FIELD_CHARS_MAX = 10_000
NAME_CHARS_MAX = 100
QUANTITY_MAX = 1_000_000
PRICE_CENTS_MAX = 1_000_000_000
DateOrder = Literal["day-first", "month-first"]
DateChoice = Literal["auto", "day-first", "month-first"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file: its number, its text, and its fields or the reason why it has none."""

    number: int
    text: str
    fields: list[str]
    broken: str = ""


@dataclass(slots=True)
class Invoice:
    """The lines of one invoice that make an order (for a credit note, a return), and the others with the reason."""

    number: str
    stood_at: int = 0  # the line of this number's first use, 0 = none
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
    """The form of a file, found in a first pass over it; `lines` counts neither its header nor empty lines."""

    encoding: str
    dates: DateOrder
    lines: int


def inspect(path: Path, dates: DateChoice, encoding: str = "auto") -> Form:
    """Check a whole file before any order of it is placed; nothing is kept in memory.

    Raises:
        SettingsError: no such file, not of this form, or dates that are impossible in this order or fit either.
    """
    if not path.is_file():
        raise SettingsError(f"{path}: there is no such file.", hint="partita shop sample --invoices 100 -f orders.csv")
    found = _encoding(path) if encoding == "auto" else encoding
    lines = sum(1 for _ in _lines(path, found)) - 1
    witnesses = _Dates()
    for row in rows(path, found):
        if len(row.fields) == len(COLUMNS):
            witnesses.note(row.number, row.fields[4])
    return Form(found, witnesses.order(path, dates), lines)


@dataclass(slots=True)
class _Dates:
    """The first date of a file that is possible only day first, the first only month first, the first that fits both."""

    day_first: tuple[int, str] | None = None
    month_first: tuple[int, str] | None = None
    either: tuple[int, str] | None = None

    def note(self, number: int, text: str) -> None:
        """Take one date into account."""
        day_first, month_first = parse_date(text, "day-first"), parse_date(text, "month-first")
        if day_first == month_first:
            return
        if month_first is None:
            self.day_first = self.day_first or (number, text)
        elif day_first is None:
            self.month_first = self.month_first or (number, text)
        else:
            self.either = self.either or (number, text)

    def order(self, path: Path, declared: DateChoice) -> DateOrder:
        """The order in which the dates of the file are written.

        Raises:
            SettingsError: the declared order is impossible, or none is declared and the dates do not show it.
        """
        if self.day_first is not None and self.month_first is not None:
            (one, first), (two, second) = self.day_first, self.month_first
            raise SettingsError(
                f"{path}:{one}: {first!r} is written day-first, and {second!r} in line {two} month-first.",
                hint="Nothing was placed. Correct the file: no order of day and month fits all of it.",
            )
        told: DateOrder | None = "day-first" if self.day_first else "month-first" if self.month_first else None
        if declared == "auto":
            if told is None and self.either is not None:
                raise SettingsError(
                    f"{path}:{self.either[0]}: {self.either[1]!r} can be read day-first and month-first, as can each "
                    "date of the file.",
                    hint="Nothing was placed. Say how dates are written: --dates day-first, or --dates month-first",
                )
            return told or "day-first"
        wrong = self.month_first if declared == "day-first" else self.day_first
        if wrong is not None:
            raise SettingsError(
                f"{path}:{wrong[0]}: {wrong[1]!r} is not a date when read {declared}.",
                hint=f"Nothing was placed. The file is written the other way: --dates {told}",
            )
        return declared


def _encoding(path: Path) -> str:
    marked = False
    try:
        with path.open("rb") as raw:
            marked = raw.read(3) == codecs.BOM_UTF8
        with path.open(encoding="utf-8-sig", newline="") as file:
            for _ in iter(lambda: file.read(1 << 20), ""):
                pass
    except UnicodeDecodeError as error:
        if marked:
            raise SettingsError(
                f"{path}: begins with the mark of UTF-8 and is not UTF-8 ({error.reason}).",
                hint="Nothing was placed. Write the file again in one encoding.",
            ) from error
        return "latin-1"
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error
    return "utf-8-sig"


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not empty, with their numbers and without their ends (LF, CR LF or CR)."""
    number = 0
    try:
        with path.open(encoding=encoding, newline="") as file:
            for line in iter(lambda: file.readline(LINE_CHARS_MAX + 1), ""):
                number += 1
                if len(line) > LINE_CHARS_MAX:
                    raise SettingsError(f"{path}:{number}: has more than {LINE_CHARS_MAX:,} characters.")
                text = line.rstrip("\r\n")
                if text:
                    yield number, text
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path}: is not {encoding.removesuffix('-sig')} after line {number} ({error.reason}).",
            hint="Nothing was placed. Say how characters are written: --encoding latin-1",
        ) from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error


def rows(path: Path, encoding: str) -> Iterator[Row]:
    """The rows of a file. Each line is a row of its own: an unclosed quote spoils one line, not those below it.

    Raises:
        SettingsError: the file is not of this form.
    """
    lines = _lines(path, encoding)
    number, text = next(lines, (1, ""))
    header = _parsed(number, text).fields
    if [name.strip() for name in header] != COLUMNS:
        raise SettingsError(
            f"{path}:{number}: the header is {text[:100] or '(empty)'!r}.", hint=f"Expected: {','.join(COLUMNS)}"
        )
    for number, text in lines:
        yield _parsed(number, text)


def _parsed(number: int, text: str) -> Row:
    try:
        return Row(number, text, next(csv.reader([text], strict=True), []))
    except csv.Error:
        closed = text.count('"') % 2 == 0
        beside = "text beside a closed quote, or a field that is too long"
        why = beside if closed else "a quote that is not closed in its line"
        return Row(number, text, [], why)


def invoices(path: Path, form: Form) -> Iterator[Invoice]:
    """The invoices of a file in its order; lines of one invoice are grouped.

    A second group of lines under one number is rejected: it would be taken for a repeat of the first.
    Only the numbers are kept, so each reading of the file gives the same result.
    """
    current: Invoice | None = None
    first: dict[str, int] = {}
    for row in rows(path, form.encoding):
        # A line of another form does not show where an invoice ends.
        number = row.fields[0].strip() if len(row.fields) == len(COLUMNS) else ""
        if current is None or (number and current.number != number):
            if current is not None:
                yield current
            current = Invoice(number, stood_at=first.get(number, 0))
            if number:
                first.setdefault(number, row.number)
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
    """The reason why a line is not part of an order; None = it is."""
    if row.broken:
        return row.broken
    if len(row.fields) != len(COLUMNS):
        return f"{len(row.fields)} fields instead of {len(COLUMNS)}"
    if any(len(value) > FIELD_CHARS_MAX or "\0" in value for value in row.fields):
        return "a field is too long or has a NUL"
    if any(len(row.fields[n]) > NAME_CHARS_MAX for n in (0, 1, 6, 7)):
        return f"a number, code or country has more than {NAME_CHARS_MAX} characters"
    if not row.fields[0].strip():
        return "no invoice number"
    if invoice.stood_at:
        return f"invoice {invoice.number} is in line {invoice.stood_at} already, and its lines are not together"
    return _why_no_order_line(invoice, row)


def _why_no_order_line(invoice: Invoice, row: Row) -> str | None:
    code, quantity, price = row.fields[1].strip(), row.fields[3].strip(), cents(row.fields[5].strip())
    if not code:
        return "no stock code"
    if QUANTITY.fullmatch(quantity) is None:
        return f"no quantity: {quantity!r}"
    if abs(int(quantity)) > QUANTITY_MAX:
        return f"quantity is over {QUANTITY_MAX:,}"
    if invoice.is_credit_note and int(quantity) >= 0:
        return "the quantity of a credit note is not negative"
    if not invoice.is_credit_note and int(quantity) <= 0:
        return "quantity is not positive"
    if price is None:
        return f"no price: {row.fields[5]!r}"
    if price > PRICE_CENTS_MAX:
        return f"price is over {PRICE_CENTS_MAX // 100:,}"
    return "price is not positive" if price <= 0 else None


def cents(text: str) -> int | None:
    """A price in cents, rounded half up; None if it is not a price."""
    if PRICE.fullmatch(text) is None:
        return None
    return int((Decimal(text) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def parse_date(text: str, dates: DateOrder) -> datetime | None:
    """A date of the file in UTC; a date with the year first is unambiguous. None if it is impossible."""
    match = DATE.fullmatch(text.strip())
    if match is None:
        return None
    one, two, three, hour, minute, second = (int(match[group] or 0) for group in (1, 3, 4, 5, 6, 7))
    if len(match[1]) == 4:
        year, month, day = one, two, three
    else:
        day, month = (one, two) if dates == "day-first" else (two, one)
        year = three if len(match[4]) == 4 else three + (2000 if three < 70 else 1900)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
