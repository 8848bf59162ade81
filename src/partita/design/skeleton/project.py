"""A design as a project: all of its files, in memory."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from partita.design.document.shown import Shown, WrittenTest
from partita.design.model.design import Design
from partita.design.skeleton.around import around_files
from partita.design.skeleton.blueprint import blueprint_of
from partita.design.skeleton.faults import fault_tests, faults_files
from partita.design.skeleton.file import FilledFile, ProjectFile, WholeFile
from partita.design.skeleton.filling import notes_of
from partita.design.skeleton.messages import messages_file
from partita.design.skeleton.outcomes import outcomes_of
from partita.design.skeleton.parts import handler_files
from partita.design.skeleton.playing import outcome_tests, playing_files
from partita.design.skeleton.recording import digest_of, recording_file
from partita.design.skeleton.sagas import sagas_file
from partita.design.skeleton.services import services_file, topics_file
from partita.design.skeleton.state_tests import state_tests, states_test
from partita.design.skeleton.streams import stream_tests, streams_file, streams_test
from partita.design.skeleton.tables import migration_files, tables_file
from partita.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Project:
    """The files, the package and the tests in them, and the parts of the design that no code carries yet. `digest` is that of
    the files that the design alone gives. `is_played`: it has a demo."""

    package: str
    files: tuple[ProjectFile, ...]
    tests: tuple[WrittenTest, ...]
    digest: str
    notes: tuple[str, ...]
    is_played: bool


def project_of(design: Design) -> Project:
    """The project of a design, the same for the same design.

    Raises:
        SettingsError: a name is no name of Python, or a part of the design cannot run.
    """
    blue = blueprint_of(design)
    handlers = list(handler_files(blue))
    outcomes = outcomes_of(blue)
    whole = [
        services_file(blue),
        topics_file(blue),
        messages_file(blue),
        sagas_file(blue),
        tables_file(blue),
        streams_file(blue),
        streams_test(blue),
        states_test(blue),
        *playing_files(blue, outcomes),
        *faults_files(blue, outcomes),
        *around_files(blue, handlers, is_played=bool(outcomes)),
    ]
    files: list[ProjectFile] = [file for file in whole if file is not None]
    files += [*handlers, *migration_files(blue)]
    digest = digest_of(files)
    if outcomes:
        files.append(recording_file(digest))
    for file in files:
        _check(file)
    tests = (*state_tests(blue), *outcome_tests(outcomes), *fault_tests(blue, outcomes), *stream_tests(blue))
    return Project(blue.package, tuple(files), tests, digest, tuple(notes_of(design)), bool(outcomes))


def shown_of(design: Design) -> Shown:
    """The tests of the project of a design; none, with the reason, where the design cannot become a project."""
    try:
        project = project_of(design)
    except SettingsError as error:
        return Shown(missing=f"no project can be written from it. {' '.join(error.what.split())}".rstrip("."))
    return Shown(project.tests, project=project.digest)


def _check(file: ProjectFile) -> None:
    """A defect of ours is found here, and not by the reader: text that is no Python."""
    if isinstance(file, FilledFile):
        ast.parse("\n\n".join([file.head, *(part.text for part in file.parts)]))
    elif isinstance(file, WholeFile) and file.path.endswith(".py"):
        ast.parse(file.text)
