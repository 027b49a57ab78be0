"""Wanted pictures are fetched politely, believed only by their content, and entered once, whatever hosts do."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from killing import TURNS, kills

from recognizer.catalogue import fetching
from recognizer.catalogue.fetching import FetchReport, Manners, fetch, may_fetch
from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.wanted import State, WantedPicture, want, want_again, wanted
from recognizer.cli import main
from recognizer.errors import CatalogueError
from recognizer.types import CatalogueEntry, Role
from recognizer.vision.photos import encode_jpeg

QUICK = Manners(pause=0, back_off=0.01, timeout=0.3, whole=2, private=True)


def jpeg(seed: int) -> bytes:
    return encode_jpeg(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8))


class Host(ThreadingHTTPServer):
    """A host on 127.0.0.1 whose answers a test makes; `asked` lists (path, time) in the order of the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []
        self.agents: set[str] = set()
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.robots: str | int = 404
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with host.lock:
                    host.asked.append((self.path, time.monotonic()))
                    host.agents.add(self.headers["User-Agent"])
                    host.at_once += 1
                    host.most_at_once = max(host.most_at_once, host.at_once)
                try:
                    host.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    with host.lock:
                        host.at_once -= 1

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if request.path == "/robots.txt":
            body = self.robots.encode() if isinstance(self.robots, str) else b""
            send(request, body, 200 if isinstance(self.robots, str) else self.robots, kind="text/plain")
        elif request.path in self.answers:
            self.answers[request.path](request)
        elif request.path.startswith("/p/"):
            send(request, jpeg(int(request.path.rpartition("/")[2])))
        else:
            send(request, b"", 404)

    def count(self, path: str) -> int:
        return sum(1 for asked, _ in self.asked if asked == path)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


def send(
    request: BaseHTTPRequestHandler, body: bytes, code: int = 200, kind: str = "image/jpeg", **headers: str | None
) -> None:
    """Send an answer; a header of None is left out."""
    request.send_response(code)
    for name, value in {"Content_Type": kind, "Content_Length": str(len(body)), **headers}.items():
        if value is not None:
            request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "data", create=True) as opened:
        opened.upsert([CatalogueEntry("1"), CatalogueEntry("2")])
        yield opened


def ask(catalogue: Catalogue, *addresses: str, entry_id: str = "1", licence: str = "CC0") -> None:
    want(catalogue, [WantedPicture(0, entry_id, address, Role.FACE, licence, "here") for address in addresses])


def states(catalogue: Catalogue) -> list[tuple[State, str]]:
    return [(one.state, one.last_error) for one in wanted(catalogue)]


def test_pictures_are_fetched_and_entered_with_their_licence_and_source(catalogue: Catalogue, host: Host) -> None:
    want(catalogue, [WantedPicture(0, "2", host.address("/p/7"), Role.REVERSE, "CC BY 4.0", "a museum")])
    seen: list[tuple[int, int]] = []
    assert fetch(catalogue, QUICK, lambda done, whole: seen.append((done, whole))) == FetchReport(new=1)
    [image] = catalogue.images()
    assert (image.entry_id, image.role, image.licence, image.source) == ("2", Role.REVERSE, "CC BY 4.0", "a museum")
    assert catalogue.picture_path(image).read_bytes() == jpeg(7)
    [one] = wanted(catalogue)
    assert (one.state, one.sha256) == (State.HELD, image.sha256)
    assert seen == [(1, 1)]


def test_wanted_pictures_are_kept_alike_by_every_database(tmp_path: Path, host: Host, url: str | None) -> None:
    with Catalogue.open(tmp_path / "shared", url=url, create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("1"), CatalogueEntry("2")])
        ask(catalogue, host.address("/p/1"), host.address("/gone"))
        ask(catalogue, host.address("/p/1"), entry_id="2")
        ask(catalogue, host.address("/gone"), licence="CC BY 4.0")
        report = fetch(catalogue, QUICK)
        assert (report.new, report.refused) == (2, 1)
        assert [(one.entry_id, one.state, one.licence, one.tries) for one in wanted(catalogue)] == [
            ("1", State.HELD, "CC0", 0),
            ("1", State.REFUSED, "CC BY 4.0", 1),
            ("2", State.HELD, "CC0", 0),
        ]
        assert sorted(image.entry_id for image in catalogue.images()) == ["1", "2"]


