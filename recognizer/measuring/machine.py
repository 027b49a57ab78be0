"""The machine: what it is, and what of its software decides how fast photos are answered."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from recognizer import program_version
from recognizer.networks.processor import computes_bfloat16, runtime, threads, uses_torch
from recognizer.running.room import cores

LIBRARIES: Final = (
    *("torch", "torchvision", "timm", "open_clip_torch", "onnxruntime", "onnx"),
    *("faiss-cpu", "opencv-python-headless", "pillow"),
)
"""The libraries that an answer may go through; those that are installed are told."""


def machine() -> dict[str, Any]:
    """Name the processor, cores, memory in bytes (None where the system does not tell), card, system and versions."""
    return {
        "znachki": program_version(),
        "processor": _processor(),
        "cores": cores(),
        **_networks(),
        "memory_bytes": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: found for name in LIBRARIES if (found := _version(name))},
    }


def _networks() -> dict[str, Any]:
    """What runs the networks, and what of the processor it uses; ModelError where nothing does."""
    found = {"runtime": runtime(), "bfloat16": computes_bfloat16()}
    if not uses_torch():
        return found | {"threads": threads(), "gpu": ""}
    import torch

    return found | {
        "threads": torch.get_num_threads(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def folder_sizes(data: Path) -> dict[str, int]:
    """Return the bytes of the parts of a data folder, and `free`, those that are left where it lies."""
    parts = {"catalogue": "catalogue.db*", "images": "images/*", "models": "models/**/*", "index": "index/**/*"}
    sizes = {part: sum(p.stat().st_size for p in data.glob(mask) if p.is_file()) for part, mask in parts.items()}
    there = next(folder for folder in (data, *data.absolute().parents) if folder.exists())
    return sizes | {"free": shutil.disk_usage(there).free}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None
