"""Tokens of rest_framework.authtoken, whose table holds them as they are."""

from __future__ import annotations

import re
from typing import Any

from django.apps import apps

from stockade.models import OpaqueToken
from stockade.schemes.imports.source import Held, Source
from stockade.schemes.opaque.life import GONE_THERE
from stockade.schemes.opaque.shapes import TOKEN, Shape

# What `Token.generate_key` makes, and nothing else: shorter ones could be guessed, and any text would look like one.
_KEY = re.compile(r"[0-9a-f]{40}", re.ASCII)


class _Hex(Shape):
    """40 hex digits."""

    __slots__ = ()

    def looks_mine(self, value: str) -> bool:
        """Whether `value` is such as the package makes."""
        return _KEY.fullmatch(value) is not None

    is_whole = looks_mine


class Authtoken(Source):
    """The package's table `authtoken_token`."""

    name = "authtoken"
    app = "rest_framework.authtoken"
    origin = OpaqueToken.Origin.AUTHTOKEN.value
    reason = f"authtoken{GONE_THERE}"
    columns = ("key", "user_id", "created")
    changes = False

    def model(self) -> Any:
        """Token."""
        return apps.get_app_config("authtoken").get_model("Token")

    def shape(self) -> Shape:
        """40 hex digits."""
        return _Hex(*TOKEN)

    def held(self, row: tuple[Any, ...]) -> Held:
        """A token as it is; what is of another shape is not taken."""
        key, user, created = row
        value = key if isinstance(key, str) and _KEY.fullmatch(key) else ""
        return Held(key, value, user, value[:8], self.name, created)

    def value_of(self, shown: str) -> str:
        """The token."""
        return shown

    def shown(self, value: str) -> Held | None:
        """Its row."""
        return next(iter(self.read(self.theirs().filter(key=value))), None)

    def near(self, rows: list[Any]) -> Any:
        """Those of the same users."""
        return self.theirs().filter(user_id__in={row.user_id for row in rows})


AUTHTOKEN = Authtoken()
