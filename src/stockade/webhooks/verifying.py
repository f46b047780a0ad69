"""The verifier: fed with a body as it arrives, it says in the end whether one of the source's keys signed it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from stockade.core import clock
from stockade.core.errors import InvalidSignature
from stockade.webhooks import by_url, keys, shown
from stockade.webhooks.conf import Source, source_named
from stockade.webhooks.message import Message
from stockade.webhooks.presets import PRESETS, Preset

TOLERANCE: Final = 300.0  # seconds, where no source says otherwise


class Check:
    """One message on its way in. Its time is judged before anything of its body is read.

    Args:
        source: whom it claims to be from.
        headers: of the message, by name.
        target: the URL and the type of the body, for presets that sign those.

    Raises:
        InvalidSignature: a header is missing or malformed, or the time is not within the tolerance.
    """

    __slots__ = ("_before", "_keys", "_macs", "_shown", "_target", "_time", "source", "update")

    def __init__(
        self, source: Source, headers: Mapping[str, str], target: by_url.Target | None = None
    ) -> None:
        self.source, self._target = source, target
        preset = source.preset
        self._shown = seen = shown.read(preset, headers, source.name)
        self._time = _judged(source, seen.time) if preset.timed else None
        self._keys = source.keys()
        parts = {"{id}": seen.id, "{time}": seen.time}
        self._before = "".join([parts.get(part, part) for part in preset.before]).encode()
        # The kind of a key says which signatures it verifies, not the message: a public key is no secret of an HMAC.
        wanted = self._keys.shared if seen.given and not preset.by_url else ()
        self._macs = [hmac.new(key, self._before, preset.digest) for key in wanted]
        self.update: Callable[[Any], None] = self._macs[0].update if len(self._macs) == 1 else self._update

    def _update(self, piece: bytes | memoryview) -> None:
        """Take the next piece of the body."""
        for mac in self._macs:
            mac.update(piece)

    def finish(self, body: bytes) -> Message:
        """The message, after all of its body was given to `update`.

        Raises:
            InvalidSignature: no key of the source has signed it.
        """
        source, seen = self.source, self._shown
        if source.preset.by_url:
            content = self._by_url(body)
        else:
            content = _matched([mac.digest() for mac in self._macs], seen.given) or self._by_public_key(body)
        if content is None:
            raise InvalidSignature(source.name, "signature")
        return _message(source, seen, self._time, body, content)

    def _by_public_key(self, body: bytes) -> bytes | None:
        if not (self._shown.public and self._keys.public):
            return None
        signed = self._before + body  # Ed25519 reads its message twice: it must have the whole of it
        held = any(key.holds(one, signed) for key in self._keys.public for one in self._shown.public)
        return hashlib.sha256(signed).digest() if held else None

    def _by_url(self, body: bytes) -> bytes | None:
        if self._target is None:
            raise InvalidSignature(self.source.name, "no_url")
        digest = self.source.preset.digest
        texts = by_url.signed_texts(self._target, body, self.source.name)
        return _matched(
            [hmac.digest(key, text, digest) for key in self._keys.shared for text in texts], self._shown.given
        )


def _matched(expected: Iterable[bytes], given: tuple[bytes, ...]) -> bytes | None:
    """The digest that one of the signatures is. All are compared, in constant time, whichever it is."""
    found = None
    for digest in expected:
        for one in given:
            if hmac.compare_digest(digest, one):
                found = digest
    return found


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


def _message(source: Source, seen: shown.Shown, time: int | None, body: bytes, content: bytes) -> Message:
    preset = source.preset
    id = _member(body, preset.id_member) if preset.id_member else seen.id
    # Not the signature itself: the shared state need not hold what would open the door if it were forgotten there.
    by_content = "c:" + hashlib.sha256(content).hexdigest()
    by_id = id and (preset.id_signed or source.once == "id")
    return Message(
        source.name,
        preset.name,
        id,
        time,
        body,
        f"i:{id}" if by_id else by_content,
        f"i:{id}" if time is None else f"t:{time}",
    )


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
        ValueError: the secrets are none, or there is no such preset.
    """
    found = source_of(source, secrets, tolerance)
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    check = Check(found, headers, by_url.Target(url, kind) if url else None)
    check.update(body)
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
    given = (secrets,) if isinstance(secrets, str) else tuple(secrets)
    keys.read(source, given)
    return Source(source.name, source, given, tolerance, tolerance, "off", source.max_body)
