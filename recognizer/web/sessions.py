"""Sessions: who is signed in on the page, and proof that a form was ours.

The cookie names a token by its id and is signed with a key of the data folder, so that nothing is stored; taking the
token back ends its sessions. Each form of somebody signed in carries an HMAC of the cookie, which no other site can
know.
"""

from __future__ import annotations

import hmac
import secrets
import time
from hashlib import sha256
from pathlib import Path
from typing import Final

from recognizer.web.tokens import Token, Tokens, write_private

COOKIE: Final = "znachki_session"
SECONDS: Final = 30 * 24 * 3600


class Sessions:
    """Makes and reads the cookie of a session."""

    def __init__(self, folder: Path, tokens: Tokens) -> None:
        self._path = folder / "session.key"
        self._tokens = tokens
        self._held: bytes | None = None

    def begin(self, token: Token) -> str:
        """The cookie for somebody who showed this token."""
        said = f"{token.token_id}.{int(time.time()) + SECONDS}.{secrets.token_hex(8)}"
        return f"{said}.{self._sign('session', said)}"

    def token(self, cookie: str | None) -> Token | None:
        """The token behind a cookie, None where it is forged, too old, or its token was taken back."""
        if not cookie or not self._path.exists():
            return None
        said, _, signature = cookie.rpartition(".")
        parts = said.split(".")
        if len(parts) != 3 or not hmac.compare_digest(self._sign("session", said).encode(), signature.encode()):
            return None
        return self._tokens.of(parts[0]) if int(parts[1]) > time.time() else None

    def form_proof(self, cookie: str) -> str:
        """What a form of this session must carry."""
        return self._sign("form", cookie)

    def proves(self, cookie: str, proof: str) -> bool:
        """Say whether a form was made for this session."""
        return hmac.compare_digest(self.form_proof(cookie).encode(), proof.encode())

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key(), f"{purpose}:{text}".encode(), sha256).hexdigest()

    def _key(self) -> bytes:
        if self._held is None:
            if not self._path.exists():
                write_private(self._path, secrets.token_hex(32))
            self._held = self._path.read_bytes()
        return self._held