def test_what_is_held_is_not_asked_for_again(catalogue: Catalogue, host: Host) -> None:
    ask(catalogue, host.address("/p/1"))
    fetch(catalogue, QUICK)
    ask(catalogue, host.address("/p/1"))
    assert fetch(catalogue, QUICK) == FetchReport()
    assert host.count("/p/1") == 1


def test_one_picture_at_two_addresses_is_one_photo(catalogue: Catalogue, host: Host) -> None:
    host.answers["/same"] = lambda request: send(request, jpeg(1))
    ask(catalogue, host.address("/p/1"), host.address("/same"))
    assert fetch(catalogue, replace(QUICK, per_host=1)) == FetchReport(new=1, same=1)
    assert len(catalogue.images()) == 1


def test_a_picture_of_an_entry_that_was_merged_goes_to_the_one_that_stays(catalogue: Catalogue, host: Host) -> None:
    ask(catalogue, host.address("/p/1"))
    catalogue.merge("1", "2")
    assert fetch(catalogue, QUICK).new == 1
    assert [image.entry_id for image in catalogue.images()] == ["2"]


def test_the_program_names_itself_and_whom_to_write_to(catalogue: Catalogue, host: Host) -> None:
    ask(catalogue, host.address("/p/1"))
    fetch(catalogue, replace(QUICK, contact="https://example.org/pins"))
    [agent] = host.agents
    assert agent.startswith("znachki/")
    assert "https://example.org/pins" in agent


# What hosts do


def test_a_type_that_lies_is_not_believed_either_way(catalogue: Catalogue, host: Host) -> None:
    host.answers["/page.jpg"] = lambda request: send(request, b"<html>no picture</html>", kind="image/jpeg")
    host.answers["/odd"] = lambda request: send(request, jpeg(3), kind="text/html")
    ask(catalogue, host.address("/page.jpg"), host.address("/odd"))
    report = fetch(catalogue, QUICK)
    assert (report.new, report.refused) == (1, 1)
    assert [state for state, _ in states(catalogue)] == [State.REFUSED, State.HELD]
    assert states(catalogue)[0][1].startswith("not a picture that can be read")
    assert host.count("/page.jpg") == 2


def test_an_answer_that_breaks_off_is_asked_for_again(catalogue: Catalogue, host: Host) -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        whole = jpeg(4)
        send(request, whole if host.count("/cut") > 2 else whole[:200], Content_Length=str(len(whole)))

    host.answers["/cut"] = cut
    ask(catalogue, host.address("/cut"))
    assert fetch(catalogue, QUICK) == FetchReport(new=1)
    assert host.count("/cut") == 3


def test_a_picture_cut_short_without_a_length_is_not_entered(catalogue: Catalogue, host: Host) -> None:
    host.answers["/short"] = lambda request: send(request, jpeg(4)[:400], Content_Length=None)
    ask(catalogue, host.address("/short"))
    assert fetch(catalogue, QUICK).refused == 1
    assert states(catalogue)[0][1].startswith("damaged or cut short")
    assert (catalogue.images(), list(catalogue.picture_folder.iterdir())) == ([], [])


def test_an_answer_that_stalls_is_left_for_later_and_others_go_on(catalogue: Catalogue, host: Host) -> None:
    host.answers["/stall"] = lambda _: time.sleep(1)
    ask(catalogue, host.address("/stall"), *(host.address(f"/p/{n}") for n in range(5)))
    report = fetch(catalogue, replace(QUICK, tries=1))
    assert (report.new, report.later) == (5, 1)
    assert report.reasons == {"the answer stalled for 0.3 s": 1}
    assert wanted(catalogue)[0].tries == 1


def test_an_answer_that_drips_is_cut_off(catalogue: Catalogue, host: Host) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(40):
            request.wfile.write(b"x")
            time.sleep(0.05)

    host.answers["/drip"] = drip
    ask(catalogue, host.address("/drip"))
    assert fetch(catalogue, replace(QUICK, tries=1, whole=0.5)).reasons == {"no whole picture within 0.5 s": 1}


