"""`znachki serve` and `znachki token`: the page and the API, and who may write through them."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from recognizer.commands import data_option, json_option, model_option, print_json, rate_option

if TYPE_CHECKING:
    from recognizer.web.access.tokens import Tokens


RANKS: Final = ("reader", "collector", "curator", "owner")
"""The ranks of `recognizer.web.access.ranks.Rank`, which loads longer than `--help` may; a test holds them equal."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for every one.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--name", "names", multiple=True, metavar="NAME", help="Host name to answer to; again for further ones.")
@click.option("--open", "open_", is_flag=True, help="Open the page in the browser.")
@click.option("--ask-here", is_flag=True, help="Ask for a token to write on this machine too.")
@click.option("--private", is_flag=True, help="Ask for a token to read too.")
@click.option("--open-corrections", is_flag=True, help="Take corrections of answers without a token.")
@click.option("--origin", "origins", multiple=True, metavar="URL", help="Site whose pages may ask the API (CORS).")
@click.option("--frame", "frames", multiple=True, metavar="URL", help="Site that may show the page in a frame.")
@click.option("--proxy", "proxies", multiple=True, metavar="IP", help="Proxy whose X-Forwarded headers are believed.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that answer photos at once, some 1.3 GB of memory each; as many as there are cores at most.",
)
@click.option("--queue", type=click.IntRange(min=1), default=64, show_default=True, help="Photos that may wait.")
@click.option("--rate", type=click.IntRange(min=0), default=600, show_default=True, help="Uploads a client and minute.")
@click.option("--max-mb", type=click.IntRange(min=1), default=64, show_default=True, help="Most MB of an upload.")
@click.option("--max-megapixels", type=click.IntRange(1, 120), default=110, show_default=True, help="Most of a photo.")
@click.option(
    "--max-import-mb", type=click.IntRange(min=1), default=2000, show_default=True, help="Most of a catalogue."
)
@click.option("--store-gb", type=click.FloatRange(min=0), default=4.0, show_default=True, help="Room for lots.")
@click.option("--lot-hours", type=click.FloatRange(min=0), default=24.0, show_default=True, help="Lots live so long.")
@rate_option
@model_option
@data_option
def serve(  # above 60 lines: most of them are its options, and what each is for
    host: str,
    port: int,
    names: tuple[str, ...],
    open_: bool,
    ask_here: bool,
    private: bool,
    open_corrections: bool,
    origins: tuple[str, ...],
    frames: tuple[str, ...],
    proxies: tuple[str, ...],
    workers: int,
    queue: int,
    rate: int,
    max_mb: int,
    max_megapixels: int,
    max_import_mb: int,
    store_gb: float,
    lot_hours: float,
    false_match_rate: float | None,
    model: str | None,
    data: Path,
) -> None:
    """Serve the page and the API; only this machine reaches them unless --host says otherwise.

    An empty folder opens on a page that takes a catalogue by upload. Reading is open. Writing is open to the browser on
    this machine, unless --name, --proxy, --origin, --frame or --private say that others are served too; everybody else
    needs a token of `znachki token add`. SIGTERM or Ctrl+C ends after what runs is answered;
    lots go on at the next start.
    """
    import uvicorn

    from recognizer.running.room import cores

    if workers > 1:  # read when the libraries are loaded, below
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // workers)))
    from recognizer.catalogue.store import DATABASE, Catalogue
    from recognizer.web.access.here import LOCAL
    from recognizer.web.app import create_app
    from recognizer.web.settings import Settings

    # By its own names only: a page elsewhere could otherwise have its name lead here, and read what it likes.
    hosts = tuple(name.lower() for name in names)
    if host in LOCAL:
        hosts = (*LOCAL, *hosts)
    others = bool(names or proxies or origins or frames or private)
    settings = Settings(
        data=data,
        model=model,
        false_match_rate=false_match_rate,
        open_here=not others and not ask_here,
        private=private,
        open_corrections=open_corrections,
        hosts=hosts,
        origins=tuple(_site(origin) for origin in origins),
        frames=tuple(_site(frame) for frame in frames),
        max_bytes=max_mb * 1_000_000,
        max_source=max_import_mb * 1_000_000,
        max_pixels=max_megapixels * 1_000_000,
        workers=workers,
        queue=queue,
        rate=rate,
        lot_hours=lot_hours,
        store=round(store_gb * 1e9),
    )
    if not (data / DATABASE).is_file():
        Catalogue.open(data, create=True).close()  # the page takes it from there
    app = create_app(settings)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"http://{shown}:{port}/ shows the catalogue in {data}; Ctrl+C ends", err=True)
    if open_:
        _open_soon("127.0.0.1" if host in ("0.0.0.0", "::") else shown, port)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        limit_concurrency=1000,
        timeout_graceful_shutdown=120,
    )


