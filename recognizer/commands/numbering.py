"""`znachki numbers`, `merge`, `withdraw`, `history` and `undo`: an entry's numbers, and how they came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recognizer.commands import data_option, json_option, plural, print_json

if TYPE_CHECKING:
    from recognizer.catalogue.history import Change, ChangedRow
    from recognizer.catalogue.numbers import Collision
    from recognizer.catalogue.store import Answer, Catalogue


@click.command()
@click.argument("number", required=False)
@click.option("--add", "added", multiple=True, metavar="SYSTEM:NUMBER", help="Give the entry another number.")
@click.option("--remove", "removed", multiple=True, metavar="SYSTEM:NUMBER", help="Take a number away.")
@click.option("--collisions", is_flag=True, help="List the numbers that several entries have.")
@click.option("--malformed", is_flag=True, help="List the numbers that are not made up as their system's are.")
@data_option
@json_option
def numbers(
    number: str | None,
    added: Sequence[str],
    removed: Sequence[str],
    collisions: bool,
    malformed: bool,
    data: Path,
    as_json: bool,
) -> None:
    """Say what a number stands for, in any writing ("Аверс т. 8 № 12", avers:8-12), and its entry's other numbers.

    Systems known: ilyinskii, avers (volume-number), konros (type/number), goskatalog, inventory, colnect, own; any
    other name serves as well. --collisions and --malformed look through the whole catalogue, and the exit code is 1
    where they find something.
    """
    from recognizer.catalogue.store import Catalogue

    if (number is None) == (not (collisions or malformed)) or ((added or removed) and number is None):
        raise click.UsageError("give a NUMBER, or --collisions or --malformed")
    with Catalogue.open(data) as catalogue:
        if number is None:
            _look_through(catalogue, collisions, malformed, as_json)
            return
        answer = catalogue.lookup(number)
        if added or removed:
            answer = _edit(catalogue, answer, added, removed)
    if as_json:
        print_json({"entry": asdict(answer.entry), "via": [old.entry_id for old in answer.via], "note": answer.note})
    else:
        click.echo(_lines(answer))


def _edit(catalogue: Catalogue, answer: Answer, added: Sequence[str], removed: Sequence[str]) -> Answer:
    from recognizer.catalogue.numbers import is_well_formed, number_key, parse_number

    entry = answer.entry
    have = list(entry.identifiers)
    for text in removed:
        system, number = parse_number(text)
        gone = [one for one in have if one[0] == system and number_key(one[1]) == number_key(number)]
        if not gone:
            raise click.UsageError(f"{entry.entry_id} has no number {text}")
        have = [one for one in have if one not in gone]
    for text in added:
        system, number = parse_number(text)
        if not system:
            raise click.UsageError(f"{text!r}: write it as SYSTEM:NUMBER, avers:8-12")
        if not is_well_formed(system, number):
            click.echo(f"note: {system} numbers are not usually like {number!r}", err=True)
        have.append((system, number))
    with catalogue.transaction(f"numbers of {entry.entry_id}"):
        catalogue.upsert([replace(entry, identifiers=tuple(have))])
        return replace(answer, entry=catalogue.entry(entry.entry_id))


def _look_through(catalogue: Catalogue, collisions: bool, malformed: bool, as_json: bool) -> None:
    from recognizer.catalogue.numbers import is_well_formed

    found: list[Collision] = catalogue.collisions() if collisions else []
    odd = [
        (entry.entry_id, system, number)
        for entry in (catalogue.entries() if malformed else [])
        for system, number in entry.identifiers
        if not is_well_formed(system, number)
    ]
    if as_json:
        print_json({"collisions": [asdict(one) for one in found], "malformed": [list(one) for one in odd]})
    else:
        lines = [f"{one.system} {one.number}: {', '.join(one.entry_ids)}" for one in found]
        lines += [
            f"{entry_id}: {system} number {number!r} is not as that system's are" for entry_id, system, number in odd
        ]
        if collisions:
            lines.append(f"{plural(len(found), 'number')} of several entries")
        if malformed:
            lines.append(plural(len(odd), "malformed number"))
        click.echo("\n".join(lines))
    if found or odd:
        raise click.exceptions.Exit(1)


def _lines(answer: Answer) -> str:
    entry = answer.entry
    lines = [f"{entry.entry_id}  {entry.title or entry.title_en}".rstrip()]
    if answer.note:
        lines.insert(0, f"note: {answer.note}")
    pairs = [("number", entry.number), *entry.identifiers]
    width = max(len(system) for system, _ in pairs)
    lines += [f"  {system.ljust(width)}  {number}" for system, number in pairs]
    for old in answer.via:
        lines += [f"  {system} {number}, of {old.entry_id}" for system, number in old.identifiers]
    return "\n".join(lines)


@click.command()
@click.argument("old")
@click.argument("into")
@data_option
def merge(old: str, into: str, data: Path) -> None:
    """Let the entry INTO take over the entry OLD: its photos go there, its numbers lead there from now on."""
    from recognizer.catalogue.store import Catalogue

    with Catalogue.open(data) as catalogue:
        answer = catalogue.merge(old, into)
        click.echo(f"{answer.note}; change {catalogue.history(limit=1)[0].change_id}")


@click.command()
@click.argument("entry")
@data_option
def withdraw(entry: str, data: Path) -> None:
    """Take an entry out of use; its numbers still answer, saying so."""
    from recognizer.catalogue.store import Catalogue

    with Catalogue.open(data) as catalogue:
        gone = catalogue.withdraw(entry)
        click.echo(f"{gone.entry_id} was withdrawn; change {catalogue.history(limit=1)[0].change_id}")


@click.command()
@click.argument("entry", required=False)
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Most changes; 0 for all.")
@data_option
@json_option
def history(entry: str | None, limit: int, data: Path, as_json: bool) -> None:
    """List who changed what and when, the latest first; of one entry, also what it was before and after."""
    from recognizer.catalogue.store import Catalogue

    with Catalogue.open(data) as catalogue:
        changes = catalogue.history(entry, limit or None)
        rows: dict[int, list[ChangedRow]] = {}
        if entry is not None:
            entry_id = catalogue.remembered(entry)
            rows = {change.change_id: catalogue.changed_rows(change.change_id, entry_id) for change in changes}
    if as_json:
        print_json([asdict(one) | _rows_json(rows.get(one.change_id)) for one in changes])
        return
    for change in changes:
        click.echo(_change_line(change))
        for row in rows.get(change.change_id, []):
            click.echo(_row_line(row))
    if not changes:
        click.echo("no changes")


@click.command()
@click.argument("change", type=int)
@data_option
def undo(change: int, data: Path) -> None:
    """Bring back what was before a change; `znachki history` lists them. Undoing can be undone."""
    from recognizer.catalogue.store import Catalogue

    with Catalogue.open(data) as catalogue:
        click.echo(_change_line(catalogue.undo(change)))


def _rows_json(rows: Sequence[ChangedRow] | None) -> dict[str, object]:
    return {} if rows is None else {"changed": [asdict(row) for row in rows]}


def _change_line(change: Change) -> str:
    undone = f" (undone by {change.undone_by})" if change.undone_by else ""
    who = f"  {change.who}" if change.who else ""
    return f"{change.change_id}  {change.at}{who}  {change.what}, {plural(change.rows, 'row')}{undone}"


def _row_line(row: ChangedRow) -> str:
    if row.before is None or row.after is None:
        state = row.after or row.before or {}
        shown = ", ".join(f"{name}={value}" for name, value in state.items() if value not in ("", None))
        return f"    {row.kind} {'added' if row.before is None else 'removed'}: {shown}"
    pairs = [f"{name}: {row.before.get(name)!r} -> {value!r}" for name, value in row.after.items()]
    return f"    {row.kind}: " + "; ".join(pairs)
