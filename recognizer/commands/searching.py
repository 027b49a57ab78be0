"""`znachki search`: entries by words."""

from __future__ import annotations

from pathlib import Path

import click

from recognizer.commands import data_option, json_option, print_json


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--k", type=click.IntRange(min=1), default=20, show_default=True, help="Entries at most.")
@data_option
@json_option
def search(words: tuple[str, ...], k: int, data: Path, as_json: bool) -> None:
    """Find entries by words, in Russian or English: in their texts, and in what their pictures show.

    Pictures are searched by the text tower of the model that the index was made with; where it has none, that is said
    on standard error and the texts alone are searched.
    """
    from recognizer.catalogue.store import Catalogue
    from recognizer.curating.word_search import search as find
    from recognizer.search import embedder
    from recognizer.search.index import Index, read_manifest

    manifest = read_manifest(data / "index")
    model = embedder.load(manifest.model, data / "models") if manifest else None
    if model is None:
        click.echo("no index: the texts alone are searched; `znachki index` makes one", err=True)
    elif not model.reads_text:
        cure = "`znachki train` makes a model that has one"
        click.echo(f"model {model.name} has no text tower: the texts alone are searched; {cure}", err=True)
    index = Index.open(data / "index") if model is not None and model.reads_text else None
    with Catalogue.open(data) as catalogue:
        found = find(catalogue, " ".join(words), index=index, model=model, limit=k)
    if as_json:
        print_json(
            [
                {
                    "entry_id": one.entry.entry_id,
                    "number": one.entry.number,
                    "title": one.entry.title,
                    "title_en": one.entry.title_en,
                    "place_by_text": one.by_text or None,
                    "place_by_picture": one.by_picture or None,
                }
                for one in found
            ]
        )
        return
    if not found:
        click.echo("nothing found")
    for one in found:
        by = " and ".join(name for name, place in (("text", one.by_text), ("picture", one.by_picture)) if place)
        click.echo(f"  {one.entry.number}  {one.entry.title or one.entry.title_en}  (by {by})")
