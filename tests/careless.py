"""The planted bug of the Kafka tests: a producer without `enable.idempotence`, which `KafkaAddress` refuses to users."""

from __future__ import annotations

from typing import Any

from partita import App
from partita.bus.connected import Connected
from partita.bus.kafka.address import KafkaAddress
from partita.machine.port import Machine, Wake

WITHOUT = {"enable.idempotence": False, "enable.gapless.guarantee": False, "max.in.flight": 100}


class CarelessAddress(KafkaAddress):
    """A cluster's address whose producers number nothing: what they send again is a copy."""

    def producer(self) -> dict[str, Any]:
        """As ours, without the numbers."""
        return {**super().producer(), **WITHOUT}


class CarelessApp(App):
    """An app that appends with such a producer."""

    def connect_bus(self, machine: Machine, wake: Wake) -> Connected:
        """The broker, by the careless address."""
        connected = super().connect_bus(machine, wake)
        bus: Any = connected.bus
        bus.address = CarelessAddress(bus.address.servers, bus.address.given)
        return connected