def test_what_is_too_large_is_refused_whether_it_says_so_or_not(catalogue: Catalogue, host: Host) -> None:
    host.answers["/large"] = lambda request: send(request, bytes(5000))
    host.answers["/silent"] = lambda request: send(request, bytes(5000), Content_Length=None)
    ask(catalogue, host.address("/large"), host.address("/silent"))
    assert fetch(catalogue, replace(QUICK, max_bytes=4000)).refused == 2
    assert states(catalogue) == [
        (State.REFUSED, "5,000 bytes, more than 4,000"),
        (State.REFUSED, "more than 4,000 bytes"),
    ]


def test_what_is_gone_is_refused_at_once_and_asked_for_again_only_when_told(catalogue: Catalogue, host: Host) -> None:
    ask(catalogue, host.address("/gone"))
    assert fetch(catalogue, QUICK).reasons == {"answer 404 Not Found": 1}
    assert fetch(catalogue, QUICK) == FetchReport()
    assert host.count("/gone") == 1
    assert want_again(catalogue) == 1
    host.answers["/gone"] = lambda request: send(request, jpeg(1))
    assert fetch(catalogue, QUICK) == FetchReport(new=1)


def test_a_busy_host_is_given_the_time_that_it_asks_for(catalogue: Catalogue, host: Host) -> None:
    def busy(request: BaseHTTPRequestHandler) -> None:
        first = host.count("/busy") == 1
        send(request, b"" if first else jpeg(5), 503 if first else 200, Retry_After="1" if first else None)

    host.answers["/busy"] = busy
    ask(catalogue, host.address("/busy"))
    assert fetch(catalogue, QUICK) == FetchReport(new=1)
    times = [at for path, at in host.asked if path == "/busy"]
    assert times[1] - times[0] >= 1.0


@pytest.mark.parametrize("as_date", [False, True])
def test_a_host_that_asks_for_much_time_is_left_until_then(catalogue: Catalogue, host: Host, as_date: bool) -> None:
    after = formatdate(time.time() + 3600, usegmt=True) if as_date else "3600"
    host.answers["/busy"] = lambda request: send(request, b"", 429, Retry_After=after)
    ask(catalogue, host.address("/busy"))
    assert fetch(catalogue, QUICK).later == 1
    assert 3500 < wanted(catalogue)[0].not_before - time.time() <= 3600
    assert fetch(catalogue, QUICK).reasons == {"its host asked to wait": 1}
    assert host.count("/busy") == 1


def test_failures_are_tried_again_with_longer_waits(catalogue: Catalogue, host: Host) -> None:
    host.answers["/ill"] = lambda request: send(request, b"", 500)
    ask(catalogue, host.address("/ill"))
    assert fetch(catalogue, replace(QUICK, back_off=0.1)).later == 1
    times = [at for path, at in host.asked if path == "/ill"]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 4
    assert [wait >= least for wait, least in zip(waits, (0.1, 0.2, 0.4), strict=True)] == [True] * 3
    assert (wanted(catalogue)[0].state, wanted(catalogue)[0].tries) == (State.WANTED, 4)


def test_an_address_that_never_answers_well_is_given_up(catalogue: Catalogue, host: Host) -> None:
    host.answers["/ill"] = lambda request: send(request, b"", 500)
    ask(catalogue, host.address("/ill"))
    for _ in range(5):
        fetch(catalogue, QUICK)
    assert states(catalogue)[0][0] is State.REFUSED
    assert states(catalogue)[0][1].startswith("given up after 20 tries: answer 500")


def test_a_host_that_is_down_is_left_alone_after_a_few_pictures(catalogue: Catalogue, host: Host) -> None:
    with Host() as down:
        gone = [down.address(f"/p/{n}") for n in range(20)]
    ask(catalogue, *gone, host.address("/p/1"))
    report = fetch(catalogue, replace(QUICK, tries=1))
    assert (report.new, report.later) == (1, 20)
    assert report.reasons["its host does not answer"] >= 20 - fetching.HOST_FAILURES - QUICK.per_host


# Redirects


