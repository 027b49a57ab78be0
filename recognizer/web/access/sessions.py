"""Sessions: who is signed in on the page, and proof that a form was ours.

The cookie names a token by its id and is signed, with its time, by a key of the data folder, so that nothing is stored;
taking the token back ends its sessions. Each form of somebody signed in carries a signature of the cookie, which no
other site can know.
"""

from __future__ import annotations

import secrets
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

from itsdangerous import BadData, Signer, URLSafeTimedSerializer

from recognizer.web.access.tokens import Token, Tokens, write_private

COOKIE: Final = "znachki_session"
SECONDS: Final = 30 * 24 * 3600


class Sessions:
    """Makes and reads the cookie of a session."""

    def __init__(self, folder: Path, tokens: Tokens) -> None:
        self._path = folder / "session.key"
        self._tokens = tokens

    def begin(self, token: Token) -> str:
        """The cookie for somebody who showed this token."""
        return str(self._cookies.dumps([token.token_id, secrets.token_hex(8)]))

    def token(self, cookie: str | None) -> Token | None:
        """The token behind a cookie, None where it is forged, too old, or its token was taken back."""
        if not cookie or not self._path.exists():
            return None
        try:
            token_id, _ = self._cookies.loads(cookie, max_age=SECONDS)
        except (BadData, ValueError):  # ValueError: a cookie that is no text of ours at all
            return None
        return self._tokens.of(token_id)

    def form_proof(self, cookie: str) -> str:
        """What a form of this session must carry."""
        return self._forms.get_signature(cookie).decode("ascii")

    def proves(self, cookie: str, proof: str) -> bool:
        """Say whether a form was made for this session."""
        return self._forms.verify_signature(cookie.encode(), proof.encode())

    @cached_property
    def _cookies(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._key, salt="session", signer_kwargs={"digest_method": sha256})

    @cached_property
    def _forms(self) -> Signer:
        return Signer(self._key, salt="form", digest_method=sha256)

    @cached_property
    def _key(self) -> bytes:
        if not self._path.exists():
            write_private(self._path, secrets.token_hex(32))
        return self._path.read_bytes()
