"""Step 1: the ONE explicit credential of a request, from headers only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from stockade.core.errors import AmbiguousCredential, BadRequest, CredentialInQuery, InvalidCredential
from stockade.schemes.protocol import Scheme

# CONTRACT "On the wire": only where the VALUE has the shape of a credential of ours; a password-reset ?token= passes.
QUERY_NAMES = frozenset({"access_token", "auth_token", "token", "api_key", "apikey", "key", "jwt", "auth"})
_MAX_FIELDS = 1000
_MAX_QUERY = 16_384


class Presented(NamedTuple):
    """A credential as it was shown, and the scheme that answers for it."""

    scheme: Scheme
    value: str

    def __repr__(self) -> str:
        # Not the secret: tracebacks and debuggers show local variables.
        return f"Presented({self.scheme.name})"


class Finder:
    """Reads the credential from the headers, by the schemes that are enabled.

    Args:
        schemes: in order of preference; the first that recognises a value answers for it.
        others: whether there are foreign schemes, to which a value that none of ours recognises is left.
    """

    def __init__(self, schemes: Iterable[Scheme], others: bool = False) -> None:
        self._schemes = tuple(schemes)
        self._others = others
        self._by_keyword: dict[str, tuple[Scheme, ...]] = {}
        for scheme in self._schemes:
            for keyword in scheme.keywords:
                self._by_keyword[keyword] = (*self._by_keyword.get(keyword, ()), scheme)

    def find(self, meta: Mapping[str, Any]) -> Presented | None:
        """The presented credential of ours, or None.

        Raises:
            AmbiguousCredential: two credentials (RFC 6750 section 2).
            InvalidCredential: one for a keyword of ours that no scheme recognises, where there are no others.
        """
        header = meta.get("HTTP_AUTHORIZATION")
        key = meta.get("HTTP_X_API_KEY")
        if header is None:
            if key is None:
                return None
            return self._match("x-api-key", key)
        if key is not None and "x-api-key" in self._by_keyword:
            raise AmbiguousCredential(reason="two_headers")
        keyword, _, value = header.partition(" ")
        keyword = keyword.lower()
        if keyword not in self._by_keyword:
            # HTTP Basic of a staging proxy and the like: not ours, so it neither helps nor harms. But a server joins
            # repeated headers with a comma, and a second one must not hide behind a first that is ignored.
            if "," in header and any(f"{k} " in header.lower() for k in self._by_keyword):
                raise AmbiguousCredential(reason="two_headers")
            return None
        return self._match(keyword, value)

    def _match(self, keyword: str, value: str) -> Presented | None:
        candidates = self._by_keyword.get(keyword)
        if not candidates:
            return None
        if "," in value:  # no token68 or b64token holds a comma: two headers that the server joined
            raise AmbiguousCredential(reason="two_headers")
        value = value.strip()
        if not value.isascii():
            raise InvalidCredential(reason="not_ascii")
        for scheme in candidates:
            if scheme.looks_mine(value):
                return Presented(scheme, value)
        if self._others:
            return None
        raise InvalidCredential(reason="unrecognised")

    def refuse_query(self, query: str) -> None:
        """Refuse a query string that carries a credential of ours, or a NUL (PostgreSQL takes none in text).

        Raises:
            CredentialInQuery: a parameter named like a credential has the value of one.
            BadRequest: a NUL byte, or more than 1,000 parameters.
        """
        if len(query) > _MAX_QUERY:
            raise BadRequest("The query string is too long.", code="query_too_long")
        if "\0" in query or "%00" in query:
            raise BadRequest("The query string must not contain NUL characters.", code="null_character")
        fields = query.split("&", _MAX_FIELDS)
        if len(fields) > _MAX_FIELDS:
            raise BadRequest("Too many query parameters.", code="too_many_parameters")
        for field in fields:
            name, _, value = field.partition("=")
            if len(value) > 20 and unquote_plus(name).lower() in QUERY_NAMES:
                value = unquote_plus(value).strip()
                word, _, rest = value.partition(" ")
                if word.lower() in self._by_keyword:
                    value = rest.strip()
                if any(scheme.looks_mine(value) for scheme in self._schemes):
                    raise CredentialInQuery()
