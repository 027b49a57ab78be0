"""The page and the API, asked over HTTP of a service that runs on a drawn catalogue."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from struct import pack
from typing import Any

import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from web_service import Served, board_of, serving, serving_copy, wait_ready

from recognizer.catalogue.imports import FORMATS
from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.collecting.condition import Condition
from recognizer.collecting.lot_edits import What
from recognizer.drawn import sample
from recognizer.drawn.sample import SampleFiles
from recognizer.types import Role
from recognizer.vision.photos import encode_jpeg
from recognizer.web.access.guard import Rate
from recognizer.web.access.ranks import Rank
from recognizer.web.access.tokens import Tokens
from recognizer.web.language import chosen
from recognizer.web.uploads import shown_name
from recognizer.web.views import VALUES

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def served(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service on a copy of the drawn catalogue, that tests may write to as long as they leave its first entries."""
    folder = tmp_path_factory.mktemp("served")
    with serving_copy(data, folder, origins=("https://catalogue.example",), open_corrections=False) as running:
        yield running


@pytest.fixture(scope="module")
def pin(sample_files: SampleFiles, query: Callable[[int], tuple[Path, str | None]]) -> tuple[bytes, str]:
    """A photo of a pin, and the entry that it shows."""
    path, entry_id = query(0)
    assert entry_id is not None
    return path.read_bytes(), entry_id


@pytest.fixture(scope="module")
def board() -> bytes:
    """A picture of several pins side by side on one ground."""
    return board_of((2, 5, 9, 12))


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    return str(body["detail"])


# Identification


def test_a_photo_is_answered_in_the_words_of_the_command_line(
    served: Served, pin: tuple[bytes, str], tmp_path: Path
) -> None:
    answer = served.identify(pin[0], k=3, points=True)
    assert answer.status_code == 200
    (photo,) = answer.json()["photos"]
    (tmp_path / "0.jpg").write_bytes(pin[0])
    said = CliRunner().invoke(
        main, ["identify", str(tmp_path / "0.jpg"), "--k", "3", "--json", "--data", str(served.data)]
    )
    (told,) = json.loads(said.stdout)["photos"]
    assert photo["sha256"] == told["sha256"] == hashlib.sha256(pin[0]).hexdigest()
    best = photo["recognitions"][0]["matches"][0]
    assert best["entry_id"] == pin[1]
    assert told["recognitions"][0]["matches"][0].items() <= best.items()
    assert photo["recognitions"][0]["box"] == told["recognitions"][0]["box"]
    assert best["points"]
    assert all(0 <= share <= 1 for point in best["points"] for share in point)
    assert best["status"] == "active"


def test_several_photos_with_roles_are_answered_and_bad_ones_told(served: Served, pin: tuple[bytes, str]) -> None:
    answer = served.identify(pin[0], b"no picture", pin[0], role=["face", "face", "reverse"]).json()
    assert [photo["role"] for photo in answer["photos"]] == ["face", "reverse"]
    assert answer["photos"][1]["recognitions"] == []
    assert [error["photo"] for error in answer["errors"]] == ["1.jpg"]


def test_requests_at_once_are_all_answered(served: Served, pin: tuple[bytes, str]) -> None:
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(served.identify(pin[0], k=1))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 6
    found = {answer.json()["photos"][0]["recognitions"][0]["matches"][0]["entry_id"] for answer in answers}
    assert found == {pin[1]}


def test_the_version_names_model_and_index(served: Served) -> None:
    version = served.get("/api/v1/version").json()
    assert version["model"] == "base"
    assert re.fullmatch("[0-9a-f]{16}", version["model_fingerprint"])
    assert re.fullmatch("[0-9a-f]{16}", version["index_fingerprint"])
    assert served.get("/api/v1/health").json() == {"status": "ok"}


# Hostile uploads


def png(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels and holds nearly none."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("upload", "status"),
    [
        (b"", 400),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 400),
        (b"GIF89a<script>alert(1)</script>", 400),
        (b"%PDF-1.4 polyglot", 400),
        (b"\xff\xd8\xff\xe0" + b"\0" * 2000, 400),
        (png(60_000, 60_000), 413),
        (png(12_000, 12_000), 413),
        (png(65_000, 1), 400),
    ],
    ids=["empty", "svg", "gif with a script", "pdf", "cut jpeg", "bomb", "too large", "thin and damaged"],
)
def test_hostile_uploads_are_refused(served: Served, upload: bytes, status: int) -> None:
    start = time.perf_counter()
    problem(served.identify(upload), status)
    assert time.perf_counter() - start < 10


