"""The formats of an export: one text for a file, or many for a folder."""

from __future__ import annotations

from dataclasses import dataclass

from partita.exports.asyncapi.document import asyncapi_document
from partita.exports.json_text import json_text
from partita.observability.catalog.document import catalog_document
from partita.observability.catalog.entry import entries
from partita.observability.declarations import Declarations


@dataclass(frozen=True, slots=True)
class Naming:
    """The title and the version of exported documents; empty = the common part of the namespaces, and 1.0.0."""

    title: str
    version: str


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


FILES = {"asyncapi": asyncapi, "catalog": catalog}
"""Formats of one file."""


def title_of(app: Declarations, naming: Naming) -> str:
    """The title of a document: as it is given, else the beginning that all namespaces share, else the first service."""
    if naming.title:
        return naming.title
    parts = [service.namespace.split(".") for service in app.services if service.messages]
    shared = []
    for words in zip(*parts, strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return ".".join(shared) or next((service.name for service in app.services), "messages")