def redirect(host: Host, path: str, target: str, code: int = 302) -> None:
    host.answers[path] = lambda request: send(request, b"", code, Location=target)


def test_redirects_are_followed_as_far_as_allowed(catalogue: Catalogue, host: Host) -> None:
    redirect(host, "/a", "/b")
    redirect(host, "/b", host.address("/p/1"), 301)
    for n in range(9):
        redirect(host, f"/loop{n}", f"/loop{n + 1}", 307)
    ask(catalogue, host.address("/a"), host.address("/loop0"))
    report = fetch(catalogue, QUICK)
    assert (report.new, report.reasons) == (1, {"more than 5 redirects": 1})


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("file:///etc/passwd", "scheme 'file' is not of the web"),
        ("ftp://example.org/a.jpg", "scheme 'ftp' is not of the web"),
        ("/self", "redirected to itself"),
    ],
)
def test_where_a_redirect_leads_is_looked_at(catalogue: Catalogue, host: Host, target: str, reason: str) -> None:
    redirect(host, "/self", target)
    ask(catalogue, host.address("/self"))
    assert fetch(catalogue, QUICK).reasons == {reason: 1}


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.jpg", "http://[::1]/a.jpg", "http://10.1.2.3/a.jpg"])
def test_the_own_network_is_not_asked_unless_allowed(catalogue: Catalogue, address: str) -> None:
    ask(catalogue, address)
    fetch(catalogue, replace(QUICK, private=False))
    assert states(catalogue)[0][0] is State.REFUSED
    assert states(catalogue)[0][1].startswith("its host is inside the own network")


def test_an_address_that_is_none_is_refused(catalogue: Catalogue) -> None:
    ask(catalogue, "http://example.org:port/a.jpg")
    assert fetch(catalogue, QUICK).refused == 1


# Rules


def test_robots_are_kept_also_behind_a_redirect(catalogue: Catalogue, host: Host) -> None:
    host.robots = "User-agent: *\nDisallow:\n\nUser-agent: znachki\nDisallow: /p/\n"
    host.answers["/open"] = lambda request: send(request, jpeg(1))
    redirect(host, "/door", "/p/1")
    ask(catalogue, host.address("/open"), host.address("/p/2"), host.address("/door"))
    report = fetch(catalogue, QUICK)
    assert (report.new, report.reasons) == (1, {"robots.txt of its host forbids it": 2})
    assert (host.count("/p/1"), host.count("/p/2"), host.count("/robots.txt")) == (0, 0, 1)


def test_robots_are_kept_as_rfc_9309_says_with_wildcards_and_the_longest_rule(catalogue: Catalogue, host: Host) -> None:
    host.robots = "User-agent: *\nAllow: /p\nDisallow: /p/2\nDisallow: /*.jpg$\n"
    for path in ("/shop/1.jpg", "/shop/1.jpg?size=9"):
        host.answers[path] = lambda request: send(request, jpeg(len(request.path)))
    ask(catalogue, *(host.address(path) for path in ("/p/1", "/p/2", "/shop/1.jpg", "/shop/1.jpg?size=9")))
    report = fetch(catalogue, QUICK)
    assert (report.new, report.reasons) == (2, {"robots.txt of its host forbids it": 2})
    assert (host.count("/p/1"), host.count("/p/2")) == (1, 0)
    assert (host.count("/shop/1.jpg"), host.count("/shop/1.jpg?size=9")) == (0, 1)


def test_a_host_whose_robots_fail_is_not_asked_for_pictures(catalogue: Catalogue, host: Host) -> None:
    host.robots = 503
    ask(catalogue, host.address("/p/1"))
    assert fetch(catalogue, QUICK).later == 1
    assert host.count("/p/1") == 0
    host.robots = 403
    assert fetch(catalogue, QUICK).new == 1


def test_requests_to_one_host_are_few_at_once_and_apart(catalogue: Catalogue, host: Host) -> None:
    host.robots = "User-agent: *\nCrawl-delay: 0.1\n"
    ask(catalogue, *(host.address(f"/p/{n}") for n in range(8)))
    fetch(catalogue, replace(QUICK, pause=0.05))
    times = [at for path, at in host.asked if path != "/robots.txt"]
    # seven pauses of .05 s; a single one may look short where the machine is busy and one request is served late
    assert max(times) - min(times) >= 7 * 0.05 * 0.8
    assert host.most_at_once <= 2


