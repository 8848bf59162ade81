"""The formats of an export: one text for a file, or many for a folder."""

from __future__ import annotations

from partita.exports.asyncapi.document import asyncapi_document
from partita.exports.backstage import backstage
from partita.exports.eventcatalog import FOLDERS as PARTS
from partita.exports.eventcatalog import eventcatalog
from partita.exports.json_text import json_text
from partita.exports.naming import Naming, title_of
from partita.observability.catalog.document import catalog_document
from partita.observability.catalog.entry import entries
from partita.observability.declarations import Declarations


def asyncapi(app: Declarations, naming: Naming) -> str:
    """The AsyncAPI document of an app."""
    return json_text(asyncapi_document(app, title=title_of(app, naming), version=naming.version))


def catalog(app: Declarations, naming: Naming) -> str:
    """The whole catalog, as `partita catalog list -o json` prints it, without the places of this machine."""
    named = {"title": title_of(app, naming), "version": naming.version}
    document = catalog_document(entries(app))
    for message in document["messages"]:
        del message["place"]
    return json_text({"v": 1, "kind": "Catalog", **named, **document})


FILES = {"asyncapi": asyncapi, "backstage": backstage, "catalog": catalog}
"""Formats of one file."""

FOLDERS = {"eventcatalog": (eventcatalog, PARTS)}
"""Formats of many files, with the folders in which an export removes its own earlier files."""
