"""The shop's contracts and its order files, without running anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from partita import SettingsError
from partita.catalog.contract import contract_of
from partita.examples.shop.invoices import cents, inspect, invoices, parse_date
from partita.examples.shop.messages import OrderPlaced, ReturnCompleted, ReturnCompletedV1
from partita.examples.shop.sample import sample_lines
from partita.schemas import Money
from partita.schemas.avro import avro_record

THE_RECORD = json.loads(
    """{"type": "record", "name": "OrderPlaced", "namespace": "shop.order.v1", "fields": [
  {"name": "orderId", "type": "string"}, {"name": "customerId", "type": "string"},
  {"name": "totalCents", "type": "long"},
  {"name": "occurredAt", "type": {"type": "long", "logicalType": "timestamp-micros"}}]}"""
)
HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def test_order_placed_is_the_record_of_the_contract_to_the_letter() -> None:
    """Other teams read it: names, order, types."""
    record = avro_record(contract_of(OrderPlaced).shape, revision=1)
    assert json.dumps(record) == json.dumps(THE_RECORD)


def test_later_fields_arrive_with_defaults() -> None:
    """Compatible evolution: old bytes still read."""
    fields = avro_record(contract_of(OrderPlaced).shape)["fields"]
    assert [(f["name"], "default" in f) for f in fields[4:]] == [("lines", True), ("country", True), ("channel", True)]


def test_a_return_of_version_1_was_refunded_in_euros() -> None:
    """Breaking evolution: an old event becomes one of the newest version."""
    old = contract_of(ReturnCompletedV1)
    assert old.upcaster is not None and old.newest is contract_of(ReturnCompleted)
    made = old.upcaster.function(ReturnCompletedV1(return_id="r1", order_id="o1", refund_cents=250))
    assert made == ReturnCompleted(return_id="r1", order_id="o1", refund=Money.of("2.50", "EUR"))


def file_with(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "orders.csv"
    path.write_bytes((HEAD + "".join(line + "\n" for line in lines)).encode(encoding))
    return path


def test_lines_of_one_invoice_are_one_order_and_postage_is_not_stocked(tmp_path: Path) -> None:
    path = file_with(
        tmp_path,
        "1,A,x,2,01-12-10 8:26,2.55,7,Norway",
        "1,POST,POSTAGE,1,01-12-10 8:26,18,7,Norway",
        "2,B,y,1,02-12-10 9:00,1,,EIRE",
    )
    first, second = invoices(path, inspect(path, "day-first"))
    assert [(x.sku, x.quantity, x.price_cents, x.stocked) for x in first.lines] == [
        ("A", 2, 255, True),
        ("POST", 1, 1800, False),
    ]
    assert (first.customer_id, first.country, second.customer_id) == ("7", "Norway", "guest")
    assert first.occurred_at is not None and first.occurred_at.isoformat() == "2010-12-01T08:26:00+00:00"


def test_what_makes_no_sense_is_rejected_with_its_line_and_reason(tmp_path: Path) -> None:
    bad = {
        "C1,A,x,2,01-12-10 8:26,2.55,7,N": "the quantity of a credit note is not negative",
        "2,A,x,-2,01-12-10 8:26,2.55,7,N": "quantity is not positive",
        "3,A,x,1,01-12-10 8:26,0,7,N": "price is not positive",
        "4,A,x,many,01-12-10 8:26,1,7,N": "no quantity: 'many'",
        "5,A,x,1,01-12-10 8:26,cheap,7,N": "no price: 'cheap'",
        "6,A,x,1,soon,1,7,N": "no date: 'soon'",
        "7,A,x,1": "4 fields instead of 8",
        "8,,x,1,01-12-10 8:26,1,7,N": "no stock code",
    }
    path = file_with(tmp_path, *bad)
    found = [(row.number, reason) for i in invoices(path, inspect(path, "day-first")) for row, reason in i.rejects]
    assert found == [(n, reason) for n, reason in enumerate(bad.values(), 2)]


def test_a_line_of_a_credit_note_is_what_is_returned(tmp_path: Path) -> None:
    path = file_with(tmp_path, "C7,A,x,-2,01-12-10 8:26,2.55,7,N")
    (credit,) = invoices(path, inspect(path, "day-first"))
    assert credit.is_credit_note and [(x.sku, x.quantity, x.price_cents) for x in credit.lines] == [("A", 2, 255)]


def test_a_file_written_month_first_is_refused_before_anything_is_placed(tmp_path: Path) -> None:
    """Read the wrong way every date up to the twelfth would be silently wrong."""
    path = file_with(tmp_path, "1,A,x,1,12/01/2010 8:26,1,7,N", "2,A,x,1,12/31/2010 8:26,1,7,N")
    with pytest.raises(SettingsError, match=r"orders.csv:3.*\n.*--dates month-first"):
        inspect(path, "day-first")
    assert [i.occurred_at.month for i in invoices(path, inspect(path, "month-first")) if i.occurred_at] == [12, 12]


def test_a_file_whose_dates_fit_both_orders_is_refused_until_one_is_declared(tmp_path: Path) -> None:
    """1 December or 12 January: it is ambiguous, and a guess would be silently wrong."""
    path = file_with(tmp_path, "1,A,x,1,12/12/2010 8:26,1,7,N", "2,A,x,1,12/01/2010 8:26,1,7,N")
    with pytest.raises(
        SettingsError, match=r"orders.csv:3: '12/01/2010 8:26'.*\n.*--dates day-first, or --dates month-first"
    ):
        inspect(path, "auto")
    for declared, month in (("day-first", 1), ("month-first", 12)):
        found = list(invoices(path, inspect(path, declared)))  # type: ignore[arg-type]  # both are choices
        assert found[1].occurred_at is not None and found[1].occurred_at.month == month


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (("01/12/2010", "13/01/2010"), "day-first"),
        (("01/12/2010", "01/13/2010"), "month-first"),
        (("2010-12-01", "2010-11-12"), "day-first"),
        (("12/12/2010", "soon"), "day-first"),
    ],
    ids=["a day over 12 first", "a day over 12 second", "years first", "alike both ways"],
)
def test_the_order_of_dates_is_read_from_the_whole_file(tmp_path: Path, dates: tuple[str, str], order: str) -> None:
    path = file_with(tmp_path, *(f"{n},A,x,1,{date},1,7,N" for n, date in enumerate(dates)))
    assert inspect(path, "auto").dates == order


@pytest.mark.parametrize("declared", ["auto", "day-first", "month-first"])
def test_a_file_that_is_written_both_ways_is_refused(tmp_path: Path, declared: Any) -> None:
    path = file_with(tmp_path, "1,A,x,1,13/01/2010,1,7,N", "2,A,x,1,01/13/2010,1,7,N")
    with pytest.raises(SettingsError, match=r"orders.csv:2: '13/01/2010' .* line 3 month-first"):
        inspect(path, declared)


def test_an_unclosed_quote_spoils_its_own_line(tmp_path: Path) -> None:
    """A reader that goes on to the next quote takes the lines between for one field."""
    fine = [f'{n},A,"x, ""y""",1,13-12-10 8:26,1,7,N' for n in range(2, 40)]
    path = file_with(tmp_path, '1,A,"LANTERN,1,13-12-10 8:26,1,7,N', *fine, '40,A,"x"y,1,13-12-10 8:26,1,7,N')
    found = list(invoices(path, inspect(path, "auto")))
    assert [i.number for i in found if i.lines] == [str(n) for n in range(2, 40)]
    rejects = {row.number: (row.text, reason) for i in found for row, reason in i.rejects}
    assert rejects == {
        2: ('1,A,"LANTERN,1,13-12-10 8:26,1,7,N', "a quote that is not closed in its line"),
        41: ('40,A,"x"y,1,13-12-10 8:26,1,7,N', "text beside a closed quote, or a field that is too long"),
    }


