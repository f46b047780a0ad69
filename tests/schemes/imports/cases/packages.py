"""The packages: how each makes a credential, and ends one in its own way."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken
from rest_framework.authtoken.models import Token
from rest_framework_api_key.models import APIKey
from rest_framework_simplejwt.tokens import RefreshToken

from stockade.schemes.imports import move
from stockade.schemes.imports.api_keys import DRF_API_KEY
from stockade.schemes.imports.authtoken import AUTHTOKEN
from stockade.schemes.imports.knox import KNOX
from stockade.schemes.imports.source import Source
from stockade.schemes.simplejwt import move as simplejwt


class Package:
    """authtoken, and what the others do otherwise."""

    name = "authtoken"
    thing = "token"
    source: Source = AUTHTOKEN
    keyword = "Token"
    of_user = True
    table = "authtoken_token"
    secret = "key"  # the column that is erased
    model: Any = Token
    over = ""  # said in its counts
    first = "tokens"  # what its import goes through first
    at_once = True  # whether its import is open from the first moment
    exclusive: tuple[tuple[str, str], ...] = (
        ("--erase", "--undo"),
        ("--erase", "--dry-run"),
    )  # of its options

    def make(self, owner: User) -> str:
        """A credential, as old code makes one."""
        return str(Token.objects.create(user=owner).key)

    def row(self, credential: str) -> Any:
        """The package's row of it."""
        return Token.objects.get(key=credential)

    def run(self, **more: Any) -> Any:
        """Import."""
        return move.run(self.source, **more)

    def undo(self) -> Any:
        """Take the import back."""
        return move.undo(self.source)

    def status(self, credential: str, **more: Any) -> int:
        """How it is answered."""
        header = f"{self.keyword} {credential}"
        return int(Client().get("/me/", HTTP_AUTHORIZATION=header, **more).status_code)

    def there(self) -> int:
        """How many the package's table has that are good."""
        return int(self.model.objects.count())


class Knox(Package):
    """Digests, which run out."""

    name = "knox"
    source = KNOX
    table = "knox_authtoken"
    secret = "digest"
    model = AuthToken
    over = "0 over or revoked there, "

    def make(self, owner: User) -> str:
        """As knox's LoginView does."""
        return str(AuthToken.objects.create(owner)[1])

    def row(self, credential: str) -> Any:
        """By its digest."""
        return AuthToken.objects.get(pk=KNOX.value_of(credential).partition(":")[2])


class DrfApiKey(Package):
    """Hashes of keys that are nobody's."""

    name = "drf-api-key"
    thing = "key"
    first = "keys"
    source = DRF_API_KEY
    keyword = "Api-Key"
    of_user = False
    table = "rest_framework_api_key_apikey"
    secret = "hashed_key"
    model = APIKey
    over = "0 over or revoked there, "

    def make(self, owner: User) -> str:
        """As its admin does."""
        return str(APIKey.objects.create_key(name=f"of {owner.get_username()}")[1])

    def row(self, credential: str) -> Any:
        """By its prefix."""
        return APIKey.objects.get(prefix=credential.partition(".")[0])

    def there(self) -> int:
        """Those that are not revoked."""
        return int(APIKey.objects.get_usable_keys().count())


class SimpleJWT(Package):
    """Access tokens, which no table has: those of users who were there at the import are taken."""

    name = "simplejwt"
    keyword = "Bearer"
    first = "users"
    at_once = False
    exclusive = (("--unlisted", "--undo"),)

    def make(self, owner: User) -> str:
        """As its view for a password does."""
        return str(RefreshToken.for_user(owner).access_token)

    def run(self, **more: Any) -> Any:
        """Import."""
        return simplejwt.run(**more)

    def undo(self) -> Any:
        """Take the import back."""
        return simplejwt.undo()


PACKAGES = {
    one.name: one for one in (Package(), Knox(), DrfApiKey())
}  # whose credentials come into our own table
EVERY: dict[str, Package] = {**PACKAGES, "simplejwt": SimpleJWT()}
