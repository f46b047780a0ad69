"""Keys of djangorestframework-api-key, whose table holds hashes: fast ones since 3.0, and before that slow ones."""

from __future__ import annotations

import datetime
import hmac
import re
from collections.abc import Iterable
from hashlib import sha512
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from stockade.models import OpaqueToken
from stockade.schemes.imports.source import Held, Source
from stockade.schemes.opaque.keys import digest_keys
from stockade.schemes.opaque.life import GONE_THERE
from stockade.schemes.opaque.shapes import API_KEY, Shape

# A prefix and a secret: 8 and 32 characters, unless the project's KeyGenerator says otherwise. 22 are 130 bits.
_KEY = re.compile(r"[0-9A-Za-z]{1,8}\.[0-9A-Za-z]{22,128}", re.ASCII)
_FAST = "sha512$$"


class _Dotted(Shape):
    """A prefix, a dot, a secret."""

    __slots__ = ()

    def looks_mine(self, value: str) -> bool:
        """Whether `value` is such as the package makes."""
        return _KEY.fullmatch(value) is not None

    is_whole = looks_mine


class DrfApiKey(Source):
    """The package's table of keys. They are nobody's: each becomes a service's."""

    name = "drf-api-key"
    app = "rest_framework_api_key"
    origin = OpaqueToken.Origin.DRF_API_KEY.value
    reason = f"drf_api_key{GONE_THERE}"
    columns = ("id", "prefix", "hashed_key", "name", "created", "expiry_date", "revoked")
    thing = "key"

    def model(self) -> Any:
        """APIKey."""
        return apps.get_app_config("rest_framework_api_key").get_model("APIKey")

    def shape(self) -> Shape:
        """Shown as our own keys are."""
        return _Dotted(*API_KEY)

    def held(self, row: tuple[Any, ...]) -> Held:
        """A key by the package's hash of it; a slow one is known by its prefix until the key is shown."""
        key, prefix, hashed, name, created, expires, revoked = row
        fast = hashed.startswith(_FAST)
        value = f"drf-api-key:{hashed[len(_FAST) :]}" if fast else _waiting(prefix)
        return Held(key, value, None, prefix, name, created, expires, not revoked, not fast)

    @staticmethod
    def waiting(held: Held) -> str:
        """What our digest of a key is made of until it is shown."""
        return _waiting(held.visible)

    def value_of(self, shown: str) -> str:
        """The package's digest."""
        return f"drf-api-key:{sha512(shown.encode()).hexdigest()}"

    def shown(self, value: str) -> Held | None:
        """Its row, if it is live, and if its hash is a slow one or that of `value`."""
        rows = self.theirs().filter(prefix=value.partition(".")[0])
        wanted = self.value_of(value)
        for held in self.read(rows):
            if not held.over and (held.slow or hmac.compare_digest(held.value, wanted)):
                return held
        return None

    @sensitive_variables()
    def matches(self, value: str, held: Held) -> bool:
        """Whether a key has a slow hash: dear, so limit who may ask."""
        hashed = self.theirs().filter(pk=held.key).values_list("hashed_key", flat=True).first()
        return hashed is not None and check_password(value, hashed)

    def near(self, rows: list[Any]) -> Any:
        """Those of the same prefixes, which are unique."""
        return self.theirs().filter(prefix__in={row.visible for row in rows})

    def _among(self, row: Any, some: list[Held]) -> Held | None:
        # By the prefix: a slow hash says nothing of the digest that we have once the key was shown.
        return next((held for held in some if held.visible == row.visible), None)

    def known(self, held: Iterable[Held]) -> dict[Any, tuple[Any, bool]]:
        """By their prefixes, for the same reason."""
        by_prefix = {one.visible: one.key for one in held}
        rows = self.ours().filter(visible__in=list(by_prefix)).values_list("visible", "pk", "ended_at")
        return {by_prefix[visible]: (pk, ended is None) for visible, pk, ended in rows}

    def end_there(self, rows: Any) -> None:
        """Revoke them: so the package has it."""
        rows.update(revoked=True)

    def bound_there(self, rows: Any, until: datetime.datetime) -> None:
        """Have them run out; none later than it would."""
        rows.filter(Q(expiry_date=None) | Q(expiry_date__gt=until)).update(expiry_date=until)

    def ready(self, held: list[Held]) -> list[Held]:
        """Those that are not slow, or were shown since."""
        slow = [one for one in held if one.slow]
        waiting = {key.digest(one.value): one.key for one in slow for key in digest_keys()}
        rows = self.ours().filter(digest__in=list(waiting)).values_list("digest", flat=True)
        left = {waiting[digest] for digest in rows}
        return [one for one in held if one.key not in left]


def _waiting(prefix: str) -> str:
    return f"drf-api-key:waiting:{prefix}"  # of no value that can be shown


def own_header() -> str:
    """The header of the project's own that holds the keys, as META spells it; "" for none."""
    return str(getattr(settings, "API_KEY_CUSTOM_HEADER", None) or "")


DRF_API_KEY = DrfApiKey()
