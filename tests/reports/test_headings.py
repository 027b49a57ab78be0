"""What photos and lots are called in reports."""

from __future__ import annotations

import re
from pathlib import Path

from recognizer.collecting.jobs import Job
from recognizer.collecting.listings import Listing
from recognizer.reports import lot_report
from recognizer.reports.headings import short_names


def test_photos_are_called_by_their_files_and_by_folders_where_two_are_alike() -> None:
    assert short_names(["/home/me/pins/a.jpg", "/home/me/pins/b.jpg"]) == ["a.jpg", "b.jpg"]
    found = short_names(["/home/me/pins/a.jpg", "/home/me/box/a.jpg"])
    assert [Path(name) for name in found] == [Path("pins/a.jpg"), Path("box/a.jpg")]
    assert short_names(["a.jpg", "a.jpg"]) == ["a.jpg", "a.jpg"]
    assert short_names(["-"]) == ["-"]


def test_a_lot_without_a_title_is_called_by_its_picture(tmp_path: Path) -> None:
    listings = [Listing("v1|5|0", (tmp_path / "5.jpg",), "Значки")]
    listings += [Listing(str(tmp_path / name), (tmp_path / name,)) for name in ("a.jpg", "b.jpg")]
    for listing in listings:
        listing.pictures[0].write_bytes(b"")
    job = Job.open(tmp_path / "job", listings, "drawn")
    for task in job.tasks:
        job.keep(task, {"photo": "a.jpg", "recognitions": [], "width": 9, "height": 9})
    lot_report.write(job, None)
    page = (job.folder / "report.html").read_text(encoding="utf-8")
    assert [name.strip() for name in re.findall(r"<h2[^>]*>([^<]+)", page)] == ["Значки", "a.jpg", "b.jpg"]