def test_a_polyglot_is_shown_as_nothing_but_its_picture(served: Served, pin: tuple[bytes, str]) -> None:
    upload = pin[0] + b"<script>alert('polyglot')</script>"
    page = served.post("/identify", files={"photo": ("pin.jpg", upload)}, headers=HTML)
    assert page.status_code == 200
    assert "polyglot" not in page.text
    kept = served.post(
        "/api/v1/identify", files={"photo": ("pin.jpg", upload)}, data={"keep": "true"}, headers=served.writes
    )
    upload_id = kept.json()["photos"][0]["upload_id"]
    assert b"polyglot" not in (served.data / "web" / "uploads" / f"{upload_id}.jpg").read_bytes()


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\x.jpg", "a\x00b.jpg", "\u202egpj.exe", "x" * 5000, ".."])
def test_names_of_files_are_only_shown(name: str) -> None:
    shown = shown_name(name)
    assert shown
    assert not set(shown) & set("/\\\x00\u202e")
    assert len(shown) <= 100


def test_a_name_that_is_a_tag_is_shown_as_text(served: Served, pin: tuple[bytes, str]) -> None:
    page = served.post("/identify", files={"photo": ("<img src=x onerror=alert(1)>.jpg", pin[0])}, headers=HTML)
    assert "<img src=x" not in page.text


def test_bodies_are_bounded_in_length_and_time(own_data: Path) -> None:
    with serving(own_data, max_bytes=20_000, slow=1.0) as small:
        assert "20,000" in problem(small.identify(b"x" * 30_000), 413)

        def drip() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
            for _ in range(400):
                yield b"x" * 100

        boundary = {"Content-Type": "multipart/form-data; boundary=x"}
        problem(small.client.post("/api/v1/identify", content=drip(), headers=boundary), 413)
        address = httpx.URL(small.address)
        with socket.create_connection((address.host, address.port or 0), 20) as slow:
            head = f"POST /api/v1/identify HTTP/1.1\r\nHost: {address.host}\r\nContent-Length: 500\r\n"
            slow.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n--x".encode())
            start = time.perf_counter()
            assert slow.recv(100).startswith(b"HTTP/1.1 408")
            assert time.perf_counter() - start < 5


def test_a_client_may_not_ask_without_end() -> None:
    rate = Rate(3)
    assert [rate.take("a") > 0 for _ in range(4)] == [False, False, False, True]
    assert rate.take("b") == 0
    assert 1 <= rate.take("a") <= 21


def test_too_many_requests_are_refused_with_the_time_to_wait(own_data: Path) -> None:
    with serving(own_data, rate=2) as few:
        answers = [few.identify(b"") for _ in range(3)]
        assert "wait" in problem(answers[2], 429)
        assert int(answers[2].headers["retry-after"]) >= 1
        assert few.get("/api/v1/health").status_code == 200  # reading has a measure of its own


# Headers and who may ask


def test_answers_carry_the_headers_that_keep_browsers_safe(served: Served) -> None:
    for path in ("/", "/api/v1/health", "/static/page.js", "/nowhere"):
        headers = served.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_only_named_sites_may_ask_the_api_or_frame_the_page(served: Served, own_data: Path) -> None:
    known, other = (
        served.get("/api/v1/health", headers={"Origin": origin})
        for origin in ("https://catalogue.example", "https://evil.example")
    )
    assert known.headers["access-control-allow-origin"] == "https://catalogue.example"
    assert "access-control-allow-origin" not in other.headers
    with serving(own_data, frames=("https://catalogue.example",)) as framed:
        headers = framed.get("/").headers
        assert "frame-ancestors https://catalogue.example" in headers["content-security-policy"]
        assert "x-frame-options" not in headers


def test_the_service_answers_to_its_own_names_only(served: Served) -> None:
    problem(served.get("/", headers={"Host": "rebound.example"}), 421)


def test_forms_of_other_sites_are_refused(served: Served) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert served.post("/sign-in", data={"token": "x"}, headers=headers).status_code == 403


