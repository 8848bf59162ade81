"""`partita design`: a brief in YAML, drafted and checked; needs no app and no database."""

from __future__ import annotations

from pathlib import Path

import click

from partita.cli.design_code import build_code
from partita.cli.design_document import build_document, forms_of, run_in
from partita.cli.design_drift import Drift, diff, drift, drifted, folder_option
from partita.cli.design_export import export
from partita.cli.design_new import new
from partita.cli.design_source import beside_option, design_from, is_app, shown_from
from partita.cli.output import document, output_option, print_json, say, talk
from partita.design.brief.json_schema import schema_text
from partita.design.brief.refused import BriefRefused
from partita.design.checking.prompt import prompt as prompt_text
from partita.design.checking.rules import check as checked
from partita.design.model.design import Design
from partita.design.model.finding import Finding

FAILED = 3
"""The exit code of a check with a finding that its owner did not accept."""


@click.group(short_help="From four answers, a brief or an app to a design, its document and a project.")
def design() -> None:
    """A system from a brief: its domain, its producers, its consumers and the consistency that it needs."""


design.add_command(new)
design.add_command(drift)
design.add_command(diff)
design.add_command(export)


@design.command(
    epilog="Examples:  partita design check orders.yaml\n\n"
    "           partita design check orders.app:app --beside docs/orders.yaml --documents docs/design"
)
@click.argument("source", metavar="BRIEF|APP")
@beside_option
@folder_option
@click.option("--ledger", is_flag=True, help="Print the assumptions and the open questions too.")
@output_option
def check(source: str, beside: Path | None, folder: Path | None, ledger: bool, output: str) -> int:
    """Contradictions in a brief or an app, each with its place, the reason and the words to write; with --documents also the
    changes since the documents in DIR were built. Exit 3 where there is one of either."""
    accepted: tuple[tuple[Finding, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    read: Design | None = None
    try:
        read = design_from(source, beside)
    except BriefRefused as refused:
        findings = refused.findings
    drift: Drift | None = None
    if read is not None:
        verdict = checked(read)
        findings, accepted = verdict.to_mend, verdict.accepted
        drift = None if folder is None else drifted(read, source, beside, folder)
    failed = FAILED if findings or (drift is not None and drift.is_any) else 0
    if output == "json":
        changed = {} if drift is None else {"drift": drift.as_data()}
        clean = not failed
        print_json("DesignFindings", {"clean": clean, **_document(read, findings, accepted), **changed})
        return failed
    _print_findings(source, findings)
    for each, reason in accepted:
        say(f"accepted {each.rule}: {each.what}", f"  because: {reason}", "")
    if read is not None and ledger:
        _print_ledger(read)
    if read is not None:
        counts = f"{len(read.assumptions)} assumptions, {len(read.questions)} open questions"
        talk(
            f"{len(findings)} to mend, {len(accepted)} accepted; {counts}{'' if ledger else ' (--ledger lists them)'}."
        )
    else:
        talk(f"{len(findings)} to mend before this is a brief.")
    if drift is not None:
        drift.tell()
    return failed


@design.command(epilog="Example:  partita design schema > brief.schema.json")
def schema() -> None:
    """The form of a brief as JSON Schema, for editors and other programs."""
    document(schema_text())


@design.command(epilog="Example:  partita design prompt > prompt.txt")
def prompt() -> None:
    """A prompt with that schema: an assistant of your choice asks the four questions and writes the brief."""
    document(prompt_text())


@design.command(
    epilog="Examples:  partita design build orders.yaml -o docs/design --to md,html,pdf\n\n"
    "           partita design build orders.yaml --code orders --demo\n\n"
    "           partita design build orders.yaml -o docs/design --ran orders/.partita/ran.json"
)
@click.argument("source", metavar="BRIEF|APP")
@beside_option
@click.option(
    "-o",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the document. Default: design.",
)
@click.option(
    "--to", "forms", default="md,html", show_default=True, callback=forms_of, help="The forms: md, html, pdf."
)
@click.option("--code", type=click.Path(path_type=Path), help="The folder of the project, new or built.")
@click.option(
    "--ran",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The record of a run of the project's tests, .partita/ran.json in its folder: what passed is marked as measured.",
)
@click.option("--demo", is_flag=True, help="With --code: then play every outcome of its sagas.")
def build(
    source: str,
    beside: Path | None,
    folder: Path | None,
    forms: tuple[str, ...],
    code: Path | None,
    ran: Path | None,
    demo: bool,
) -> int:
    """The document of a design: one page, thirteen sections, appendices. With --code a project that runs at once, and again
    around the parts that you have filled. Exit 3 where something is to mend first, and nothing was written."""
    if demo and code is None:
        raise click.UsageError("--demo plays the project: --code DIR --demo")
    if code is not None and is_app(source):
        raise click.UsageError("--code makes a project from a brief; an app has its code already")
    if ran is not None and is_app(source):
        raise click.UsageError("--ran is the run of a project that was built from a brief")
    read, findings = _checked(source, beside)
    _print_findings(source, findings)
    if read is None or findings:
        talk(f"{len(findings)} to mend; nothing was written.")
        return FAILED
    if folder is not None or code is None:
        shown = shown_from(read, source)
        shown = shown if ran is None else shown.after(run_in(ran), str(ran))
        build_document(read, Path("design") if folder is None else folder, forms, shown)
    return 0 if code is None else build_code(read, code, demo=demo)


def _checked(source: str, beside: Path | None) -> tuple[Design | None, tuple[Finding, ...]]:
    """The design of a source, and the findings that are to mend first. An app is documented as it is."""
    try:
        read = design_from(source, beside)
    except BriefRefused as refused:
        return None, refused.findings
    return read, () if is_app(source) else checked(read).to_mend


def _print_findings(source: str, findings: tuple[Finding, ...]) -> None:
    """Each finding with its place. The design of an app has no lines: its words to write are those of a brief."""
    of_app = bool(findings) and is_app(source)
    for each in findings:
        place = source if of_app else f"{source}:{each.line}"
        write = "In a brief one would write" if of_app else "Write"
        say(f"{place}: {each.rule}: {each.what}", f"  {each.why}", f"  {write} {each.write}", "")


def _print_ledger(read: Design) -> None:
    for each in read.assumptions:
        say(f"{each.id}  {each.text}", f"     {each.owner}: if wrong, {each.wrong}.", f"     Write {each.write}", "")
    for question in read.questions:
        say(f"{question.id}  {question.text}", f"     {question.owner}: {question.decides}", "")


def _document(
    read: Design | None, findings: tuple[Finding, ...], accepted: tuple[tuple[Finding, str], ...]
) -> dict[str, object]:
    reasons = {id(each): reason for each, reason in accepted}
    return {
        "findings": [
            {
                "rule": each.rule,
                "line": each.line,
                "at": each.at,
                "what": each.what,
                "why": each.why,
                "write": each.write,
                "accepted": reasons.get(id(each)),
            }
            for each in (*findings, *(each for each, _ in accepted))
        ],
        "assumptions": [
            {"id": each.id, "text": each.text, "owner": each.owner, "wrong": each.wrong, "write": each.write}
            for each in (read.assumptions if read else ())
        ],
        "questions": [
            {"id": each.id, "text": each.text, "owner": each.owner, "decides": each.decides}
            for each in (read.questions if read else ())
        ],
    }
