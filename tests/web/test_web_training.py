"""Training on the page: what is started, watched, stopped and taken up again, with a command that trains nothing.

The commands themselves are tested in tests/training; `test_web_curators_browser` runs the real ones in a browser.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from web_service import Served, serving

from recognizer.catalogue.store import Catalogue
from recognizer.web.access.ranks import Rank
from recognizer.web.access.tokens import Tokens
from recognizer.web.settings import Settings
from recognizer.web.training import errand as errands
from recognizer.web.training import pages
from recognizer.web.training.curves import curves
from recognizer.web.training.errand import COMMAND, Errand, Errands, What

HTML = {"Accept": "text/html"}

SCRIPT = """
import json, sys, time
from pathlib import Path
command, model, data = sys.argv[1], sys.argv[2], Path(sys.argv[sys.argv.index("--data") + 1])
if command == "train":
    run = data / "runs" / model / "pictures"
    run.mkdir(parents=True, exist_ok=True)
    begun = (run / "curve.csv").exists()
    (run / "curve.csv").write_text("step,loss,images,texts,entropy,recall,seconds\\n5,3.5,1,1,1,0.25,1\\n")
    while not begun and model == "patient":
        time.sleep(0.01)
    with (run / "curve.csv").open("a") as curve:
        curve.write("10,2.5,1,1,1,0.75,2\\n")
    (data / "models" / model).mkdir(parents=True)
    (data / "models" / model / "model.json").write_text(json.dumps({"base": "base", "data": "7 entries"}))
elif "--compare" in sys.argv:
    figures = {"all": {"queries": 40.0, "recall_at_1": 0.9}}
    worse = ["recall at 1 is 0.900, the current's 0.950"]
    figures = dict.fromkeys(("candidate", "current", "base"), figures)
    print(json.dumps({"current": "base", "base": "imagenet", "figures": figures, "worse": worse}))
elif "--force" not in sys.argv:
    sys.exit("Error: not promoted; it is worse")
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    script = tmp_path / "command.py"
    script.write_text(SCRIPT)
    made = (sys.executable, str(script))
    monkeypatch.setattr(Errands.__init__, "__defaults__", (made,))
    return made


@pytest.fixture
def served(tmp_path: Path, command: tuple[str, ...]) -> Iterator[Served]:
    Catalogue.open(tmp_path / "data", create=True).close()
    with serving(tmp_path / "data", open_here=True) as running:
        yield running


def send(served: Served, path: str, **fields: Any) -> Any:
    found = re.search(r'name="proof" value="([\w-]+)"', served.get("/training", headers=HTML).text)
    assert found is not None
    return served.post(path, data={"proof": found[1]} | fields, headers=HTML)


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def ended(served: Served) -> str:
    until(lambda: served.get("/training/state").json()["ended"])
    page: str = served.get("/training", headers=HTML).text
    return page


def test_a_model_is_trained_watched_compared_and_used(served: Served) -> None:
    answer = send(served, "/training/begin", model="pins", steps="10")
    assert (answer.status_code, answer.headers["location"]) == (303, "/training")
    page = ended(served)
    assert page.count("<polyline") == 2
    assert 'points="300.0,0.0 600.0,200.0"' in page  # the loss, from its greatest to its least
    assert 'points="300.0,150.0 600.0,50.0"' in page  # the recall, of 0 to 1
    assert "<h3>pins</h3>" in page
    send(served, "/training/compare", model="pins")
    page = ended(served)
    assert "recall at 1 is 0.900" in page
    send(served, "/training/promote", model="pins")
    assert "not promoted; it is worse" in ended(served)
    send(served, "/training/promote", model="pins", force="1")
    assert "not promoted" not in ended(served)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "../pins", "steps": "10"}, 422),
        ({"model": "", "steps": "10"}, 422),
        ({"model": "pins", "steps": "0"}, 422),
        ({"model": "pins", "steps": "many"}, 422),
    ],
)
def test_what_cannot_be_trained_is_refused(served: Served, fields: dict[str, str], status: int) -> None:
    assert send(served, "/training/begin", **fields).status_code == status
    assert send(served, "/training/compare", model="none").status_code == 404
    assert served.get("/training/state").json()["ended"]