def test_a_private_service_asks_for_a_token_to_read(data: Path, tmp_path: Path, pin: tuple[bytes, str]) -> None:
    own = Path(shutil.copytree(data, tmp_path / "data"))
    with serving(own, private=True) as private:
        assert private.get("/api/v1/health").status_code == 200
        problem(private.get("/api/v1/entries"), 401)
        problem(private.get("/metrics"), 401)
        problem(private.get("/pictures/1.jpg"), 401)
        assert "token" in private.get("/catalogue", headers=HTML).text
        assert private.get("/api/v1/entries", headers=private.writes).status_code == 200
        _, reader = Tokens(own / "web").add("reader", Rank.READER)
        headers = {"Authorization": f"Bearer {reader}"}
        assert private.get("/api/v1/entries", headers=headers).status_code == 200
        problem(private.post("/api/v1/entries", json={"entry_id": "x"}, headers=headers), 403)


def test_tokens_are_hashed_on_the_disk_and_end_at_once(served: Served) -> None:
    tokens = Tokens(served.data / "web")
    made, secret = tokens.add("guest")
    file = served.data / "web" / "tokens.json"
    assert secret not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    headers = {"Authorization": f"Bearer {secret}"}
    assert served.get("/api/v1/corrections", headers=headers).status_code == 200
    tokens.remove(made.token_id)
    problem(served.get("/api/v1/corrections", headers=headers), 401)
    problem(served.get("/api/v1/corrections"), 401)


def test_the_command_line_makes_lists_and_removes_tokens(own_data: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["token", *arguments, "--data", str(own_data)])
        assert done.exit_code == 0, done.output
        return done.stdout

    secret = run("add", "webmaster").strip()
    assert Tokens(own_data / "web").find(secret) is not None
    (row,) = json.loads(run("list", "--json"))
    assert row["name"] == "webmaster"
    assert "sha256" not in row
    run("remove", row["token_id"])
    assert Tokens(own_data / "web").find(secret) is None
    assert CliRunner().invoke(main, ["token", "remove", "nobody", "--data", str(own_data)]).exit_code == 1


def signed_in(served: Served) -> tuple[httpx.Client, str]:
    """A browser that is signed in, and the proof that its forms carry."""
    client = httpx.Client(base_url=served.address, timeout=60, headers=HTML, follow_redirects=True)
    assert client.post("/sign-in", data={"token": served.secret}).status_code == 200
    proof = re.search(r'name="proof" value="([\w-]+)"', client.get("/").text)
    assert proof is not None
    return client, proof[1]


def test_a_form_without_proof_is_refused_to_who_is_signed_in(served: Served) -> None:
    client, proof = signed_in(served)
    with closing(client):
        said = {"said": "unknown", "sha256": "0" * 64, "box": "1,2,3,4"}
        assert client.post("/corrections", data=said).status_code == 403
        assert client.post("/corrections", data=said | {"proof": "0" * 64}).status_code == 403
        assert client.post("/corrections", data=said | {"proof": proof}).status_code == 200
        assert client.post("/sign-out", data={"proof": proof}).status_code == 200
        assert client.post("/corrections", data=said | {"proof": proof}).status_code == 401


def test_a_forged_session_is_none(served: Served) -> None:
    client, proof = signed_in(served)
    with closing(client):
        cookie = client.cookies["znachki_session"]
        at = len(cookie) - 10  # within the signature; the last letter of Base64 has bits that say nothing
        forged = cookie[:at] + ("0" if cookie[at] != "0" else "1") + cookie[at + 1 :]
    said = {"said": "unknown", "sha256": "0" * 64, "proof": proof}
    for wrong in (forged, "a.b.c", "é", "x" * 3000):
        headers = {"Cookie": f"znachki_session={wrong}".encode()}
        assert served.post("/corrections", data=said, headers=headers).status_code == 401


# Corrections and kept photos


def test_answers_are_confirmed_corrected_and_taken_back(served: Served, pin: tuple[bytes, str]) -> None:
    said = {"said": "confirmed", "sha256": "a" * 64, "offered": pin[1], "box": [1, 2, 3, 4]}
    made = served.post("/api/v1/corrections", json=said, headers=served.writes)
    assert made.status_code == 201
    assert made.json()["entry_id"] == pin[1]
    assert made.json()["who"] == "keeper"
    problem(served.post("/api/v1/corrections", json=said | {"said": "corrected"}, headers=served.writes), 422)
    wrong = said | {"said": "corrected", "entry_id": "no such entry"}
    problem(served.post("/api/v1/corrections", json=wrong, headers=served.writes), 404)
    held = served.get("/api/v1/corrections", params={"limit": 1}, headers=served.writes).json()
    assert held["corrections"][0]["correction_id"] == made.json()["correction_id"]
    path = f"/api/v1/corrections/{made.json()['correction_id']}"
    assert served.client.delete(path, headers=served.writes).status_code == 204
    problem(served.client.delete(path, headers=served.writes), 404)