def test_lines_of_one_invoice_that_are_not_together_are_rejected_and_name_the_first(tmp_path: Path) -> None:
    """Placed under the number of the first they would be taken for its repeat: the same lines would vanish."""
    line = "1,A,x,1,13-12-10 8:26,1,7,N"
    path = file_with(tmp_path, line, line, '1,A,"x,1', "1", line, "2,B,x,1,13-12-10 8:26,1,7,N", line, "C3" + line[1:])
    found = list(invoices(path, inspect(path, "auto")))
    assert [(i.number, len(i.lines)) for i in found] == [("1", 3), ("2", 1), ("1", 0), ("C3", 0)]
    assert [(row.number, reason) for row, reason in found[2].rejects] == [
        (8, "invoice 1 is in line 2 already, and its lines are not together")
    ]


@pytest.mark.parametrize(("end", "before"), [("\n", ""), ("\r\n", "\ufeff"), ("\r", ""), ("\r\n", "\r\n")])
def test_each_line_is_counted_whatever_ends_it(tmp_path: Path, end: str, before: str) -> None:
    lines = ["1,A,x,1,13-12-10 8:26,1,7,N", "", "1,\0,x,1", "1,A,\0,1,13-12-10 8:26,1,7,N", ",,,,,,,"]
    path = tmp_path / "orders.csv"
    path.write_bytes((before + end.join([HEAD.strip(), *lines])).encode())
    form = inspect(path, "auto")
    found = list(invoices(path, form))
    assert form.lines == 4 == sum(len(i.rows) + len(i.rejects) for i in found)
    assert [reason for i in found for _, reason in i.rejects] == [
        "4 fields instead of 8",
        "a field is too long or has a NUL",
        "no invoice number",
    ]


