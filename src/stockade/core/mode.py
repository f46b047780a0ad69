"""What is refused and what is only recorded, by concern: the setting MODE, and a view's own `mode`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from stockade.core import errors
from stockade.core.errors import Refusal


class Mode(NamedTuple):
    """Whether each concern refuses (True) or only records what it would have refused (False).

    Args:
        policies: who may do what: 401, 403, 404, views without a policy, answers without a decision.
        limits: 429.
        input: what is malformed, and credentials in the query string.
        edge: security headers, and plain HTTP. A header refuses nothing by itself, but it can break a page as a refusal
            does (framing, caching, what a page loads), and so it is adopted by a word of its own.
    """

    policies: bool = True
    limits: bool = True
    input: bool = True
    edge: bool = True

    @property
    def silent(self) -> bool:
        """Whether nothing that is asked for is refused: then nobody is told of limits, and no error is reworded."""
        return not (self.policies or self.limits or self.input)


# The key of REST_FRAMEWORK under which its former values are kept; None where they were not to be found.
BEFORE = "STOCKADE_BEFORE"
ENFORCE = Mode()
REPORT = Mode(False, False, False, False)
CONCERNS = Mode._fields
_WORDS = {"enforce": True, "report": False}
_HOW = (
    'Write "enforce" or "report", or a dict of them by concern: {"policies": "report", "limits": "enforce"}.'
)


def parse(value: Any, base: Mode = ENFORCE) -> Mode:
    """A mode as users write it: one word for all concerns, or a dict by concern; the others stay as in `base`.

    Raises:
        ValueError: it is neither; the message says what to write.
    """
    if isinstance(value, str) and value in _WORDS:
        return ENFORCE if _WORDS[value] else REPORT
    if not isinstance(value, Mapping):
        raise ValueError(_HOW)
    for name, word in value.items():
        if name not in CONCERNS:
            raise ValueError(f"There is no concern {name!r}. Known: {', '.join(CONCERNS)}.")
        if not isinstance(word, str) or word not in _WORDS:
            raise ValueError(_HOW)
    found = base._replace(**{name: _WORDS[word] for name, word in value.items()})
    return ENFORCE if found == ENFORCE else REPORT if found == REPORT else found


class Modes(NamedTuple):
    """The setting MODE.

    Args:
        general: where nothing else is said.
        views: of single views, by the names that EXEMPT takes.
    """

    general: Mode
    views: Mapping[str, Mode]


def parse_all(value: Any) -> Modes:
    """MODE as users write it: what `parse` takes, and in a dict under "views" modes by name.

    Raises:
        ValueError: it is none; the message says what to write.
    """
    if not isinstance(value, Mapping) or "views" not in value:
        return Modes(parse(value), {})
    general = parse({key: word for key, word in value.items() if key != "views"})
    views = value["views"]
    if not isinstance(views, Mapping) or not all(isinstance(name, str) and name for name in views):
        raise ValueError('Write "views" as a dict of modes by "namespace" or "namespace:url-name".')
    return Modes(general, {name: parse(one, general) for name, one in views.items()})


def concern(refusal: Refusal) -> str:
    """The concern that a refusal is of; "" for what no mode lets pass: a ban is somebody's own word."""
    if isinstance(refusal, errors.Banned):
        return ""
    if isinstance(refusal, errors.TooMany):
        return "limits"
    if isinstance(refusal, errors.PlainHttp):
        return "edge"
    if isinstance(refusal, errors.BadRequest) and not isinstance(refusal, errors.AmbiguousCredential):
        return "input"
    return "policies"


def spares(mode: Mode, refusal: Refusal) -> bool:
    """Whether `mode` has `refusal` only recorded.

    While state or database are away nothing can be decided: only where neither policies nor limits are enforced does a
    request go on then.
    """
    if mode is ENFORCE:
        return False
    if isinstance(refusal, errors.Unavailable):
        return not mode.policies and not mode.limits
    found = concern(refusal)
    return bool(found) and not getattr(mode, found)