def test_uploads_are_kept_only_when_asked_and_can_be_deleted(served: Served, pin: tuple[bytes, str]) -> None:
    def kept() -> set[str]:
        return {path.name for path in (served.data / "web").rglob("*") if path.is_file()}

    before = kept()
    assert served.identify(pin[0]).status_code == 200
    assert kept() == before
    files = {"photo": ("pin.jpg", pin[0])}
    problem(served.post("/api/v1/identify", files=files, data={"keep": "true"}), 401)
    answer = served.post("/api/v1/identify", files=files, data={"keep": "true"}, headers=served.writes).json()
    upload_id = answer["photos"][0]["upload_id"]
    assert kept() - before == {f"{upload_id}{ending}" for ending in (".jpg", ".json", ".answer")}
    assert served.client.delete(f"/api/v1/uploads/{upload_id}").status_code == 204
    assert kept() == before
    problem(served.client.delete(f"/api/v1/uploads/{upload_id}"), 404)
    problem(served.client.delete("/api/v1/uploads/..%2F..%2Fcatalogue"), 404)


def test_what_is_kept_is_listed_to_who_may_write_and_deleted_from_there(served: Served, pin: tuple[bytes, str]) -> None:
    client, proof = signed_in(served)
    with closing(client):
        form = {"proof": proof, "keep": "1"}
        client.post("/identify", files={"photo": ("pin.jpg", pin[0])}, data=form)
        lot = client.post("/identify", files=[("photo", (f"{at}.jpg", pin[0])) for at in range(2)], data=form).url.path
        listed = served.get("/api/v1/uploads", headers=served.writes).json()
        held = listed["uploads"][0]
        assert (held["sha256"], held["role"], held["who"]) == (hashlib.sha256(pin[0]).hexdigest(), "face", "keeper")
        problem(served.get("/api/v1/uploads"), 401)
        assert served.get("/kept", headers=HTML).status_code == 401
        shown = client.get("/kept").text
        assert lot in shown
        assert client.get(f"/uploads/{held['upload_id']}.jpg").headers["content-type"] == "image/jpeg"
        for path in (lot, f"/uploads/{held['upload_id']}"):
            assert f'action="{path}/delete"' in shown
            bare = client.post(f"{path}/delete", data={"proof": proof}, headers={"X-Quiet": "1"})
            assert (bare.status_code, bare.text) == (200, "Deleted.")
            assert path not in client.get("/kept").text
        assert served.get("/api/v1/uploads", headers=served.writes).json()["total"] == listed["total"] - 1
        assert client.get(f"/uploads/{held['upload_id']}.jpg").status_code == 404


# Entries


def test_an_entry_is_made_found_by_its_photo_changed_and_withdrawn(served: Served) -> None:
    new, view = sample.entries(44)[43], encode_jpeg(sample.catalogue_view(43))
    body = {"entry_id": "new/1", "title": new.title, "theme": ["Новое", "Совсем"], "year_from": 1961, "year_to": 1961}
    problem(served.post("/api/v1/entries", json=body), 401)
    made = served.post("/api/v1/entries", json=body, headers=served.writes)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/api/v1/entries/new%2F1"
    problem(served.post("/api/v1/entries", json=body, headers=served.writes), 409)
    generation = served.get("/api/v1/version").json()["index_generation"]
    photo = served.post("/api/v1/entries/new%2F1/photos", files={"photo": ("v.jpg", view)}, headers=served.writes)
    assert photo.status_code == 201, photo.text
    assert served.get("/api/v1/version").json()["index_generation"] == generation + 1
    matches = served.identify(view, k=1).json()["photos"][0]["recognitions"][0]["matches"]
    assert matches[0]["entry_id"] == "new/1"
    changes = {"series": "Новая серия", "identifiers": [["avers", "99-7"]]}
    changed = served.client.patch("/api/v1/entries/new%2F1", json=changes, headers=served.writes)
    assert changed.json()["series"] == "Новая серия"
    assert changed.json()["title"] == new.title
    assert served.get("/api/v1/entries", params={"series": "Новая серия"}).json()["total"] == 1
    assert (
        served.get("/api/v1/entries", params={"theme": ["Новое", "Совсем"], "q": new.title.split()[0]}).json()["total"]
        == 1
    )
    assert "Новая серия" in served.get("/entries/new%2F1", headers=HTML).text
    by_number = served.get("/api/v1/entries", params={"q": "Аверс т. 99 № 7"}).json()["entries"]
    assert [entry["entry_id"] for entry in by_number] == ["new/1"]
    assert "/entries/new/1" in served.get("/catalogue", params={"q": "avers:99-7"}, headers=HTML).text
    gone = served.post("/api/v1/entries/new%2F1/withdraw", headers=served.writes)
    assert gone.json()["status"] == "withdrawn"
    assert served.get("/api/v1/entries", params={"series": "Новая серия"}).json()["total"] == 0
    assert "withdrawn" in served.get("/api/v1/entries/new%2F1").json()["note"]
    assert "new/1" not in offered(served, view)
    problem(served.post("/api/v1/entries/new%2F1/withdraw", headers=served.writes), 409)
    with Catalogue.open(served.data) as catalogue:
        assert [change.what for change in catalogue.history("new/1")][-1] == "keeper: create new/1"