@pytest.mark.parametrize(
    ("content", "encoding", "says"),
    [
        (b"\xef\xbb\xbf" + HEAD.encode() + b"1,A,CAF\xc9,1,13-12-10,1,7,N", "auto", "mark of UTF-8 and is not UTF-8"),
        (HEAD.encode() + b"1,A,CAF\xc9,1,13-12-10,1,7,N", "utf-8-sig", "--encoding latin-1"),
        (HEAD.encode("utf-16"), "auto", "header"),
        (HEAD.replace(",", ";").encode(), "auto", "header"),
        (HEAD.replace(",", "\t").encode(), "auto", "header"),
        (HEAD.encode() + b"1" * 1_100_000, "auto", "has more than 1,000,000 characters"),
    ],
    ids=["marked, not UTF-8", "declared, not UTF-8", "UTF-16", "semicolons", "tabs", "no line ends"],
)
def test_a_file_that_cannot_be_read_as_told_is_refused_whole(
    tmp_path: Path, content: bytes, encoding: str, says: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=says):
        inspect(path, "auto", encoding)


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        ("1_0", "1", "no quantity: '1_0'"),
        ("1e2", "1", "no quantity: '1e2'"),
        ("٣", "1", "no quantity: '٣'"),
        ("１", "1", "no quantity: '１'"),
        ("-0", "1", "quantity is not positive"),
        ("1.0", "1", "no quantity: '1.0'"),
        ("1000001", "1", "quantity is over 1,000,000"),
        ("9" * 5_000, "1", f"no quantity: {'9' * 5_000!r}"),
        ("1", "1_0", "no price: '1_0'"),
        ("1", "1e2", "no price: '1e2'"),
        ("1", "٣", "no price: '٣'"),
        ("1", "-0", "price is not positive"),
        ("1", "-0.00", "price is not positive"),
        ("1", "0x10", "no price: '0x10'"),
        ("1", "Infinity", "no price: 'Infinity'"),
        ("1", "10000000.01", "price is over 10,000,000"),
        ("1", "1.", "no price: '1.'"),
    ],
)
def test_numbers_are_plain_digits_within_their_limits(tmp_path: Path, quantity: str, price: str, reason: str) -> None:
    """int() and Decimal() take underscores, exponents and the digits of every script."""
    path = file_with(tmp_path, f"1,A,x,{quantity},13-12-10 8:26,{price},7,N")
    (invoice,) = invoices(path, inspect(path, "auto"))
    assert [why for _, why in invoice.rejects] == [reason]


def test_latin_1_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    latin = file_with(tmp_path, "1,A,CAFÉ,1,01-12-10 8:26,1,7,Österreich", encoding="latin-1")
    assert [i.country for i in invoices(latin, inspect(latin, "day-first"))] == ["Österreich"]
    marked = tmp_path / "bom.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + latin.read_bytes().decode("latin-1").encode())
    assert [i.country for i in invoices(marked, inspect(marked, "day-first"))] == ["Österreich"]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00\x01"])
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(SettingsError, match="header"):
        inspect(path, "day-first")


def test_the_sample_is_the_same_for_the_same_seed_and_dirty(tmp_path: Path) -> None:
    text = "".join(sample_lines(200, 7))
    assert text == "".join(sample_lines(200, 7)) and text != "".join(sample_lines(200, 8))
    path = tmp_path / "sample.csv"
    path.write_text(text, newline="")
    found = list(invoices(path, inspect(path, "day-first")))
    assert len(found) == 200
    assert any(i.is_credit_note for i in found) and any(i.customer_id == "guest" for i in found)
    assert any(not line.stocked for i in found for line in i.lines)
    assert {reason for i in found for _, reason in i.rejects} >= {"quantity is not positive", "price is not positive"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("2.55", 255), ("0.005", 1), ("0.001", 0), ("NaN", None), ("1e400", None), ("-1", -100), (".5", 50)],
)
def test_prices_are_exact_cents(text: str, value: int | None) -> None:
    assert cents(text) == value


@pytest.mark.parametrize(
    "text", ["31-02-10 8:00", "00-01-10", "1-1", "", "99-99-99 99:99", "٠١-١٢-١٠", "1-12-100", "01-12/10", "1_1-12-10"]
)
def test_impossible_dates_are_no_dates(text: str) -> None:
    assert parse_date(text, "day-first") is None
