"""The verifier: fed with a body as it arrives, it says in the end whether one of the source's keys signed it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

import orjson

from stockade.core import clock
from stockade.core.errors import InvalidSignature
from stockade.webhooks import by_url, keys, shown
from stockade.webhooks.conf import Source, source_named
from stockade.webhooks.message import Message
from stockade.webhooks.presets import PRESETS, Preset

TOLERANCE: Final = 300.0  # seconds, where no source says otherwise
FEW: Final = 5  # signatures of Ed25519: each costs as much as half a request


class Check:
    """One message on its way in. Its headers and its time are judged before anything of its body is read.

    Args:
        source: whom it claims to be from.
        headers: of the message.
        target: the URL and the type of the body, for presets that sign those.

    Raises:
        InvalidSignature: a header is missing or malformed, or the time is not within the tolerance.
    """

    __slots__ = ("_before", "_given", "_id", "_keys", "_macs", "_public", "_target", "_time", "source")

    def __init__(self, source: Source, headers: shown.Headers, target: by_url.Target | None = None) -> None:
        self.source, self._target = source, target
        preset = source.preset
        id, time, self._given, self._public = shown.read(preset, headers, source.name)
        self._id, self._keys = id, source.keys()
        self._time = _judged(source, time) if preset.timed else None
        parts = [id if part == "{id}" else time if part == "{time}" else part for part in preset.before]
        self._before = "".join(parts).encode()
        self._macs: list[hmac.HMAC] | None = None

    def update(self, piece: bytes | memoryview) -> None:
        """Take the next piece of a body that comes in several; of one that comes whole `finish` is enough."""
        if self._macs is None:
            # The kind of a key says which signatures it verifies, not the message: a public key is no secret of HMAC.
            self._macs = [mac.copy() for mac in (() if self.source.preset.by_url else self._keys.macs)]
            for mac in self._macs:
                mac.update(self._before)
        for mac in self._macs:
            mac.update(piece)

    def finish(self, body: bytes) -> Message:
        """The message, after all of its body was given to `update`, or nothing of it.

        Raises:
            InvalidSignature: no key of the source has signed it.
        """
        source, given, public = self.source, self._given, self._public
        preset, keys = source.preset, self._keys
        if preset.by_url:
            digests, held = self._by_url(body, keys.shared)
        else:
            if self._macs is None:
                self.update(body)
            # By every shared key, whatever the message shows: it is known again by each.
            digests = [mac.digest() for mac in self._macs or ()]
            held = _matched([shown.written(preset, digest) for digest in digests], given)
            if not held and public and keys.public:
                digests, held = self._by_public_key(body, digests)
        if not held:
            formed = all(shown.is_written(preset, text) for text in (*given, *public))
            raise InvalidSignature(source.name, "signature" if formed else "signature_format")
        id = _member(body, preset.id_member) if preset.id_member else self._id
        by_id = id and (preset.id_signed or source.once == "id")
        return Message(source.name, preset.name, id, self._time, body, () if by_id else tuple(digests))

    def _by_public_key(self, body: bytes, digests: list[bytes]) -> tuple[list[bytes], bool]:
        name = self.source.name
        if len(self._public) > FEW:
            raise InvalidSignature(name, "too_many_signatures")
        given = [shown.decoded(text) for text in self._public]
        signed = self._before + body  # Ed25519 reads its message twice: it must have the whole of it
        held = any(key.holds(one, signed) for key in self._keys.public for one in given if one is not None)
        return digests or [hashlib.sha256(signed).digest()], held

    def _by_url(self, body: bytes, keys: tuple[bytes, ...]) -> tuple[list[bytes], bool]:
        preset, name = self.source.preset, self.source.name
        if self._target is None:
            raise InvalidSignature(name, "no_url")
        texts = by_url.signed_texts(self._target, body, name)
        digests = [[hmac.digest(key, text, preset.digest) for key in keys] for text in texts]
        expected = [shown.written(preset, digest) for some in digests for digest in some]
        return digests[0], _matched(expected, self._given)  # whichever URL was signed, it is one message


def _matched(expected: Iterable[str], given: Iterable[str]) -> bool:
    """Whether one of the signatures is one of those that would be right, letter for letter.

    All are compared, in constant time, whichever it is.
    """
    held = False
    for right in expected:
        for one in given:
            held |= hmac.compare_digest(right.encode(), one.encode("ascii", "replace"))
    return held


def _judged(source: Source, time: str) -> int:
    """The time of a message, if it is near enough.

    Raises:
        InvalidSignature: it is not; ``expired`` is no guess of whoever sends it (a retry, or a clock that is behind).
    """
    seconds = shown.seconds(time, source.name)
    away = clock.now() - seconds
    if away > source.tolerance:
        raise InvalidSignature(source.name, "expired")
    if away < -source.tolerance:
        raise InvalidSignature(source.name, "in_the_future")
    return seconds


def _member(body: bytes, path: str) -> str:
    """A member of a JSON body; "" where it is no JSON or has no such member that is a text or a number."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def verify(
    source: str | Preset,
    body: bytes,
    headers: Mapping[str, str],
    *,
    secrets: str | Iterable[str] | None = None,
    url: str = "",
    tolerance: float = TOLERANCE,
) -> Message:
    """Verify one message that is at hand as a whole. It is not remembered: whoever calls this sees to replays.

    Args:
        source: a name in WEBHOOKS; with `secrets` a preset, or its name.
        body: the raw bytes, as they came.
        headers: by name, in any case.
        secrets: one, or several while one follows another.
        url: the whole URL as the sender knows it, for presets that sign it.
        tolerance: seconds, with `secrets`; else the source's own.

    Raises:
        InvalidSignature: it does not hold.
        ConfigurationError: E282, WEBHOOKS has no such source.
        ValueError: the secrets or the tolerance are none, or there is no such preset.
    """
    found = source_of(source, secrets, tolerance)
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    check = Check(found, shown.of_mapping(found.preset, headers), by_url.Target(url, kind) if url else None)
    return check.finish(body)


def source_of(
    source: str | Preset, secrets: str | Iterable[str] | None, tolerance: float = TOLERANCE
) -> Source:
    """The source that a call of a function means.

    Raises:
        ConfigurationError: E282. ValueError: see `verify`.
    """
    if secrets is None:
        if isinstance(source, Preset):
            raise ValueError("With a preset of your own give its secrets.")
        return source_named(source)
    if not isinstance(source, Preset):
        if source not in PRESETS:
            raise ValueError(f"There is no preset {source!r}. Write one of {', '.join(sorted(PRESETS))}.")
        source = PRESETS[source]
    if not tolerance >= 0:  # nor what is no number
        raise ValueError("Write a tolerance of 0 seconds or more.")
    given = (secrets,) if isinstance(secrets, str) else tuple(secrets)
    keys.read(source, given)
    return Source(source.name, source, given, tolerance, tolerance, "off", source.max_body)
