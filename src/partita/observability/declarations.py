"""`Declarations`: the parts of an app that questions about it use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from partita.assembly.existing import Parts
from partita.catalog.catalog import Catalog
from partita.sagas.definition import SagaDefinition
from partita.sagas.sub_sagas import with_participants
from partita.topics.topic_plan import TopicPlan


class Declarations(Parts, Protocol):
    """The parts of an app, and all that it declares."""

    @property
    def catalog(self) -> Catalog:
        """Its messages and services."""
        ...

    @property
    def topics(self) -> TopicPlan:
        """The sizes of its topics, and the cluster that holds them."""
        ...


def sagas_of(app: Parts) -> Sequence[SagaDefinition]:
    """Every saga that an app declares, in each of its versions; steps name the sagas of the app that carry them out."""
    known = [definition for service in app.services for definition in service.declared.sagas]
    return with_participants(known, app.services)
