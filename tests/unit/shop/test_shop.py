"""The shop's contracts and its order files, without running anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from partita import SettingsError
from partita.catalog.contract import contract_of
from partita.examples.shop.invoices import cents, inspect, invoices, parse_date
from partita.examples.shop.messages import OrderPlaced
from partita.examples.shop.sample import sample_lines
from partita.schemas.avro import avro_record

THE_RECORD = json.loads(
    """{"type": "record", "name": "OrderPlaced", "namespace": "shop.order.v1", "fields": [
  {"name": "orderId", "type": "string"}, {"name": "customerId", "type": "string"},
  {"name": "totalCents", "type": "long"},
  {"name": "occurredAt", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"""
)
HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def test_order_placed_is_the_record_of_the_contract_to_the_letter() -> None:
    """Other teams read it: names, order, types."""
    record = avro_record(contract_of(OrderPlaced).shape, revision=1)
    assert json.dumps(record) == json.dumps(THE_RECORD)


def test_lines_and_country_arrive_with_defaults() -> None:
    """Compatible evolution: old bytes still read."""
    fields = avro_record(contract_of(OrderPlaced).shape)["fields"]
    assert [(f["name"], "default" in f) for f in fields[4:]] == [("lines", True), ("country", True)]


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
    ("text", "value"), [("2.55", 255), ("0.005", 1), ("0.001", 0), ("NaN", None), ("1e400", None), ("-1", -100)]
)
def test_prices_are_exact_cents(text: str, value: int | None) -> None:
    assert cents(text) == value


@pytest.mark.parametrize("text", ["31-02-10 8:00", "00-01-10", "1-1", "", "99-99-99 99:99"])
def test_impossible_dates_are_no_dates(text: str) -> None:
    assert parse_date(text, "day-first") is None
