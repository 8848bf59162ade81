"""`Refusal`: the registry's answer to a request that it does not carry out, with the protocol's error code."""

from __future__ import annotations


class Refusal(Exception):
    """An answer of the protocol: an HTTP status and an error code, which clients know, and a message for people."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def no_subject(subject: str) -> Refusal:
    """The subject has no version."""
    return Refusal(404, 40401, f"Subject '{subject}' not found.")


def no_version(version: object) -> Refusal:
    """The subject has other versions."""
    return Refusal(404, 40402, f"Version {version} not found.")


def no_schema(name: object = None) -> Refusal:
    """No schema has that id, guid or text."""
    return Refusal(404, 40403, "Schema not found" if name is None else f"Schema {name} not found")


def subject_deleted_already(subject: str) -> Refusal:
    """A second soft deletion."""
    return Refusal(404, 40404, f"Subject '{subject}' was soft deleted. Set permanent=true to delete permanently")


def subject_not_deleted(subject: str) -> Refusal:
    """A permanent deletion without the soft one before it."""
    return Refusal(404, 40405, f"Subject '{subject}' was not deleted first before being permanently deleted")


def version_deleted_already(subject: str, version: object) -> Refusal:
    """A second soft deletion."""
    what = f"Subject '{subject}' Version {version} was soft deleted."
    return Refusal(404, 40406, f"{what} Set permanent=true to delete permanently")


def version_not_deleted(subject: str, version: object) -> Refusal:
    """A permanent deletion without the soft one before it."""
    what = f"Subject '{subject}' Version {version} was not deleted first"
    return Refusal(404, 40407, f"{what} before being permanently deleted")


def no_level(subject: str) -> Refusal:
    """The subject has no compatibility level of its own."""
    return Refusal(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")


def no_mode(subject: str) -> Refusal:
    """The subject has no mode of its own."""
    return Refusal(404, 40409, f"Subject '{subject}' does not have subject-level mode configured")


def incompatible(subject: str, messages: list[str]) -> Refusal:
    """The level of the subject does not allow the schema."""
    what = f'Schema being registered is incompatible with an earlier schema for subject "{subject}"'
    return Refusal(409, 40901, f"{what}, details: {' | '.join(messages)}")


def invalid_schema(why: str) -> Refusal:
    """The text is no schema of its language, or is one that is refused."""
    return Refusal(422, 42201, f"Invalid schema: {why}")


def invalid_version(version: str) -> Refusal:
    """The version is neither a number from 1 on nor `latest`."""
    what = f"The specified version '{version}' is not a valid version id."
    return Refusal(422, 42202, f'{what} Allowed values are between [1, 2^31-1] and the string "latest"')


def invalid_level(given: object) -> Refusal:
    """The compatibility level does not exist."""
    levels = "none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"
    return Refusal(422, 42203, f"Invalid compatibility level {given!r}. Valid values are {levels}")


def invalid_mode(given: object) -> Refusal:
    """The mode does not exist, or not here."""
    return Refusal(422, 42204, f"Invalid mode {given!r}. Valid values are READWRITE, READONLY, and IMPORT")


def not_permitted(why: str) -> Refusal:
    """The mode forbids the operation."""
    return Refusal(422, 42205, why)


def referenced(subject: str, version: int) -> Refusal:
    """Another schema refers to the version that was to be deleted."""
    what = "One or more references exist to the schema"
    return Refusal(422, 42206, f"{what} {{subject={subject},version={version}}}.")


def invalid_subject(subject: str, why: str) -> Refusal:
    """The text can be no subject."""
    return Refusal(422, 42208, f"The specified subject '{subject}' is not a valid subject: {why}.")


def too_large(what: str) -> Refusal:
    """The schema, or the request with it, exceeds the limit."""
    return Refusal(422, 42209, what)


def not_kept(what: str) -> Refusal:
    """A part of the request that this registry would lose."""
    return Refusal(422, 42210, f"{what}: this registry does not keep it. Leave it out.")
