"""`validators`: what ASVS 5.0 section 6.2 asks of new passwords, ready for AUTH_PASSWORD_VALIDATORS."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any

from stockade.core.errors import ConfigurationError

SHORTEST = 8  # ASVS 5.0, 6.2.1
RECOMMENDED = 15  # the same, strongly recommended; NIST SP 800-63B-4 asks for it where a password is all
_DJANGO = "django.contrib.auth.password_validation"


def validators(
    minimum: object = SHORTEST, *, words: Sequence[object] = (), breached: str | PathLike[str] | None = None
) -> list[dict[str, Any]]:
    """Write ``AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators(15)``.

    A minimum length; no resemblance to the user's own data or to the words of the service; not among common and
    breached passwords. No rule about kinds of characters (6.2.5), no maximum (6.2.9).

    Args:
        minimum: characters, at least 8; 15 is recommended (ASVS 5.0, 6.2.1).
        words: names of the service and of those who run it (6.2.11). The project's package and its hosts are known.
        breached: a file that `stockade passwords build` has made; without one the common passwords are known (6.2.4).

    Raises:
        ConfigurationError: E240, the minimum is below 8 or no number, or `words` is no list of words.
    """
    if isinstance(minimum, bool) or not isinstance(minimum, int) or not SHORTEST <= minimum <= 64:
        raise ConfigurationError(
            "stockade.E240",
            f"stockade.passwords.validators takes no minimum of {minimum!r} characters.",
            "Write a number from 8 to 64; 15 is recommended (ASVS 5.0, 6.2.1 and 6.2.9).",
        )
    if isinstance(words, str) or not all(isinstance(word, str) and word for word in words):
        raise ConfigurationError(
            "stockade.E240",
            "stockade.passwords.validators takes a list of words.",
            'Write words=["acme", "anvil"].',
        )
    return [
        {"NAME": f"{_DJANGO}.MinimumLengthValidator", "OPTIONS": {"min_length": minimum}},
        {"NAME": f"{_DJANGO}.UserAttributeSimilarityValidator"},
        {"NAME": "stockade.passwords.ContextWords", "OPTIONS": {"words": list(words)}},
        {
            "NAME": "stockade.passwords.BreachedPassword",
            "OPTIONS": {} if breached is None else {"path": fspath(breached)},
        },
    ]
