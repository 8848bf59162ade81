"""The codecs on one message of the shop: `python bench/codec.py` encodes and decodes it in turn with the compiled way of Avro,
with the general way, with fastavro from plain values alone, as JSON and as Protobuf; medians of microseconds, in one run."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import io
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import msgspec

from partita.catalog.contract import contract_of
from partita.codec.avro import AvroCodec
from partita.codec.connect import connect_codec
from partita.examples.shop.messages import OrderLine, OrderPlaced
from partita.schemas.fields.plain_default import NATIVE
from partita.schemas.protobuf.numbering import give_numbers

AIM = 0.5
LINES = [OrderLine(sku=f"sku-{n}", quantity=n, price_cents=1_250) for n in (1, 2)]
ORDER = OrderPlaced(
    order_id="ord_1_000123",
    customer_id="cust_77",
    total_cents=12_345,
    occurred_at=dt.datetime.now(dt.UTC),
    lines=LINES,
    country="AT",
)


def ways() -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Encode and decode of each way; each has given the value back."""
    shape = contract_of(OrderPlaced).shape
    compiled, general, json = AvroCodec(), AvroCodec(), connect_codec()
    as_json = dataclasses.replace(shape, language="json")
    general.learn(shape)
    general._shapes[shape.full_name] = dataclasses.replace(general._shapes[shape.full_name], program=None)
    name, data = compiled.encode(shape, ORDER)
    parsed = general._shapes[shape.full_name].parsed
    json_name, json_data = json.encode(as_json, ORDER)
    protobuf, folder = connect_codec(), Path(tempfile.mkdtemp())
    as_protobuf = dataclasses.replace(shape, language="protobuf", home=folder)
    give_numbers(folder, [as_protobuf])
    protobuf_name, protobuf_data = protobuf.encode(as_protobuf, ORDER)
    shutil.rmtree(folder)
    found = {
        "Avro, compiled": (lambda: compiled.encode(shape, ORDER), lambda: compiled.decode(shape, name, data)),
        "Avro, the general way": (lambda: general.encode(shape, ORDER), lambda: general.decode(shape, name, data)),
        "fastavro alone, no checks": (lambda: _written(parsed), lambda: _read(parsed, data, shape.struct)),
        "JSON": (lambda: json.encode(as_json, ORDER), lambda: json.decode(as_json, json_name, json_data)),
        "Protobuf": (
            lambda: protobuf.encode(as_protobuf, ORDER),
            lambda: protobuf.decode(as_protobuf, protobuf_name, protobuf_data),
        ),
    }
    for way, (_, decode) in found.items():
        assert decode() == ORDER, way
    assert general.encode(shape, ORDER) == (name, data) and _written(parsed) == data
    return found


def _written(parsed: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, msgspec.to_builtins(ORDER, builtin_types=NATIVE))
    return out.getvalue()


def _read(parsed: Any, data: bytes, cls: type[Any]) -> Any:
    return msgspec.convert(fastavro.schemaless_reader(io.BytesIO(data), parsed, None), cls)


def _microseconds(act: Callable[[], Any], count: int) -> float:
    begun = time.perf_counter()
    for _ in range(count):
        act()
    return (time.perf_counter() - begun) / count * 1e6


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition(":")[0])
    parser.add_argument("--rounds", type=int, default=51, help="rounds, each way in turn")
    parser.add_argument("--count", type=int, default=1_000, help="messages in a round")
    told = parser.parse_args()
    spent: dict[str, list[tuple[float, float]]] = {}
    for _ in range(told.rounds):
        for way, (encode, decode) in ways().items():
            spent.setdefault(way, []).append((_microseconds(encode, told.count), _microseconds(decode, told.count)))
    general = statistics.median(sum(pair) for pair in spent["Avro, the general way"])
    print(
        f"{'way':26} {'encode':>8} {'decode':>8} {'both':>8} {'of the general way':>20}   (us, medians of {told.rounds} rounds)"
    )
    for way, pairs in spent.items():
        both = statistics.median(sum(pair) for pair in pairs)
        each = [statistics.median(pair[side] for pair in pairs) for side in (0, 1)]
        aim = f"   aim <= {AIM}" if way == "Avro, compiled" else ""
        print(f"{way:26} {each[0]:8.2f} {each[1]:8.2f} {both:8.2f} {both / general:19.2f}x{aim}")


if __name__ == "__main__":
    main()
