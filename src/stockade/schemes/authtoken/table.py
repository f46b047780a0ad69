"""The table of rest_framework.authtoken, which holds tokens as they are: read, and in step with ours until erased."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any, Protocol

from django.apps import apps
from django.db import router, transaction
from django.db.models import F

from stockade.core import tenant
from stockade.models import OpaqueToken, TokenImport
from stockade.schemes.opaque.keys import digest_keys, key_named
from stockade.schemes.opaque.rows import database
from stockade.truth.tokens import Ended

APP = "rest_framework.authtoken"
NAME = "authtoken"
# What `Token.generate_key` makes, and nothing else: shorter ones could be guessed, and any text would look like one.
_KEY = re.compile(r"[0-9a-f]{40}", re.ASCII)


class Held(Protocol):
    """A row of ours, or what was read of one."""

    @property
    def id(self) -> Any:
        """Its key."""
        ...

    @property
    def user_id(self) -> Any:
        """Whose token it is."""
        ...

    @property
    def digest(self) -> str:
        """Of the token."""
        ...

    @property
    def digest_key(self) -> str:
        """Which key made it."""
        ...


def is_key(value: str) -> bool:
    """Whether `value` is such as the package makes: 40 hex digits."""
    return _KEY.fullmatch(value) is not None


def installed() -> bool:
    """Whether the package's app, and so its table, is there."""
    return apps.is_installed(APP)


def model() -> Any:
    """The package's model of tokens."""
    return apps.get_app_config("authtoken").get_model("Token")


def theirs() -> Any:
    """The package's rows, where they are written."""
    found = model()
    return found.objects.using(router.db_for_write(found))


def ours() -> Any:
    """Our rows of imported tokens, of the tenant at hand."""
    rows = OpaqueToken.objects.using(database())
    return rows.filter(origin=OpaqueToken.Origin.AUTHTOKEN, tenant=tenant.now())


def source() -> str:
    """The name under which the import is kept: with tenants there is one for each, and so is the package's table."""
    whose = tenant.now()
    return f"{NAME}:{hashlib.sha256(whose.encode()).hexdigest()[:20]}" if whose else NAME


def imports() -> Any:
    """The import's row, if there is one."""
    return TokenImport.objects.using(database()).filter(pk=source())


def hold_open() -> bool:
    """Whether the package's table counts now; in a transaction it stays so until that ends."""
    still = imports().filter(undone_at=None, access_until=None)
    return bool(still.update(judged_by=F("judged_by")))


def gone(rows: Iterable[Held]) -> list[Any]:
    """Of rows of ours, the ids of those whose token the package's table has no more: old code deletes tokens there.

    None without the app: then there is no such code, and what was imported stands by itself.
    """
    if not installed():
        return []
    wanted = list(rows)
    listed: dict[Any, list[str]] = {}
    for user, token in (
        theirs().filter(user_id__in={row.user_id for row in wanted}).values_list("user_id", "key")
    ):
        listed.setdefault(user, []).append(token)
    return [row.id for row in wanted if not _is_among(row, listed.get(row.user_id, []))]


def _is_among(row: Held, tokens: list[str]) -> bool:
    key = key_named(row.digest_key)
    return key is not None and any(key.digest(token) == row.digest for token in tokens)


def known(keys: Iterable[str]) -> dict[str, tuple[Any, bool]]:
    """Of these tokens, those that are imported: the id of our row, and whether it has not ended."""
    listed = list(keys)
    found: dict[str, tuple[Any, bool]] = {}
    for digest_key in digest_keys():
        by_digest = {digest_key.digest(one): one for one in listed}
        rows = ours().filter(digest__in=list(by_digest)).values_list("digest", "pk", "ended_at")
        found.update({by_digest[digest]: (pk, ended is None) for digest, pk, ended in rows})
    return found


def forget(ended: list[Ended], using: str) -> None:
    """For `on_end`: what ends here ends in the package's table, too, for processes that still go by that.

    So it also stays ended when the import is taken back.
    """
    if not installed():
        return
    alias = router.db_for_write(model())
    for token in ended:
        key = key_named(token.digest_key)
        if not token.linked or key is None:
            continue
        listed = theirs().filter(user_id=token.user).values_list("key", flat=True)
        gone = [one for one in listed if key.digest(one) == token.digest]
        if not gone:
            continue
        rows = theirs().filter(key__in=gone)
        if alias == using:
            rows._raw_delete(alias)  # noqa: SLF001 - no signals: we are being told already
        else:
            transaction.on_commit(lambda rows=rows: rows._raw_delete(alias), using=using)  # type: ignore[misc]  # noqa: SLF001
