"""Turns what an attacker may have written into text that a log may hold: bounded, on one line, without secrets."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

REDACTED = "[redacted]"
_READ = 1024  # no more than this of any text is looked at

# Each alternative is the shape of a credential: our own prefixes; a JWS or JWE (base64url of '{"'); an Authorization
# value (RFC 9110 section 11.4); `name=value` and `"name": "value"` with a name that promises a secret; private keys.
_SHAPES = re.compile(
    r"""
      (?<![0-9A-Za-z])(?:st[rkt]|whsec)_[0-9A-Za-z._~+/=-]{6,}
    | (?<![0-9A-Za-z])eyJ[0-9A-Za-z_-]{6,}(?:\.[0-9A-Za-z_-]*)*
    | (?<![0-9A-Za-z])[Bb][Ee][Aa][Rr][Ee][Rr][\s:=]+[^\s,"]{6,}
    | (?<![0-9A-Za-z])(?i:basic|digest|negotiate|token|api-?key|dpop)\s+[0-9A-Za-z._~+/=-]{16,}
    | (?<![0-9A-Za-z])(?i:proxy-)?(?i:authorization|cookie|set-cookie|x-api-key|x-csrftoken)["']?\s*[:=]\s*\S.*
    | (?i:pass(?:word|wd|phrase|code)?|pwd|secret|token|api_?key|sessionid|csrf\w*|code_verifier|assertion)
      (?:=|["']\s*:\s*["']?)[^\s&"']+
    | -----BEGIN[ A-Z]+KEY-----.*
    """,
    re.VERBOSE | re.DOTALL,
)
# Every alternative contains one of these: looking for them first makes clean text ten times cheaper.
_SIGNS = (
    "str_", "stk_", "stt_", "whsec_", "eyj", "bearer", "basic", "digest", "negotiate", "token", "key", "dpop",
    "authorization", "cookie", "csrf", "pass", "pwd", "secret", "sessionid", "code_verifier", "assertion",
)  # fmt: skip
_PLAIN = re.compile(r"[0-9a-f-]{1,64}")  # numbers, UUIDs, digests
_RUN = re.compile(r"[0-9A-Za-z_+/-]{32,}={0,2}")
_SECRET_NAME = re.compile(
    r"(?i)pass|pwd|secret|token|authori[sz]ation|cookie|api_?key|private|session_?key|signature|otp|verifier|assertion|csrf"
)
_HEX_LOW, _HEX_HIGH = frozenset("0123456789abcdef"), frozenset("0123456789ABCDEF")
_HARMLESS_NAME = re.compile(
    r"(?i)(?:_|^)(?:id|kid|jti|kind|type|count|name|reason|fingerprint|thumbprint|lifetime|state)$"
)


def redact(text: str, *, runs: bool = True) -> str:
    """`text` with everything replaced that has the shape of a credential.

    Args:
        text: at most a line or two.
        runs: also replace long runs that look random; not for what is a digest or a path by definition.
    """
    lower = text.lower()
    for sign in _SIGNS:
        if sign in lower:
            text = _SHAPES.sub(REDACTED, text)
            break
    if runs and len(text) >= 32:
        text = _RUN.sub(_judge_run, text)
    return text


def _judge_run(match: re.Match[str]) -> str:
    """A key or token whoever made it (a Django session key among them), but no digest in hex, UUID, path or name.

    What is random changes between small letters, capitals and digits at nearly every second character.
    """
    run = match[0]
    letters = [c for c in run if c.isalnum()]
    kinds = [c.isdigit() + 2 * c.isupper() for c in letters]
    changes = sum(a != b for a, b in pairwise(kinds))
    hexadecimal = set(run.replace("-", "")) <= _HEX_LOW or set(run) <= _HEX_HIGH
    return REDACTED if not hexadecimal and kinds.count(1) >= 2 and changes >= 0.15 * len(letters) else run


def escape(text: str) -> str:
    """`text` on one line: what does not print (controls, line separators, bidirectional marks, lone surrogates, NUL)
    becomes its Python escape, so that no one can write a second line into the log or into an operator's terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def clean(text: str, limit: int, *, runs: bool = True) -> str:
    """`text` without credentials, on one line, at most `limit` characters long; `runs` as for `redact`."""
    if not text:
        return ""
    if _PLAIN.fullmatch(text):
        return text[:limit]
    text = escape(redact(text[:_READ], runs=runs))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clean_cached(text: str, limit: int, *, runs: bool = True) -> str:
    """`clean` for what has few values (routes, reasons, browsers); not for names: a cache would keep what was typed."""
    return _remembered(text, limit, runs) if len(text) <= 256 else clean(text, limit, runs=runs)


@lru_cache(maxsize=2048)
def _remembered(text: str, limit: int, runs: bool) -> str:
    return clean(text, limit, runs=runs)


class DetailName(NamedTuple):
    """What a detail's name says of its value.

    Args:
        text: the name itself, clean.
        secret: it promises a secret: the value is not written, whatever it is.
        harmless: it promises an identifier or a digest, random though it looks.
    """

    text: str
    secret: bool
    harmless: bool


@lru_cache(maxsize=1024)
def detail_name(name: str) -> DetailName:
    """What the name of a detail, at most a few dozen characters, says of its value."""
    harmless = _HARMLESS_NAME.search(name) is not None
    return DetailName(clean(name, 40), not harmless and _SECRET_NAME.search(name) is not None, harmless)


def digest(account: str, key: bytes) -> str:
    """What stands in the log for a name that may be a password: the same for the same name, useless without the key."""
    name = account[:_READ].encode("utf-8", "surrogatepass")
    return "unknown:" + hmac.new(key, name, hashlib.sha256).hexdigest()[:16]
