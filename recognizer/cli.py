"""The `znachki` command: finds the sub-command, translates errors, holds no logic of its own.

Sub-commands live in `recognizer.commands`, a module a group of them, and are imported when one is called:
`znachki --help` loads neither torch nor FAISS nor OpenCV.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from recognizer.errors import ZnachkiError

# name of the command -> (module in recognizer.commands, line for --help); the module has a click command `<name>`,
# with "-" written as "_" and with a trailing "_" where the name is a word of Python.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Draw a sample catalogue and identify phone photos of its pins."),
    "sample": ("demo", "Write the drawn sample catalogue and photos to ask it about."),
    "import": ("entries", "Bring a catalogue table or a folder of pictures into the catalogue."),
    "fetch": ("entries", "Fetch the pictures that imports or listings gave as addresses."),
    "show": ("entries", "Show the catalogue, one entry, or what a search finds."),
    "index": ("indexing", "Make the index of the catalogue's photos, doing only what is missing."),
    "identify": ("identifying", "Say which catalogue entries are on a photo."),
    "lot": ("lots", "Find and identify every pin on pictures of lots."),
    "split": ("lots", "Write the crops of pictures, to see what is found."),
    "families": ("curating", "Propose entries that show one drawing, or make them a family."),
    "calibrate": ("training", "Fit how sure answers are to this catalogue."),
    "correct": ("correcting", "Say what a photo shows, when an answer was wrong or right."),
    "corrections": ("correcting", "List what was said of answers, take it back, or write it as queries."),
    "audit": ("curating", "Look for photos in the wrong place, each with the command that mends it."),
    "photo": ("curating", "Show a catalogue photo, take it out, move it, or say what it shows."),
    "discover": ("curating", "Propose entries for unknown pins that were seen in several lots."),
    "evaluate": ("evaluating", "Measure how often queries with known answers are answered right."),
    "search": ("identifying", "Find entries by words, in their texts and in their pictures."),
    "train": ("training", "Train a model on the catalogue's photos and words."),
    "models": ("training", "List the models and say which one is current."),
    "promote": ("training", "Make a trained model the current one, if it is no worse; or go back."),
    "numbers": ("numbering", "Say what a number stands for and which others it has; find collisions."),
    "merge": ("numbering", "Let one entry take another one over; the old numbers lead there."),
    "withdraw": ("numbering", "Take an entry out of use; its numbers still answer."),
    "history": ("numbering", "List who changed what and when."),
    "undo": ("numbering", "Bring back what was before a change."),
    "own": ("collecting", "Say which pins are owned, how many and in which jar."),
    "wish": ("collecting", "Say which pins are wished for."),
    "swap": ("collecting", "Say which of the owned pins would be swapped."),
    "sold": ("collecting", "Count owned pins as sold."),
    "missing": ("collecting", "List what is missing from a series or theme, and how complete it is."),
    "wants": ("collecting", "Write the want-list as CSV or as a sheet to print."),
    "swaps": ("collecting", "Write the swap-list as CSV or as a sheet to print."),
    "export-opennumismat": ("keeping", "Write the catalogue as a collection that OpenNumismat opens."),
    "export-open-clip": ("training", "Write a model as a folder that open_clip loads."),
    "export": ("keeping", "Write the catalogue as a table that import reads."),
    "copy": ("keeping", "Copy a whole catalogue between data folders and server databases."),
    "backup": ("keeping", "Write catalogue, pictures, models and index to one file."),
    "restore": ("keeping", "Bring a backup back, every byte checked."),
    "check": ("keeping", "Look for damage in the database, pictures, models and index."),
    "doctor": ("doctor", "Say what is installed and used, how large and whole the data are, and what is slow."),
    "serve": ("serving", "Serve the page and the API."),
    "token": ("serving", "Make, list and remove tokens for writing through the page and the API."),
    "bundle": ("keeping", "Write catalogue and index as one file to publish."),
    "unbundle": ("keeping", "Unpack a bundle to identify with."),
}


class _LazyGroup(click.Group):
    """A click group that imports the module of a sub-command when the sub-command is asked for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            named = next((arg for arg in args if arg in COMMANDS), "COMMAND")
            cure = f"options stand behind the command: znachki {named} {error.option_name} ..."
            raise click.UsageError(f"{error.format_message().rstrip('.')}; {cure}", ctx) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"recognizer.commands.{COMMANDS[cmd_name][0]}")
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, name, None) or getattr(module, name + "_")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ZnachkiError as error:
            raise click.ClickException(str(error)) from error
        except ModuleNotFoundError as error:
            from recognizer.networks.processor import BY_LIBRARY, CURE, TORCH

            if error.name is None or error.name.partition(".")[0] not in BY_LIBRARY[TORCH]:
                raise
            said = f"this needs PyTorch, and {error.name} is not installed; {CURE[TORCH]}"
            raise click.ClickException(said) from error
        except BrokenPipeError:  # the reader of our output, such as `head`, has gone: no fault of ours
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="znachki")
@click.pass_context
def main(context: click.Context) -> None:
    """Tell which catalogue number a pin has, from a photo; everything stays on this machine."""
    if context.invoked_subcommand != "serve":  # whose log is for who runs it
        _keep_libraries_quiet()


def _keep_libraries_quiet() -> None:
    """Keep standard error for what is said here: libraries in C, such as libtiff, write warnings to it past Python.

    Python's own stream gets a descriptor of its own. Not on Windows, where a console is no descriptor.
    """
    try:
        if os.name != "posix" or sys.stderr.fileno() != 2:
            return
    except (AttributeError, OSError, ValueError):  # somebody has put another stream in its place
        return
    said = sys.stderr
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=said.encoding, errors=said.errors)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    main()
