"""The scheme `external`: a token of another issuer proves who calls, a rule says who that is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from stockade.conf import load as settings
from stockade.core import tenant
from stockade.core.credential import Credential
from stockade.core.principal import Kind, Principal
from stockade.gate.keys import subject_key
from stockade.schemes.external import claims as meaning, links, people, token
from stockade.schemes.external.conf import ExternalSettings
from stockade.schemes.external.keys import ring_of
from stockade.schemes.jwt.compact import refuse
from stockade.schemes.shape import shape_of
from stockade.schemes.users import trusted_user


@dataclass(frozen=True, slots=True)
class ExternalCredential(Credential):
    """A token of another issuer, verified.

    Args:
        issuer: the name in ISSUERS.
        kid: the issuer's name of the key that verified it.
        thumbprint: what that key is (RFC 7638).
        link: the key of the row that says which user that is; "" for services.
        service: whether it is a service's.
    """

    issuer: str = ""
    kid: str = ""
    thumbprint: str = ""
    link: str = ""
    service: bool = False


class ExternalScheme:
    """Implements `stockade.schemes.protocol.Scheme`."""

    name = "external"
    keywords: tuple[str, ...] = ("bearer",)
    dear = True  # one query, for what this worker has not seen

    def looks_mine(self, value: str) -> bool:
        """Whether `value` is a JWS that says it is of an issuer in ISSUERS; any other is left to the next scheme."""
        return token.issuer_in(value) in settings(ExternalSettings).by_issuer

    def verify(self, value: str, meta: Mapping[str, Any]) -> Credential:
        """Prove a token and find whom it stands for: one query. Waits for the issuer's keys where it must.

        Raises:
            InvalidCredential: it does not hold, or stands for nobody here. Unavailable: the issuer's keys are not to
                be had.
        """
        issuer = settings(ExternalSettings).by_issuer.get(token.issuer_in(value))
        if issuer is None:
            refuse("wrong_iss")
        verified = token.verify(value, issuer)
        claims = verified.claims
        scopes = meaning.scopes(claims, issuer)
        whom = people.owner(verified)
        return ExternalCredential(
            self.name,
            verified.id,
            whom.subject,
            "",
            f"{issuer.name}:{verified.client}" if verified.client else "",
            scopes,
            verified.issued,
            verified.expires,
            meaning.auth_time(claims, issuer),
            claims=claims,
            amr=meaning.amr(claims, issuer),
            acr=meaning.acr(claims, issuer),
            issuer=issuer.name,
            kid=verified.key.kid,
            thumbprint=verified.key.thumbprint,
            link=whom.link,
            service=whom.service,
        )

    def load(self, credential: Credential) -> Principal:
        """Who that is now, in one query, and whether the issuer still has the key.

        Raises:
            InvalidCredential: the key, the link or the user is gone, the user is inactive, or has ended its sessions.
            Unavailable: the issuer's keys are not to be had.
        """
        assert isinstance(credential, ExternalCredential)  # noqa: S101 - `verify` made it
        issuer = settings(ExternalSettings).issuers.get(credential.issuer)
        if issuer is None or not ring_of(issuer).still(credential.kid, credential.thumbprint):
            refuse("key_gone")
        roles = meaning.roles(credential.claims, issuer)
        if credential.service:
            return Principal(Kind.SERVICE, credential.subject, None, roles, credential.scopes, credential)
        if issuer.rule:
            user = people.by_rule(issuer, credential.payload)
            if tenant.of(tenant.here(), user.pk) != credential.subject:
                refuse("wrong_subject")
        return self._by_link(credential, roles)

    @staticmethod
    def _by_link(credential: ExternalCredential, roles: frozenset[str]) -> Principal:
        model = get_user_model()
        shape = shape_of(model, "user__")
        rows = links.with_user(credential.link, model)
        if not rows:
            refuse("gone")
        whose, user_id, not_before, *columns = rows[0]
        if tenant.of(whose, user_id) != credential.subject:
            refuse("wrong_subject")
        if not_before is not None and credential.issued <= not_before.timestamp():
            refuse("ended")
        user = shape.read(columns, user_id)
        if not user.active:
            refuse("inactive")
        # One row for each group, or one with a NULL (an outer join).
        groups = frozenset(row[-1] for row in rows if row[-1]) if shape.group else frozenset()
        return Principal(
            Kind.USER,
            credential.subject,
            trusted_user(model, user_id, True),
            roles | groups,
            credential.scopes,
            credential,
            user.superuser,
        )

    def epochs(self, credential: Credential) -> tuple[bytes, ...]:
        """The epoch of its user, or of its service."""
        return (subject_key(credential.subject),)

    def challenge(self) -> str:
        """RFC 6750 section 3."""
        return "Bearer"
