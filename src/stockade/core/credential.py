"""What a scheme verified, without the secret itself."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from stockade.core import tenant


@dataclass(frozen=True, slots=True)
class Credential:
    """A proven credential. Holds nothing that would let its reader act as the caller.

    Args:
        scheme: ``session``, ``jwt``, ``token``, ``api_key``, ``oauth2``, ``mtls`` or a foreign scheme's name.
        id: names the credential in logs (a jti, a fingerprint); safe to show.
        subject: the subject's stable key, e.g. a user's primary key as text; see `core.tenant`.
        session: the session it belongs to, or "" for none.
        client: the client it was issued to, or "".
        scopes: what it is bounded by; None where the scheme has no scopes (then the whole user is meant).
        issued, expires, auth_time: seconds since the epoch; 0.0 where unknown, and `expires` inf where it never does.
            `auth_time` is when the user last proved who they are; a refresh does not move it.
        confirmation: thumbprint of the bound key or certificate (RFC 8705 section 3.1), or "".
        claims: the verified claims of a token, for `request.auth["claim"]`; empty elsewhere.
        networks: where it may be shown, as `ipaddress` networks; empty for anywhere.
        rate: a limit of its own, such as ``100/min``, over `client`; "" for none.
        amr: how the user proved who they are, by the names of RFC 8176, see `core.methods`; empty where unknown.
        acr: the authentication context (RFC 9068 section 2.2.1) that an issuer vouches for, where the project has
            declared that it is believed; "" elsewhere.
    """

    scheme: str
    id: str
    subject: str
    session: str = ""
    client: str = ""
    scopes: frozenset[str] | None = None
    issued: float = 0.0
    expires: float = float("inf")
    auth_time: float = 0.0
    confirmation: str = ""
    claims: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    networks: tuple[Any, ...] = ()
    rate: str = ""
    amr: frozenset[str] = frozenset()
    acr: str = ""

    # Code written for simplejwt reads `request.auth["user_id"]` and `.payload`, for OAuth toolkit `.scope`.

    def __getitem__(self, claim: str) -> Any:
        """A verified claim by name; ``user_id`` is the key in the subject.

        Raises:
            KeyError: there is no such claim.
        """
        if claim == "user_id" and claim not in self.claims:
            return tenant.pk_of(self.subject)
        found = self.claims[claim]
        return deepcopy(found) if isinstance(found, dict | list) else found

    def get(self, claim: str, default: Any = None) -> Any:
        """A verified claim, or `default`."""
        try:
            return self[claim]
        except KeyError:
            return default

    def __contains__(self, claim: object) -> bool:
        return claim == "user_id" or claim in self.claims

    @property
    def payload(self) -> dict[str, Any]:
        """Every verified claim, in a copy: a worker keeps the credential for the requests that follow."""
        return deepcopy(self.claims)

    @property
    def scope(self) -> str:
        """The scopes as RFC 6749 section 3.3 writes them; "" where there are none."""
        return " ".join(sorted(self.scopes or ()))
