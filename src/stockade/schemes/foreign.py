"""What the pipeline asks of an authenticator that is not ours."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from stockade.core.errors import InvalidCredential
from stockade.core.principal import Principal

if TYPE_CHECKING:
    from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Given:
    """What a foreign authenticator gave: a project's code relies on these very objects.

    Args:
        user: what `request.user` becomes; None where it gave none.
        auth: what `request.auth` becomes. It may hold the secret.
        authenticator: what DRF calls `request.successful_authenticator`.
    """

    user: Any = field(repr=False)
    auth: Any = field(repr=False)
    authenticator: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A request that a foreign authenticator knows: its objects, and who that is to us; it may be nobody."""

    given: Given
    principal: Principal


class ForeignScheme(Protocol):
    """One foreign authenticator.

    name: as in events and in the limit ``scheme:NAME``.
    keywords: Authorization schemes that it reads, in lower case; none where it reads something else.
    headers: further headers that hold its credential, as META spells them, e.g. ``HTTP_X_SESSION_TOKEN``.
    cookies: names of the cookies that hold its credential.
    parameters: whether it also reads the query string and forms (RFC 6750 sections 2.2 and 2.3).
    anywhere: whether it may read something else, as a class of the project's own may.
    session: whether it reads Django's session: such a cookie is ignored beside an explicit credential.
    passwords: whether what it reads may be a password, which people choose and others guess.
    """

    name: str
    keywords: tuple[str, ...]
    headers: tuple[str, ...]
    cookies: tuple[str, ...]
    parameters: bool
    anywhere: bool
    session: bool
    passwords: bool

    def ask(self, request: HttpRequest) -> Answer | InvalidCredential | None:
        """Have it authenticate. May do anything that the project's own code does.

        Returns:
            None: not its credential. An InvalidCredential: the same, but where nobody else knows it, this is why.

        Raises:
            InvalidCredential: it is, and does not hold. CsrfFailed, or another Refusal: what it refuses by.
        """
        ...

    def listed(self, classes: Collection[Any]) -> bool:
        """Whether a view that keeps to its own `authentication_classes` has it among them."""
        ...

    def challenge(self) -> str:
        """Its WWW-Authenticate challenge, as it words it; "" for none."""
        ...