def offered(served: Served, photo: bytes) -> set[str]:
    """The entries that a photo is answered with, however far down."""
    pins = served.identify(photo, k=50).json()["photos"][0]["recognitions"]
    return {match["entry_id"] for pin in pins for match in pin["matches"]}


def test_what_is_withdrawn_beside_the_service_is_offered_no_more(served: Served) -> None:
    """`znachki withdraw` makes no index; its photos are in the one in use, and yet are no answer."""
    entry_id, view = sample.entries(34)[33].entry_id, encode_jpeg(sample.catalogue_view(33))
    assert entry_id in offered(served, view)
    assert CliRunner().invoke(main, ["withdraw", entry_id, "--data", str(served.data)]).exit_code == 0
    ends = time.monotonic() + 30
    while entry_id in offered(served, view):
        assert time.monotonic() < ends
    assert "withdrawn" in served.get(f"/entries/{entry_id}", headers=HTML).text
    shown = re.search(r"/pictures/(\d+)[.]jpg", served.get(f"/entries/{entry_id}", headers=HTML).text)
    assert shown is not None
    assert served.get(shown[0]).status_code == 200
    assert CliRunner().invoke(main, ["undo", "--data", str(served.data), last_change(served)]).exit_code == 0
    while entry_id not in offered(served, view):
        assert time.monotonic() < ends


def last_change(served: Served) -> str:
    with Catalogue.open(served.data) as catalogue:
        return str(catalogue.history(limit=1)[0].change_id)


@pytest.mark.parametrize(
    "path", ["/", "/catalogue", "/api/v1/entries", "/api/v1/openapi.json", "/pictures/1.jpg", "/static/style.css"]
)
def test_what_can_be_got_can_be_asked_about(served: Served, path: str) -> None:
    got, told = served.get(path), served.client.head(path)
    assert (told.status_code, told.content) == (200, b"")
    same = ("content-type", "content-length", "etag", "content-security-policy")
    assert [told.headers.get(name) for name in same] == [got.headers.get(name) for name in same]
    assert served.client.head("/api/v1/entries/no-such-entry").status_code == 404
    assert served.client.head("/identify").status_code == 405


def test_pages_of_entries_lead_to_the_next(served: Served) -> None:
    seen: list[str] = []
    path: str | None = "/api/v1/entries?limit=15"
    while path:
        page = served.get(path).json()
        seen += [entry["entry_id"] for entry in page["entries"]]
        path = page["next"]
    assert len(seen) == len(set(seen)) == page["total"] >= 40
    problem(served.get("/api/v1/entries?limit=0"), 422)
    problem(served.get("/api/v1/entries/no-such-entry"), 404)


def test_a_word_that_no_entry_has_finds_titles_that_say_the_same(served: Served) -> None:
    found = served.get("/api/v1/entries?q=päike").json()
    assert found["entries"][0]["title"].startswith("Солнце")
    assert served.get("/api/v1/entries?q=xyzzy").json()["total"] == 0