def _open_soon(host: str, port: int) -> None:
    """Open the page in the browser as soon as it answers."""
    import threading
    import webbrowser

    def wait() -> None:
        for _ in range(600):
            with suppress(OSError), socket.create_connection((host.strip("[]"), port), 1):
                webbrowser.open(f"http://{host}:{port}/")
                return
            time.sleep(0.1)

    threading.Thread(target=wait, name="znachki-open", daemon=True).start()


def _site(address: str) -> str:
    """A site as browsers name it: scheme, host and port without a path."""
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise click.BadParameter(f"{address!r}: write a site as https://catalogue.example")
    return f"{parts.scheme}://{parts.netloc}"


@click.group()
def token() -> None:
    """Make, list and remove the tokens that writing through `znachki serve` needs."""


@token.command("add")
@click.argument("name")
@click.option("--rank", type=click.Choice(RANKS), default="owner", show_default=True, help="What the token may do.")
@click.option("--read-only", is_flag=True, help="The same as --rank reader.")
@click.option("--collector", metavar="NAME", help="Whose collection it is; an owner's is that of this machine.")
@data_option
def add(name: str, rank: str, read_only: bool, collector: str | None, data: Path) -> None:
    """Make a token for NAME and print it; only its hash is kept, so it cannot be shown again.

    A reader looks, where the service is private. A collector keeps a collection of their own and says of answers what
    is right. A curator changes the catalogue too, an owner also trains models. Tokens with one --collector, by default
    NAME, share it; `--collector ""` is that of `znachki own`.
    """
    from recognizer.web.access.ranks import Rank

    made, secret = _tokens(data).add(name, Rank.READER if read_only else Rank(rank), collector)
    click.echo(f"token {made.token_id} for {made.name}, {made.rank}; it is shown this once:", err=True)
    click.echo(secret)


@token.command("list")
@data_option
@json_option
def list_(data: Path, as_json: bool) -> None:
    """List the tokens, without what is secret of them."""
    held = _tokens(data).all()
    if as_json:
        print_json(
            [
                {"token_id": one.token_id, "name": one.name, "made": one.made, "writes": one.writes}
                | {"rank": one.rank.value, "collector": one.collector}
                for one in held
            ]
        )
        return
    for one in held:
        click.echo(f"{one.token_id}  {one.made}  {one.rank:9}  {one.name}")
    if not held:
        click.echo("no tokens; `znachki token add NAME` makes one", err=True)


@token.command("remove")
@click.argument("token_id")
@data_option
def remove(token_id: str, data: Path) -> None:
    """Take a token back, by its id or the name that it was given to; a running service knows at once."""
    for one in _tokens(data).remove(token_id):
        click.echo(f"token {one.token_id} of {one.name} removed")


def _tokens(data: Path) -> Tokens:
    from recognizer.catalogue.store import Catalogue
    from recognizer.web.access.tokens import Tokens
    from recognizer.web.settings import FOLDER

    Catalogue.open(data).close()  # says what is wrong where this is no data folder
    return Tokens(data / FOLDER)
