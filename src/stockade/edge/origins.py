"""Origins (RFC 6454): which may be named in settings, and which regular expressions let in more than they seem to."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

_HOST = re.compile(r"(?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}|\[[0-9a-f:.]{2,45}\]")
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = r"(?:[a-z0-9-]+\.)+"


def origin(text: str) -> str:
    """An origin as browsers send it: ``https://app.example.com``, or ``https://*.example.com`` for its subdomains.

    Raises:
        ValueError: it is none, or one that nobody should name; the message says what to write.
    """
    if text.lower() == "null":
        raise ValueError(
            '"null" is the origin of every sandboxed frame and every file: it lets everybody in.'
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"{text!r} is no origin. Write https://app.example.com.") from None
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    name = host.removeprefix("*.")
    if (
        parts.scheme not in _DEFAULT_PORTS
        or text != f"{parts.scheme}://{parts.netloc}"
        or not _HOST.fullmatch(name)
    ):
        raise ValueError(
            f"{text!r} is no origin as a browser sends it. Write scheme, host and port in lower case, without a path: "
            "https://app.example.com, or https://*.example.com for its subdomains."
        )
    if port == _DEFAULT_PORTS[parts.scheme]:
        raise ValueError(f"{text!r}: browsers leave port {port} out of {parts.scheme} origins. So do you.")
    if host != name and "." not in name and name != "localhost":
        raise ValueError(f"{text!r} is everybody below {name}. Name the domain that is yours.")
    return text


def is_plain(text: str) -> bool:
    """Whether an origin is plain HTTP on a network: whoever is on it can be that page."""
    host = text.removeprefix("http://").rpartition("://")[2]
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return text.startswith("http://") and name not in _LOOPBACK and not name.endswith(".localhost")


def pattern(origins: Iterable[str]) -> re.Pattern[str] | None:
    """What the wildcards among `origins` match, whole; None if there are none."""
    found = [re.escape(text).replace(r"\*\.", _LABEL) for text in origins if "*" in text]
    return re.compile("|".join(f"(?:{one})" for one in found)) if found else None


# -- regular expressions -----------------------------------------------------------------------------------------------

_MOST = 256  # ways in which one expression can go on; what has more is judged by these
_WILD, _END = "\0", "\n"  # some character that the expression leaves open; an anchor at the end
_PORT = re.compile(r":[0-9\0]+\Z")


def reflects(expression: str | re.Pattern[str]) -> str:
    """How `re.match` with this expression takes the origin of a stranger for one of ours; "" if it does not.

    The expression is written out, with a mark for each character that it leaves open. What follows the last mark in the
    host must be a dot and a domain: else a stranger registers a name that fits.
    """
    text = expression if isinstance(expression, str) else expression.pattern
    for way in _ways(text):
        body, _, behind = way.partition(_END)
        if not way.endswith(_END) or behind.strip(_END):
            return "nothing anchors its end: https://ours.example.evil.com begins alike. End it with \\Z"
        scheme, separator, host = body.partition("://")
        if not separator or _WILD in scheme:
            return "it leaves open where the host begins. Begin it with https://"
        rest = _PORT.sub("", host).rpartition(_WILD)
        if not rest[1]:
            continue
        if not rest[2].startswith("."):
            return r"any character may stand before the domain, as evil does in evilexample.com. Write \. for a dot"
        if "." not in rest[2][1:] and rest[2] != ".localhost":
            return "the domain that it ends in is not one of ours alone. Write it out"
    return ""


def _ways(text: str) -> list[str]:
    parser: Any = importlib.import_module("re._parser")
    try:
        return list(_written(list(parser.parse(text))))[:_MOST]
    except (re.error, RecursionError):
        return []


def _written(items: list[Any]) -> Iterator[str]:
    """Each way in which a sequence of the parser's can be written out, as many as count."""
    if not items:
        yield ""
        return
    for head in _one(*items[0]):
        for number, tail in enumerate(_written(items[1:])):
            if number >= _MOST:
                return
            yield head + tail


def _one(op: Any, argument: Any) -> Iterator[str]:
    name = str(op)
    if name == "LITERAL":
        yield chr(argument)
    elif name == "AT":
        yield _END if str(argument) in ("AT_END", "AT_END_STRING") else ""
    elif name == "SUBPATTERN":
        yield from _written(list(argument[3]))
    elif name == "ATOMIC_GROUP":
        yield from _written(list(argument))
    elif name == "BRANCH":
        for branch in argument[1]:
            yield from _written(list(branch))
    elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        for count in sorted({least, min(int(most), least + 1)}):
            if count == 0:
                yield ""
            else:
                # Open once is open as often as it likes: more of it would end alike.
                for way in _written(list(inner)):
                    yield way * min(count, 2)
    elif name == "IN" and len(argument) == 1 and str(argument[0][0]) == "LITERAL":
        yield chr(argument[0][1])
    elif name in ("ASSERT", "ASSERT_NOT"):
        yield ""
    else:  # any character, a class, a reference
        yield _WILD
