"""Rules that are about the request itself: what came, and not what a header says, proves who has sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal
from stockade.policy.base import Policy
from stockade.policy.composed import All, Conceivable

if TYPE_CHECKING:
    from django.http import HttpRequest

ATTRIBUTE: Final = "webhook"  # of a request: what was proven of it


class Proven(Policy):
    """A rule that has to read the request before it, or any other of its view, is asked.

    The body is the credential then: none in a header or cookie is looked at, LIMITS by caller do not apply (what does
    not hold counts as `failed_auth`), and no page of a browser can send it, so CSRF is not asked about.
    """

    __slots__ = ()

    def prove(self, request: HttpRequest) -> Principal:
        """Who has sent the request. May read its body and ask the shared state.

        Raises:
            Refusal: nobody that is known.
        """
        raise NotImplementedError

    def settle(self, request: HttpRequest, status: int) -> None:
        """Hear what became of a request that was proven.

        Args:
            status: of the answer.
        """
        raise NotImplementedError


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
