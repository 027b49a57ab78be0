"""Packs: many small records in one file, each found by name and checked by its own sum.

    znachki pack 1\n  {"form": "whole", ...}\n  records, one after another
    directory: name (32 bytes), offset (8), length (4) and CRC-32 (4) of each record, sorted by name
    foot: offset of the directory (8), records (8), CRC-32 of the directory (4), "pack" (4)

A pack is written once, whole, and never changed; the system maps it into memory, so that processes share what they read
of it. Names are the sha256 of a photo's content. The packs of one kind lie in one folder as `<kind>-<number>.pack`; of
two that hold one name, that of the higher number counts.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import IndexError_
from recognizer.files import HERE, beside, make_folder

CURE: Final = "run `znachki index --rebuild`"
"""Of everything damaged that is kept of photos."""

RATIO: Final = 8
"""Packs are joined until each has this many times the records of the next: then there are few, and each photo is
written few times. A catalogue that grows to a million photos by hundreds has at most seven."""

FEW: Final = 2_500
"""Records of a pack that is written anew as soon as one of them is wanted no more."""

_MAGIC: Final = b"znachki pack 1\n"
_FOOT: Final = struct.Struct("<QQI4s")
_ROW: Final = np.dtype([("name", "S32"), ("offset", "<u8"), ("length", "<u4"), ("sum", "<u4")])
_END: Final = b"pack"


class Pack:
    """A pack opened for reading; IndexError_, with the cure, where it is cut short or its directory is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            start, count, told, end = _FOOT.unpack(self._bytes[-_FOOT.size :])
            listed = self._bytes[start : len(self._bytes) - _FOOT.size]
            if end != _END or len(listed) != count * _ROW.itemsize or zlib.crc32(listed) != told:
                raise ValueError("its directory is another one")
            head = self._bytes[: min(1 << 16, start)]
            if not head.startswith(_MAGIC):
                raise ValueError("it does not begin as one")
            self.about: Mapping[str, Any] = json.loads(head[len(_MAGIC) :].split(b"\n", 1)[0])
        except FileNotFoundError:
            raise
        except (OSError, ValueError, struct.error) as error:
            raise IndexError_(f"{path}: damaged ({error}); {CURE}") from error
        self._rows: NDArray[Any] = np.frombuffer(listed, _ROW)
        self.extra: Any = None
        """What its reader keeps beside it."""

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def names(self) -> list[str]:
        """The names of all records, sorted, in hexadecimal digits."""
        return [row.ljust(32, b"\0").hex() for row in self._rows["name"].tolist()]

    def __contains__(self, name: str) -> bool:
        return self._place(name) is not None

    def record(self, name: str) -> bytes | None:
        """Return a record, None of a name that is not there; IndexError_ where it is damaged."""
        at = self._place(name)
        if at is None:
            return None
        _, offset, length, told = self._rows[at].tolist()
        found = self._bytes[offset : offset + length]
        if zlib.crc32(found) != told:
            raise IndexError_(f"{self.path}: {name} in it is damaged; {CURE}")
        return found

    def _place(self, name: str) -> int | None:
        wanted = np.frombuffer(bytes.fromhex(name), "S32")
        at = int(np.searchsorted(self._rows["name"], wanted[0]))
        return at if at < len(self._rows) and self._rows["name"][at] == wanted[0] else None


def write(path: Path, about: Mapping[str, Any], records: Iterable[tuple[str, bytes]]) -> None:
    """Write records, named by 64 hexadecimal digits, each once, as a pack: beside its place, then renamed."""
    make_folder(path.parent, IndexError_, cure=HERE)
    rows = []
    with beside(path, IndexError_, cure=HERE) as draft, draft.open("wb") as file:
        file.write(_MAGIC + json.dumps(dict(about)).encode() + b"\n")
        for name, record in records:
            rows.append((bytes.fromhex(name), file.tell(), len(record), zlib.crc32(record)))
            file.write(record)
        listed = np.sort(np.array(rows, _ROW), order="name").tobytes()
        start = file.tell()
        file.write(listed + _FOOT.pack(start, len(rows), zlib.crc32(listed), _END))


def of_kind(folder: Path, kind: str) -> list[Path]:
    """Return the packs of a kind in a folder, that of the highest number first."""
    found = [path for path in folder.glob(f"{kind}-*.pack") if path.stem.rpartition("-")[2].isdigit()]
    return sorted(found, key=number, reverse=True)


def number(path: Path) -> int:
    """Return the number of a pack."""
    return int(path.stem.rpartition("-")[2])


def opened(path: Path) -> Pack:
    """Open a pack, once a process; raises FileNotFoundError, and IndexError_ where it is damaged."""
    about = path.stat()
    return _opened(path, about.st_ino, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=512)
def _opened(path: Path, _inode: int, _changed: int, _size: int) -> Pack:
    return Pack(path)


def record(folder: Path, kind: str, name: str) -> tuple[bytes, Pack] | None:
    """Return a record of a kind and the pack that has it, None where none has; IndexError_ where it is damaged.

    A pack that is damaged as a whole hides what it holds: it is told where no other pack has the record.
    """
    damaged: IndexError_ | None = None
    for _ in range(2):  # packs may be joined between listing and opening them
        for path in of_kind(folder, kind):
            try:
                pack = opened(path)
            except FileNotFoundError:
                break
            except IndexError_ as error:
                damaged = error
                continue
            found = pack.record(name)
            if found is not None:
                return found, pack
        else:
            break
    if damaged is not None:
        raise damaged
    return None


def to_join(sizes: list[int], unused: list[int]) -> int:
    """Say how many of the packs, the newest first, are to be written anew as one, with what is not packed yet.

    `sizes` has the records of each, before them how many are not packed yet; `unused` how many of a pack's no one wants
    any more. Packs of up to FEW records with any such are written anew, larger ones from an eighth on.
    """
    joined, total = 0, sizes[0]
    for at, (size, idle) in enumerate(zip(sizes[1:], unused, strict=True), 1):
        if (total and total * RATIO > size) or (idle and (size <= FEW or idle * RATIO > size)):
            joined = at
        total += size
    return joined