def test_hosts_are_asked_beside_each_other(catalogue: Catalogue, host: Host) -> None:
    with Host() as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        met = threading.Barrier(2, timeout=5)
        for one in (host, other):
            one.answers["/meet"] = lambda request: (met.wait(), send(request, jpeg(request.client_address[1])))[1]
            ask(catalogue, one.address("/meet"))
        assert fetch(catalogue, replace(QUICK, timeout=5, whole=5)).new == 2
        other.shutdown()


@pytest.mark.parametrize(
    ("licence", "open_"),
    [
        ("CC0", True),
        ("CC BY-SA 4.0", True),
        ("public domain", True),
        ("own", True),
        ("", False),
        ("unknown", False),
        ("All rights reserved", False),
        ("Usage conditions apply", False),
        ("wikidata Q12345", False),
    ],
)
def test_only_open_licences_let_anyone_copy(licence: str, open_: bool) -> None:
    assert may_fetch(licence) is open_


def test_what_has_no_open_licence_is_asked_for_only_when_told(catalogue: Catalogue, host: Host) -> None:
    ask(catalogue, host.address("/p/1"), licence="")
    assert fetch(catalogue, QUICK) == FetchReport(licence=1)
    assert host.asked == []
    assert fetch(catalogue, replace(QUICK, any_licence=True)) == FetchReport(new=1)


# Cut off


def test_a_catalogue_that_cannot_be_written_ends_the_run_with_its_reason(
    catalogue: Catalogue, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise CatalogueError("the disk is full")

    monkeypatch.setattr(fetching, "hold", full)
    ask(catalogue, host.address("/p/1"), host.address("/p/2"))
    with pytest.raises(CatalogueError, match="the disk is full"):
        fetch(catalogue, QUICK)


def test_a_fetch_killed_at_any_moment_is_gone_on_with_and_counts_nothing_twice(tmp_path: Path, host: Host) -> None:
    pictures = 80
    data = tmp_path / "data"
    with Catalogue.open(data, create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("1")])
        ask(catalogue, *(host.address(f"/p/{n}") for n in range(pictures)))
    code = """
from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.fetching import Manners, fetch
def work(data):
    with Catalogue.open(data) as catalogue:
        fetch(catalogue, Manners(pause=0.01, private=True))
"""
    killed = 0
    for was in kills(code, [[data]] * TURNS, 0.25, seed=7):
        killed += was
        with Catalogue.open(data) as catalogue:
            held = [one for one in wanted(catalogue) if one.state is State.HELD]
            assert sorted(one.sha256 for one in held) == sorted(image.sha256 for image in catalogue.images())
            assert {image.file for image in catalogue.images()} <= {p.name for p in catalogue.picture_folder.iterdir()}
    assert killed >= 2
    with Catalogue.open(data) as catalogue:
        fetch(catalogue, QUICK)
        assert {one.state for one in wanted(catalogue)} == {State.HELD}
        assert len(catalogue.images()) == pictures
        assert all(catalogue.picture_path(image).is_file() for image in catalogue.images())


# The command


def test_the_command_fetches_and_says_what_came_of_it(tmp_path: Path, host: Host) -> None:
    table = tmp_path / "catalogue.csv"
    rows = [f"1,{host.address('/p/1')},CC0", f"2,{host.address('/gone')},CC0", f"3,{host.address('/p/3')},"]
    table.write_text("\n".join(["entry_id,image,licence", *rows]))
    data = ["--data", str(tmp_path / "data")]
    assert CliRunner().invoke(main, ["import", str(table), *data]).exit_code == 0
    done = CliRunner().invoke(main, ["fetch", "--private", "--pause", "0", *data])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "pictures: 1 new, 0 known, 1 refused, 0 for later",
        "not asked for: 1 picture without an open licence; see --any-licence",
        "1 x answer 404 Not Found",
    ]
    done = CliRunner().invoke(main, ["fetch", "--private", "--any-licence", "--json", *data])
    assert '"new": 1' in done.output
