"""The README's commands, run on the drawn sample: each does what is printed there, number for number but the digits.

python tests/test_readme.py        puts what the commands print now into the README (make readme)
    python tests/test_readme.py --commands      only its table of commands, in a second
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from recognizer.catalogue.imports import COLUMNS
from recognizer.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OFFERED = re.compile(r"^ +[<>]?\d+%  \S.*$")
"""A line that offers an entry: which ones come after the first may change with the fitted numbers."""


def documented(text: str) -> list[tuple[str, str]]:
    """(command, output) of every line that begins with "$ " in a console block, in order."""
    return [
        (command.strip(), output)
        for block in BLOCK.findall(text)
        for command, _, output in (part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:])
    ]


def printed(command: str, folder: Path) -> str:
    """What a documented command prints on standard output, run in `folder`."""
    name, *arguments = shlex.split(command)
    assert name == "znachki"
    environment = {name: value for name, value in os.environ.items() if name != "ZNACHKI_DATA"}
    done = subprocess.run(
        [sys.executable, "-m", "recognizer.cli", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def shape(output: str) -> Any:
    """What of an output must stay: of JSON the keys and kinds, of text the words, digits and entries offered masked."""
    if output.startswith(("{", "[")):
        return _kinds(json.loads(output))
    lines = ["<entry>" if OFFERED.match(line) else re.sub(r"\d+", "0", line) for line in output.splitlines()]
    return [line for number, line in enumerate(lines) if line != "<entry>" or lines[number - 1] != "<entry>"]


def _kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _kinds(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_kinds(value[0])] if value else []
    return "number" if isinstance(value, int | float) else type(value).__name__


@pytest.mark.slow
def test_documented_commands_print_what_is_documented(tmp_path: Path) -> None:
    commands = documented(README.read_text(encoding="utf-8"))
    assert {command.split()[1] for command, _ in commands} >= {"sample", "import", "index", "identify"}
    for command, output in commands:
        assert shape(printed(command, tmp_path)) == shape(output), command


def test_every_command_and_column_is_documented() -> None:
    text = README.read_text(encoding="utf-8")
    assert commands() in text, "the table of commands is old: python tests/test_readme.py --commands"
    for column in COLUMNS:
        assert f"`{column}`" in text, column


def test_files_that_the_readme_names_are_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / target).is_file(), target


def commands() -> str:
    """The table of all commands, as the command line describes them."""
    rows = [f"| `znachki {name}` | {line} |" for name, (_, line) in COMMANDS.items()]
    return "\n".join(["| command | does |", "|---|---|", *rows])


def write() -> None:
    """Put the table of commands, and what the documented ones print now, into the README."""
    text = README.read_text(encoding="utf-8")
    places = re.compile(r"(<!-- commands: begin.*?-->\n).*?(<!-- commands: end -->)", re.DOTALL)
    text = places.sub(lambda found: f"{found[1]}{commands()}\n{found[2]}", text)
    README.write_text(text, encoding="utf-8")
    if "--commands" in sys.argv:
        return
    with tempfile.TemporaryDirectory() as folder:
        fresh = iter([f"$ {command}\n{printed(command, Path(folder))}" for command, _ in documented(text)])

    def block(found: re.Match[str]) -> str:
        return "```console\n" + "".join(next(fresh) for _ in documented(found[0])) + "```"

    README.write_text(BLOCK.sub(block, text), encoding="utf-8")


if __name__ == "__main__":
    write()
