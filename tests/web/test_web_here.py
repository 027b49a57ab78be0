"""Who sits at the machine: asked by its own name, by nobody's proxy, and only where nobody else is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.requests import Request

from recognizer.cli import main
from recognizer.web.access.here import asks_from_here
from recognizer.web.settings import Settings


def asked(client: str = "127.0.0.1", host: str = "localhost:8000", version: str = "1.1", **headers: str) -> Request:
    named = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    scope = {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "server": None}
    return Request(scope | {"client": (client, 1), "headers": raw, "http_version": version})


def test_only_this_machine_by_its_own_name_is_here() -> None:
    assert all(asks_from_here(asked(client)) for client in ("127.0.0.1", "127.0.0.9", "::1"))
    assert all(asks_from_here(asked(host=host)) for host in ("127.0.0.1:8000", "[::1]:8000", "LOCALHOST"))
    assert not any(asks_from_here(asked(client)) for client in ("192.168.1.7", "203.0.113.7", "fe80::1", "nobody"))
    assert not asks_from_here(asked(host="pins.example"))  # a name that leads here, of whoever's page that is
    for name in ("x_forwarded_for", "forwarded", "x_real_ip", "via"):
        assert not asks_from_here(asked(**{name: "127.0.0.1"}))
    assert not asks_from_here(asked(version="1.0"))  # as proxies ask that say nothing of themselves


@pytest.mark.parametrize(
    ("options", "here"),
    [
        ((), True),
        (("--host", "0.0.0.0"), True),
        (("--ask-here",), False),
        (("--private",), False),
        (("--proxy", "127.0.0.1"), False),
        (("--name", "pins.example"), False),
        (("--origin", "https://pins.example"), False),
        (("--frame", "https://pins.example"), False),
    ],
)
def test_serve_begins_a_catalogue_and_trusts_this_machine_where_it_serves_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], here: bool
) -> None:
    made: list[Settings] = []
    opened: list[str] = []

    def run(app: Any, **_: Any) -> None:
        made.append(app.state.service.settings)
        app.state.service.engine.catalogue.close()

    monkeypatch.setattr("uvicorn.run", run)
    monkeypatch.setattr("recognizer.commands.serving._open_soon", lambda host, port: opened.append(f"{host} {port}"))
    arguments = ["serve", "--open", "--port", "8001", "--data", str(tmp_path / "new"), *options]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "http://" in done.stderr
    assert (tmp_path / "new" / "catalogue.db").is_file()
    assert made[0].open_here is here
    assert opened == ["127.0.0.1 8001"]
