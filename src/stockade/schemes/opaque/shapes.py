"""What opaque tokens look like: a prefix that scanners know, 256 random bits, a checksum."""

from __future__ import annotations

from typing import NamedTuple

from stockade.core import secrets
from stockade.core.secrets import BODY_LENGTH, CHECK_LENGTH, SecretStr
from stockade.models import OpaqueToken


class Shape(NamedTuple):
    """One kind of token, as it is seen from outside.

    Args:
        kind: of `OpaqueToken.Kind`; also the name of its scheme.
        prefix: how its tokens begin.
        keywords: of the Authorization header, in lower case.
        challenge: its WWW-Authenticate challenge.
        by_password: whether a changed password of its user may end it. What machines call with stays.
    """

    kind: str
    prefix: str
    keywords: tuple[str, ...]
    challenge: str
    by_password: bool

    def generate(self) -> SecretStr:
        """A new token."""
        return secrets.generate(self.prefix)

    def looks_mine(self, value: str) -> bool:
        """Whether `value` begins as one of these, whole or not."""
        return value.startswith(self.prefix)

    def is_whole(self, value: str) -> bool:
        """Whether `value` has length, alphabet and checksum of one: what has not was never made here."""
        return secrets.has_shape(value, self.prefix)

    def visible(self, value: str) -> str:
        """The beginning that may be shown: it tells tokens apart, and 208 random bits are left."""
        return value[: len(self.prefix) + 8]

    @property
    def pattern(self) -> str:
        """A regular expression for secret scanners."""
        return rf"\b{self.prefix}[0-9A-Za-z]{{{BODY_LENGTH + CHECK_LENGTH}}}\b"


TOKEN = Shape(OpaqueToken.Kind.TOKEN.value, "stt_", ("token",), "Token", by_password=True)
API_KEY = Shape(
    OpaqueToken.Kind.API_KEY.value, "stk_", ("api-key", "x-api-key"), "Api-Key", by_password=False
)
SHAPES = {shape.kind: shape for shape in (TOKEN, API_KEY)}
