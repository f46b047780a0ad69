"""HTTP for the libraries of secrets managers: no redirect, no proxy, no netrc, and a bound on what is read."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from stockade.vault.place import Away

MOST = (
    1024 * 1024
)  # bytes of one answer; Vault's own bound of a KV entry is 1 MiB, AWS, GCP and Azure take 64 KiB


def read(raw: Any) -> bytes:
    """The body of a urllib3 answer.

    Raises:
        Away: it is longer than MOST.
    """
    found = bytearray()
    for chunk in raw.stream(16_384, decode_content=True):
        found += chunk
        if len(found) > MOST:
            raw.close()
            raise Away("too_long")
    return bytes(found)


class _Adapter(HTTPAdapter):
    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["stream"] = True
        response = super().send(request, *args, **kwargs)
        if response.is_redirect:
            response.close()
            raise Away("redirect")  # the credential's header would go along
        response._content = read(response.raw)  # noqa: SLF001 - what requests itself does, without a bound
        response._content_consumed = True  # noqa: SLF001
        return response


def session(ca: str | None = None) -> requests.Session:
    """A session of requests that keeps these promises.

    Args:
        ca: a file of certificate authorities; None: those that requests brings along.
    """
    made = requests.Session()
    bound(made)
    made.verify = ca or True
    return made


def bound(made: requests.Session) -> None:
    """Give an existing session the bounds."""
    made.trust_env = False  # a proxy or a netrc of the environment would get, or replace, the credential
    made.mount("https://", _Adapter())
    made.mount("http://", _Adapter())


failures = (requests.exceptions.RequestException, OSError)  # what a session of ours raises besides Away


def reason(error: Exception) -> str:
    """Why a request of requests failed, in one word."""
    for kind, word in _REASONS:
        if isinstance(error, kind):
            return word
    return "connection"


_REASONS = (
    (requests.exceptions.SSLError, "certificate"),
    (requests.exceptions.Timeout, "timeout"),
)