def test_one_thing_is_done_at_a_time_and_can_be_stopped(served: Served) -> None:
    send(served, "/training/begin", model="patient", steps="10")
    until(lambda: served.get("/training/state").json()["done"] == 5)
    assert send(served, "/training/begin", model="other", steps="10").status_code == 503
    page = served.get("/training", headers=HTML).text
    assert 'action="/training/stop"' in page
    assert "Train a model" not in page
    assert send(served, "/training/stop").status_code == 303
    assert "It was stopped." in ended(served)


def test_a_training_goes_on_after_the_service_was_ended(tmp_path: Path, command: tuple[str, ...]) -> None:
    settings = Settings(tmp_path / "data")
    first = Errands(settings)
    first.begin(Errand(What.TRAIN, "patient", 10))
    curve = tmp_path / "data" / "runs" / "patient" / "pictures" / "curve.csv"
    until(curve.is_file)
    until(lambda: len(curve.read_text().splitlines()) == 2)
    first.stop()
    again = Errands(settings)
    assert again.at_work
    again.start()
    until(lambda: not again.at_work)
    assert again.now is not None
    assert again.now.code == 0
    assert (tmp_path / "data" / "models" / "patient" / "model.json").is_file()


def test_a_process_ends_when_the_service_that_began_it_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([*COMMAND, "train", "--help"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"Train a model" in process.stdout.read()
        assert process.wait(30) == 0
    slow = "import threading, recognizer.web.training.child as c; threading.Thread(target=c._follow).start()"
    held = subprocess.Popen([sys.executable, "-c", slow + "; threading.Event().wait()"], stdin=subprocess.PIPE)
    assert held.stdin is not None
    held.stdin.close()
    assert held.wait(30) == 3


def test_without_pytorch_the_page_says_so_with_the_cure(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "has_torch", lambda: False)
    page = served.get("/training", headers=HTML).text
    assert "Training needs PyTorch" in page
    assert "pip install torch" in page
    assert "Train a model" not in page
    assert send_without(served) == 409


def send_without(served: Served) -> int:
    found = re.search(r'name="proof" value="([\w-]+)"', served.get("/collection", headers=HTML).text)
    assert found is not None
    body = {"proof": found[1], "model": "pins", "steps": "10"}
    return int(served.post("/training/begin", data=body, headers=HTML).status_code)


def test_what_was_used_is_told_with_what_went_back(served: Served) -> None:
    line = {"model": "real", "from": "base", "date": "2026-12-01T10:00:00+00:00", "fingerprint": "1"}
    line |= {"from_fingerprint": "2", "forced": True, "worse": ["recall at 1"]}
    back = {"model": "base", "from": "real", "date": "2026-12-01T11:00:00+00:00", "fingerprint": "2"}
    (served.data / "models").mkdir(exist_ok=True)
    history = [line, back | {"from_fingerprint": "1", "rollback": True}]  # as `promote --rollback` notes it
    (served.data / "models" / "history.json").write_text(json.dumps(history))
    page = re.sub("<[^>]+>", "", served.get("/training", headers=HTML).text)
    assert page.index("real → base") < page.index("base → real")
    assert page.count("although it is worse") == 1


def test_a_curator_trains_nothing(served: Served) -> None:
    _, secret = Tokens(served.data / "web").add("Boris", Rank.CURATOR)
    served.post("/sign-in", data={"token": secret})
    assert served.get("/training", headers=HTML).status_code == 403
    assert 'href="/training"' not in served.get("/catalogue", headers=HTML).text


def test_a_line_of_a_curve_that_is_being_written_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text("step,loss,images,texts,entropy,recall,seconds\n5,3.5,1,1,1,0.25,1\n10,2.\n")
    (found,) = curves(tmp_path, 10)
    assert (found.name, found.step, found.rows) == ("Words", 5, ((5, 3.5, 0.25),))
    assert curves(tmp_path / "none", 10) == []


def test_progress_bars_are_left_out_of_what_is_told() -> None:
    text = "note\n 10%|#   | 1/10\r 20%|##  | 2/10\nError: no such thing\n"
    assert errands._without_bars(text) == "note\nError: no such thing"
