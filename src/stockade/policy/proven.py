"""Rules that are about the request itself: what came, and not what a header says, proves who has sent it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal
from stockade.policy.base import Policy
from stockade.policy.composed import All, Conceivable

if TYPE_CHECKING:
    from django.http import HttpRequest

ATTRIBUTE: Final = "webhook"  # of a request: what was proven of it
HEARS: Final = "_stockade_hears"  # of a request: what is called once, with the status of its answer

UNHEARD: Final = "_stockade_unheard"  # of a request: no middleware will see its answer


class Proven(Policy):
    """A rule that has to read the request before it, or any other of its view, is asked.

    The body is the credential then: none in a header or cookie is looked at, LIMITS by caller do not apply (what does
    not hold counts as `failed_auth`), and no page of a browser can send it, so CSRF is not asked about.
    """

    __slots__ = ()

    def prove(self, request: HttpRequest) -> Principal:
        """Who has sent the request. May read its body and ask the shared state.

        What wants to hear of the answer it leaves as `HEARS` in the request's `__dict__`.

        Raises:
            Refusal: nobody that is known.
        """
        raise NotImplementedError


def heard(request: HttpRequest, status: int) -> None:
    """Tell what has asked for it how a request was answered; once, whoever calls this and however often.

    Args:
        status: of the answer; 500 where none will leave.
    """
    hears: Callable[[int], None] | None = request.__dict__.pop(HEARS, None)
    if hears is not None:
        hears(status)


def proven(rule: Policy | None, view: str) -> Proven | None:
    """The rule within `rule` that reads the request, if there is one.

    Args:
        rule: of one method; one that is merely conceivable proves nothing.
        view: its name, for errors.

    Raises:
        ConfigurationError: it stands where another rule could hold in its place: then nothing would be proven.
    """
    if rule is None or isinstance(rule, Conceivable):
        return None
    found = [leaf for leaf in rule.leaves() if isinstance(leaf, Proven)]
    if not found:
        return None
    if rule is not found[0]:
        parts = rule.parts if isinstance(rule, All) else ()
        if len(found) != 1 or found[0] not in parts:
            raise ConfigurationError(
                "stockade.E284",
                f"{view}: {found[0]!r} stands under `|` or `~`, or beside another of its kind.",
                "Write it alone, or with `&`. Give callers of another kind a view of their own.",
            )
    return found[0]
