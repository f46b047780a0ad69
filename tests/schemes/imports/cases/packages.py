"""The packages: how each makes a credential, and ends one in its own way."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken
from rest_framework.authtoken.models import Token
from rest_framework_api_key.models import APIKey

from stockade.schemes.imports.api_keys import DRF_API_KEY
from stockade.schemes.imports.authtoken import AUTHTOKEN
from stockade.schemes.imports.knox import KNOX
from stockade.schemes.imports.source import Source


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

    def make(self, owner: User) -> str:
        """A credential, as old code makes one."""
        return str(Token.objects.create(user=owner).key)

    def row(self, credential: str) -> Any:
        """The package's row of it."""
        return Token.objects.get(key=credential)

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


PACKAGES = {one.name: one for one in (Package(), Knox(), DrfApiKey())}
