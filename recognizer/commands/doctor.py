"""`znachki doctor`: what this machine and this data folder are, in a form to paste into a report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click

from recognizer.commands import data_option, json_option, print_json
from recognizer.errors import ZnachkiError

SLOW: Final = 1.0
"""Seconds a photo, warm, from which on that is called slow: on two cores of a server it takes a quarter of one."""


@click.command()
@data_option
@json_option
def doctor(data: Path, as_json: bool) -> None:
    """Say what is installed, what the processor is used for, where the data lie, how large and how whole they are, and
    what is slow.

    Nothing is changed and nothing is sent. The exit code is 1 where something needs a cure. `znachki check` reads every
    byte.
    """
    from recognizer.measuring.machine import machine

    found: dict[str, Any] = {"machine": machine(), "data": _data(data), "photo": _photo()}
    found["cures"] = _cures(found)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(_lines(found)))
    if any(found["data"].get(part) for part in ("error", "stale")):
        raise click.exceptions.Exit(1)


def _data(data: Path) -> dict[str, Any]:
    """What there is in a data folder; what is missing or damaged is told as `error`, with its cure."""
    from index.check import check
    from recognizer.catalogue.database import assigned
    from recognizer.catalogue.store import Catalogue
    from recognizer.decision import calibration
    from recognizer.measuring.machine import folder_sizes
    from recognizer.search.index import read_manifest

    found: dict[str, Any] = {"folder": str(data.absolute()), "bytes": folder_sizes(data), "error": "", "stale": ""}
    found["server"] = assigned(data) is not None
    try:
        with Catalogue.open(data) as catalogue:
            found["entries"], found["photos"] = len(catalogue.entries()), len(catalogue.images())
        state, manifest = check(data), read_manifest(data / "index")
        found["stale"] = state.message if state.stale else ""
        if manifest is not None:
            found["index"] = {"photos": len(manifest.images), "generation": manifest.generation}
            found["model"] = {"name": manifest.model, "fingerprint": manifest.fingerprint}
            ranking, why = calibration.ranking_for(data / "index", manifest)
            found["calibration"] = f"not used, {why}" if why else "as it ships" if not _calibrated(data) else "its own"
            found["match"] = [round(value, 4) for value in ranking.match]
    except ZnachkiError as error:
        found["error"] = str(error)
    return found


def _calibrated(data: Path) -> bool:
    from recognizer.decision import calibration

    return calibration.read(data / "index") is not None


def _photo() -> dict[str, float]:
    """Milliseconds that the parts of looking at one drawn photo take, warm, without a catalogue."""
    from recognizer.drawn import sample
    from recognizer.search import embedder
    from recognizer.vision import keypoints
    from recognizer.vision.crops import lifted, single
    from recognizer.vision.photos import encode_jpeg, open_photo

    start = time.perf_counter()
    model = embedder.load()
    taken = {"open_model": time.perf_counter() - start}
    picture = encode_jpeg(sample.phone_view(0))
    for _ in range(2):  # the first time is not told: it makes what is made once
        at = [time.perf_counter()]
        photo = open_photo(picture, "drawn")
        at.append(time.perf_counter())
        crop = single(photo)
        at.append(time.perf_counter())
        keypoints.extract(crop.image, crop.outline)
        at.append(time.perf_counter())
        model.embed_zooms([crop.whole], [lifted(crop)])
        at.append(time.perf_counter())
        taken |= {name: at[n + 1] - at[n] for n, name in enumerate(("decode", "outline", "keypoints", "embed"))}
    return {name: round(1000 * seconds, 1) for name, seconds in taken.items()}


def _cures(found: dict[str, Any]) -> list[str]:
    """What could be better, each with what to do."""
    from recognizer.vision.comparing.inscriptions import installed

    about, data, photo = found["machine"], found["data"], found["photo"]
    cures = [said for said in (data["error"], data["stale"]) if said]
    if not installed():
        cures.append("inscriptions are not read: install Tesseract with the languages of your pins (rus, ukr, ...)")
    if about["runtime"] == "torch" and not about["bfloat16"] and not about["gpu"]:
        cures.append("this processor has no bfloat16: networks run in float32, two to five times slower; that is all")
    if about["threads"] < about["cores"]:
        cures.append(f"{about['threads']} of {about['cores']} cores are used: take OMP_NUM_THREADS out")
    if sum(photo[name] for name in ("decode", "outline", "keypoints", "embed")) > 1000 * SLOW:
        cures.append("a photo takes over a second: is the machine busy with something else?")
    if data["bytes"]["free"] < 2 * data["bytes"]["index"] + 10**8:
        cures.append("the disk is nearly full: a new index is written beside the old one")
    return cures


def _lines(found: dict[str, Any]) -> list[str]:
    about, data = found["machine"], found["data"]
    lines = [f"{name.replace('_', ' '):24}{_said(name, value)}" for name, value in about.items()]
    lines.append(f"{'data':24}{data['folder']}{' (catalogue on a server)' if data['server'] else ''}")
    lines += [f"{'  ' + name:24}{size / 1e6:,.1f} MB" for name, size in data["bytes"].items()]
    if "entries" in data:
        lines.append(f"{'  holds':24}{data['entries']:,} entries, {data['photos']:,} photos")
    if "index" in data:
        model = data["model"]
        lines.append(f"{'  index':24}{data['index']['photos']:,} photos, generation {data['index']['generation']}")
        lines.append(f"{'  model':24}{model['name']} ({model['fingerprint']})")
        lines.append(f"{'  calibration':24}{data['calibration']}; a match from {data['match'][0]:.1%} on")
    times = ", ".join(f"{name.replace('_', ' ')} {value:.0f} ms" for name, value in found["photo"].items())
    return [*lines, f"{'a drawn photo':24}{times}", "", *([f"- {cure}" for cure in found["cures"]] or ["all is well"])]


def _said(name: str, value: object) -> str:
    if name == "memory_bytes":
        return f"{value / 2**30:.0f} GiB" if isinstance(value, int) else "not told"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "none"
