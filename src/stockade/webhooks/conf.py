"""The setting WEBHOOKS: from whom signed messages are taken, and how each of them signs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import urlsplit

from stockade.conf import Section, choice, duration, integer, load, mapping, setting
from stockade.core.errors import ConfigurationError
from stockade.vault import Secret
from stockade.vault.strength import GENERATE, weakness
from stockade.webhooks import keys
from stockade.webhooks.presets import PRESETS, Preset

Given = str | Iterable[str] | Callable[[], str | Iterable[str]]

SHORTEST: Final = 16  # characters of a secret that is text
MOST: Final = 366 * 86_400  # seconds that clocks may differ
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_DEFAULTS: Final[dict[str, Any]] = {"TOLERANCE": "5m", "REMEMBER": "7d", "ONCE": "content"}
_HOW = 'Write {"github": {"SECRETS": [secret("GITHUB_WEBHOOK_SECRET")]}}.'


@dataclass(frozen=True, slots=True)
class Source:
    """One sender of messages.

    Args:
        name: in the log, in URLs and in `Signed(...)`.
        preset: how it signs.
        given: its secrets as they were configured, or what gives them.
        tolerance: seconds that its clock and ours may differ, either way.
        remember: seconds for which a message is known again.
        once: ``content`` (by what is signed), ``id`` (by the id, though it may not be signed) or ``off``.
        max_body: bytes.
        url: scheme and host under which it knows us, for presets that sign the URL.
    """

    name: str
    preset: Preset
    given: Given = field(repr=False)
    tolerance: float
    remember: float
    once: str
    max_body: int
    url: str = ""
    _cache: dict[tuple[str, ...], keys.Keys] = field(default_factory=dict, repr=False, compare=False)

    def secrets(self) -> tuple[str, ...]:
        """The secrets as they are now."""
        found = self.given() if callable(self.given) else self.given
        return (found,) if isinstance(found, str) else tuple(found)

    def keys(self) -> keys.Keys:
        """The keys in its secrets; where a callable gives them they may have changed since the last message.

        Raises:
            ConfigurationError: E281, what the callable gives are none.
        """
        secrets = self.secrets()
        found = self._cache.get(secrets)
        if found is None:
            try:
                found = keys.read(self.preset, secrets)
            except ValueError as error:
                raise ConfigurationError(
                    "stockade.E281", f"WEBHOOKS[{self.name!r}]: the secrets are wrong.", str(error)
                ) from None
            self._cache.clear()
            self._cache[secrets] = found
        return found


def sources(value: Any) -> dict[str, Source]:
    """The sources by name."""
    found = {name: _source(name, given) for name, given in mapping(value).items()}
    owners: dict[tuple[bytes, bool], str] = {}
    for source in found.values():
        for key in sorted(source.keys().identities()):
            # What one of them signs the other would be taken to have signed. Two of Twilio's numbers do not matter:
            # there the URL is signed too.
            other = owners.setdefault((key, source.preset.by_url), source.name)
            if other != source.name:
                raise ValueError(f"{other!r} and {source.name!r} have the same secret. Give each its own.")
    return found


def _source(name: str, given: Any) -> Source:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} names no source: write small letters, digits, _ and - (at most 64).")
    if not isinstance(given, Mapping):
        raise ValueError(f"{name!r} is no dict. {_HOW}")
    known = {"PRESET", "SECRETS", "MAX_BODY", "URL", *_DEFAULTS}
    if unknown := sorted(str(key) for key in given.keys() - known):
        raise ValueError(f"{name!r} has no {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    preset = _preset(name, given.get("PRESET", name))
    values = {**_DEFAULTS, "MAX_BODY": preset.max_body, **given}
    try:
        return Source(
            name,
            preset,
            _secrets(preset, given.get("SECRETS")),
            _tolerance(values["TOLERANCE"]),
            duration(values["REMEMBER"]),
            choice("content", "id", "off")(values["ONCE"]),
            integer(1, 2**31 - 1)(values["MAX_BODY"]),
            _url(preset, given.get("URL", "")),
        )
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from None


def _preset(name: str, given: Any) -> Preset:
    if isinstance(given, Preset):
        return given
    try:
        return PRESETS[given]
    except (KeyError, TypeError):
        raise ValueError(
            f"{name!r} has the unknown preset {given!r}. Write PRESET as one of {', '.join(sorted(PRESETS))}, "
            "or as a stockade.webhooks.Preset of your own."
        ) from None


def _secrets(preset: Preset, given: Any) -> Given:
    if callable(given):
        found = given()
    elif given is None:
        raise ValueError(f"SECRETS is missing. {_HOW}")
    else:
        found = given
    listed = (found,) if isinstance(found, str) else tuple(found)
    if not all(isinstance(secret, str) for secret in listed):
        raise ValueError(f"SECRETS is no list of strings. {_HOW}")
    read = keys.read(preset, listed)
    for secret in listed:
        # What is coded looks like chance, whatever it codes.
        texts = [raw.decode("latin-1") for raw in read.shared] if preset.coded else []
        coded = secret.removeprefix(keys.SECRET) if preset.coded else secret
        for text in (coded, *texts):
            why = weakness(text, SHORTEST)
            if why is not None:
                raise ValueError(f"A secret {why}. {GENERATE}")
    return cast(Given, given) if callable(given) else tuple(map(Secret, listed))


def _tolerance(value: Any) -> float:
    seconds = duration(value)
    if seconds > MOST:  # twice that is for how long the state would have to know a message
        raise ValueError("Write a TOLERANCE of at most 366 days.")
    return seconds


def _url(preset: Preset, given: Any) -> str:
    if not preset.by_url:
        if given:
            raise ValueError("URL is for presets that sign it. Take it away.")
        return ""
    try:
        parts = urlsplit(given) if isinstance(given, str) else None
        _ = parts and parts.port
    except ValueError:
        parts = None
    if (
        parts is None
        or parts.scheme not in ("https", "http")
        or not parts.hostname
        or parts.username is not None
        or parts.path.rstrip("/")
        or parts.query
        or parts.fragment
    ):
        # Not from the Host header: whoever sends a message elsewhere could choose it.
        raise ValueError(
            'This vendor signs the URL. Write URL as it calls it, such as "https://api.example.com".'
        )
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True)
class WebhookSettings(Section):
    """From whom signed messages are taken."""

    sources: dict[str, Source] = setting(
        "WEBHOOKS", sources, {}, id="stockade.E280",
        why="Who sends signed messages, by the name that `Signed(...)` takes. PRESET: how it signs, by default what "
        "the source is called; SECRETS: one or a list, or a callable that gives them; TOLERANCE, either way, 5m; "
        "REMEMBER, for how long a message is known again, 7d; ONCE: content, id or off; MAX_BODY in bytes; URL for "
        "what signs it, as Twilio.",
    )  # fmt: skip


def signature_headers() -> tuple[str, ...]:
    """The headers in which the sources of WEBHOOKS sign, each once, as META names them."""
    known = load(WebhookSettings).sources.values()
    return tuple(dict.fromkeys([source.preset.metas[0] for source in known]))


def source_named(name: str) -> Source:
    """A source of WEBHOOKS.

    Raises:
        ConfigurationError: E282, there is none of this name.
    """
    known = load(WebhookSettings).sources
    try:
        return known[name]
    except KeyError:
        raise ConfigurationError(
            "stockade.E282",
            f"WEBHOOKS has no source {name!r}.",
            f"Add it there. It has: {', '.join(sorted(known)) or 'none'}.",
        ) from None