def test_a_bad_photo_changes_nothing(served: Served) -> None:
    entry_id = sample.entries(2)[1].entry_id
    before = served.get(f"/api/v1/entries/{entry_id}").json()
    path = f"/api/v1/entries/{entry_id}/photos"
    problem(served.post(path, files={"photo": ("v.jpg", b"no picture")}, headers=served.writes), 400)
    problem(served.post("/api/v1/entries/nobody/photos", files={"photo": ("v.jpg", b"x")}, headers=served.writes), 404)
    assert served.get(f"/api/v1/entries/{entry_id}").json() == before


# Pictures and figures


def test_pictures_are_encoded_anew_and_not_sent_twice(served: Served) -> None:
    from PIL import Image

    answer = served.get("/pictures/1.jpg", params={"side": 90})
    assert answer.headers["content-type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(answer.content)).size) == 96
    again = served.get("/pictures/1.jpg", params={"side": 90}, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert not again.content
    problem(served.get("/pictures/99999.jpg"), 404)
    problem(served.get("/pictures/..%2f.jpg"), 404 if served.get("/pictures/..%2f.jpg").status_code == 404 else 422)


def test_a_catalogue_photo_is_cut_to_its_pin_and_whole_where_that_is_asked(own_data: Path) -> None:
    from PIL import Image

    ground = np.full((1000, 1400, 3), 120, np.uint8)
    pin = sample.catalogue_view(1)
    ground[200 : 200 + pin.shape[0], 600 : 600 + pin.shape[1]] = pin
    entry_id = sample.entries(2)[1].entry_id
    with serving(own_data) as served:
        wait_ready(served)
        photo = {"photo": ("a.jpg", encode_jpeg(ground))}
        made = served.post(f"/api/v1/entries/{entry_id}/photos", files=photo, headers=served.writes).json()
        path = f"/pictures/{made['image_id']}.jpg"
        whole, cut = (served.get(path, params={"side": 960, "cut": word}) for word in ("false", "true"))
        sizes = [Image.open(io.BytesIO(answer.content)).size for answer in (whole, cut)]
        assert whole.headers["etag"] != cut.headers["etag"]
        assert sizes[0][0] > sizes[0][1]
        assert max(sizes[1]) < 800
        page = served.get(f"/entries/{entry_id}", headers=HTML).text
    assert f'href="{path}?side=960"' in page
    assert f'src="{path}?side=480&amp;cut=true"' in page


def test_prometheus_finds_what_was_done(served: Served, pin: tuple[bytes, str]) -> None:
    served.identify(pin[0])
    text = served.get("/metrics").text
    assert re.search(
        r'^znachki_requests_total\{method="POST",route="/api/v1/identify",status="200"\} [1-9]', text, re.M
    )
    assert re.search(r"^znachki_batch_pins_count [1-9]", text, re.M)
    assert "znachki_ready 1" in text
    assert "pin.jpg" not in text


# Pages


def test_the_plain_upload_answers_without_javascript(served: Served, pin: tuple[bytes, str]) -> None:
    page = served.post("/identify", files={"photo": ("pin.jpg", pin[0])}, headers=HTML)
    assert page.status_code == 200
    entry = served.get(f"/api/v1/entries/{pin[1]}").json()
    assert entry["number"] in page.text
    assert "data:image/jpeg;base64," in page.text
    empty = served.post("/identify", files={"photo": ("", b"")}, headers=HTML)
    assert empty.status_code == 400
    assert "<h1>" in empty.text


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_page_speaks_both_languages(served: Served, pin: tuple[bytes, str], language: str) -> None:
    headers = HTML | {"Accept-Language": f"{language},de;q=0.5"}
    for path in ("/", "/catalogue", "/catalogue?q=xyzzy", f"/entries/{pin[1]}", "/sign-in", "/api"):
        page = served.get(path, headers=headers)
        assert page.status_code == 200, path
        assert f'<html lang="{language}">' in page.text
        assert "http://" not in re.sub(r"http://(127\.0\.0\.1:\d+|www\.w3\.org)", "", page.text), path


def test_a_language_that_was_chosen_stays(served: Served) -> None:
    with httpx.Client(base_url=served.address, headers=HTML, follow_redirects=True) as client:
        page = client.get("/language", params={"to": "ru", "next": "/catalogue"})
        assert page.url.path == "/catalogue"
        assert '<html lang="ru">' in page.text
        for elsewhere in ("https://evil.example", "//evil.example", "/\\evil.example", "/\r\nX: y"):
            answer = client.get("/language", params={"to": "en", "next": elsewhere}, follow_redirects=False)
            assert answer.headers["location"] == "/"


def test_the_browser_s_languages_are_followed() -> None:
    assert chosen(None, "de, ru;q=0.8, en;q=0.9") == "en"
    assert chosen(None, "ru-RU,ru;q=0.9,en;q=0.8") == "ru"
    assert chosen("en", "ru") == "en"
    assert chosen(None, "ru;q=x") == "en"
    assert chosen("xx", "") == "en"


def test_values_that_pages_say_as_they_are_are_known_to_translators() -> None:
    assert {*Role, *Condition, *FORMATS, *What} <= set(VALUES)


# Lots


def finished(served: Served, path: str) -> dict[str, Any]:
    ends = time.monotonic() + 120
    while (state := served.get(path).json())["state"] != "done":
        assert time.monotonic() < ends, state
        time.sleep(0.2)
    return dict(state)


def test_a_lot_is_worked_through_and_can_be_taken_along_and_deleted(
    served: Served, pin: tuple[bytes, str], board: bytes
) -> None:
    files = [("photo", ("board.jpg", board)), ("photo", ("pin.jpg", pin[0])), ("photo", ("bad.jpg", b"no picture"))]
    begun = served.post("/api/v1/lots", files=files)
    assert begun.status_code == 202
    path = begun.headers["location"]
    state = finished(served, path)
    assert (state["pictures"], state["answered"], state["failed"]) == (3, 3, 1)
    result = served.get(f"{path}/result").json()
    assert [lot["pictures"][0]["picture"] for lot in result["lots"]] == ["board.jpg", "pin.jpg", "bad.jpg"]
    assert len(result["errors"]) == 1
    assert str(served.data) not in json.dumps(result)
    page = served.get(state["page"], headers=HTML)
    assert page.status_code == 200
    assert "<polygon" in page.text
    table = served.get(f"{state['page']}/pins.csv")
    assert table.headers["content-disposition"].startswith("attachment")
    assert table.text.count("pin.jpg") >= 1
    for kind in ("missing", "missing.csv"):  # nothing is missing to somebody who owns nothing
        assert served.get(f"{state['page']}/{kind}", headers=HTML).status_code == 200
    report = served.get(f"{state['page']}/report.html")
    assert "attachment" in report.headers["content-disposition"]
    assert str(served.data) not in report.text
    folder = served.data / "web" / "lots" / state["job_id"]
    assert all(not path.read_bytes().strip(b"\0") for path in (folder / "uploads").glob("*.upload"))
    assert served.client.delete(path).status_code == 204
    assert not folder.exists()
    problem(served.get(path), 404)


def test_a_lot_that_cannot_begin_leaves_nothing_of_its_pictures(own_data: Path, pin: tuple[bytes, str]) -> None:
    files = {"photo": ("pin.jpg", pin[0])}
    with serving(own_data, store=1000) as small:
        wait_ready(small)
        assert "full" in problem(small.post("/api/v1/lots", files=files), 503)
        assert not list((own_data / "web").rglob("*.upload"))
    shutil.rmtree(own_data / "index")
    with serving(own_data) as bare:
        assert "not ready" in problem(bare.post("/api/v1/lots", files=files), 503)
        assert not list((own_data / "web").rglob("*.upload"))


def test_one_picture_of_many_pins_becomes_a_lot_by_itself(served: Served, board: bytes) -> None:
    answer = served.post("/identify", files={"photo": ("board.jpg", board)}, headers=HTML)
    assert answer.status_code == 303
    state = finished(served, answer.headers["location"] + "/state")
    assert state["pictures"] == 1
    page = served.get(answer.headers["location"], headers=HTML)
    assert page.text.count("<polygon") >= 2
    only = served.get(answer.headers["location"] + "?show=not_a_pin", headers=HTML)
    assert only.text.count("<polygon") < page.text.count("<polygon")


def test_old_lots_go_by_themselves(own_data: Path, pin: tuple[bytes, str]) -> None:
    with serving(own_data, lot_hours=0) as brief:
        wait_ready(brief)
        path = brief.post("/api/v1/lots", files={"photo": ("pin.jpg", pin[0])}).headers["location"]
        ends = time.monotonic() + 60
        while brief.get(path).status_code != 404 or list((own_data / "web" / "lots").glob("*")):
            assert time.monotonic() < ends
            time.sleep(0.2)
