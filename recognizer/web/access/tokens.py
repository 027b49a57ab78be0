"""Tokens: who may write. Only their hashes lie on the disk, so that a copied data folder lends nobody a token.

A token is 256 random bits. Nobody can guess or list so many, so one round of SHA-256 is hash enough: slow hashes are
for words that people think of.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from recognizer.errors import ZnachkiError
from recognizer.files import beside, make_folder
from recognizer.web.access.ranks import Person, Rank

_FILE: Final = "tokens.json"
_PREFIX: Final = "znachki_"
_CURE: Final = "allow it or choose another --data"


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: its own short id, whom it was given to, its hash, how far that person is trusted, and
    whose collection is that person's, "" for that of the machine."""

    token_id: str
    name: str
    sha256: str
    made: str
    rank: Rank = Rank.OWNER
    collector: str = ""

    @property
    def writes(self) -> bool:
        """Whether it may do more than read."""
        return self.rank is not Rank.READER

    @property
    def person(self) -> Person:
        """Who shows it."""
        return Person(self.name, self.rank, self.collector)


class Tokens:
    """The tokens of a service folder; one that was added or removed counts at once, in a running service too."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._seen: tuple[int, int] | None = None
        self._held: dict[str, Token] = {}

    def all(self) -> list[Token]:
        """List the tokens, the oldest first; raises ZnachkiError where their file is damaged."""
        try:
            state = self._path.stat()
        except FileNotFoundError:
            self._held, self._seen = {}, None
            return []
        stamp = (state.st_mtime_ns, state.st_ino)
        if stamp != self._seen:
            try:
                rows = json.loads(self._path.read_text(encoding="utf-8"))
                self._held = {row["token_id"]: _token(row) for row in rows}
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise ZnachkiError(f"{self._path}: damaged ({error}); move it away and make new tokens") from error
            self._seen = stamp
        return list(self._held.values())

    def find(self, secret: str) -> Token | None:
        """The token that a secret is, None where it is none."""
        asked = _hash(secret)
        found = None
        for token in self.all():
            if hmac.compare_digest(token.sha256, asked):
                found = token
        return found

    def of(self, token_id: str) -> Token | None:
        """The token of an id, None where it was removed."""
        return next((token for token in self.all() if token.token_id == token_id), None)

    def add(self, name: str, rank: Rank = Rank.OWNER, collector: str | None = None) -> tuple[Token, str]:
        """Make a token and return it with the secret, which cannot be told again.

        Unless a `collector` is named, an owner has that of the machine, and everybody else one of their own name.
        """
        if collector is None:
            collector = "" if rank is Rank.OWNER else name
        secret = _PREFIX + secrets.token_urlsafe(32)
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        token = Token(secrets.token_hex(4), name, _hash(secret), made, rank, collector)
        self._write([*self.all(), token])
        return token, secret

    def remove(self, id_or_name: str) -> list[Token]:
        """Take back the token of an id, or those of a name; raises ZnachkiError where there is none."""
        gone = [token for token in self.all() if id_or_name in (token.token_id, token.name)]
        if not gone:
            raise ZnachkiError(f"no token {id_or_name!r}; `znachki token list` names them")
        self._write([token for token in self.all() if token not in gone])
        return gone

    def _write(self, tokens: list[Token]) -> None:
        write_private(self._path, json.dumps([asdict(token) for token in tokens], indent=1) + "\n")


def _token(row: dict[str, Any]) -> Token:
    """The token of a row; before there were ranks it said only whether the token may write, and then everything."""
    about = dict(row)
    writes = about.pop("writes", True)
    rank = Rank(about.pop("rank", Rank.OWNER if writes else Rank.READER))
    return Token(rank=rank, **about)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, beside its place and renamed; raises ZnachkiError."""
    make_folder(path.parent, cure=_CURE)
    with beside(path, cure=_CURE) as draft:
        draft.touch(mode=0o600, exist_ok=False)  # before a byte of it is there to be read
        draft.write_text(text, encoding="utf-8")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
