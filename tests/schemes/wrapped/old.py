"""Hashes as they lie in old tables: of one password, by every hasher that Django has had."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

PASSWORD = "lètmein"
HASHES = {
    "md5": "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
    "unsalted md5": "88a434c88cca4e900f7874cd98123f43",
    "md5 of Django 1.4": "md5$$88a434c88cca4e900f7874cd98123f43",
    "sha1": "sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8",
    "unsalted sha1": "sha1$$6d138ca3ae545631b3abd71a4f076ce759c5700b",
    "pbkdf2 sha256": "pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=",
    "pbkdf2 sha1": "pbkdf2_sha1$10000$seasalt$oAfF6vgs95ncksAhGXOWf4Okq7o=",
    "bcrypt sha256": "bcrypt_sha256$$2b$04$CCCCCCCCCCCCCCCCCCCCC.3TTwpC5Bwj7ds9p/UadWA7yfctaiUsS",
    "bcrypt": "bcrypt$$2b$04$CCCCCCCCCCCCCCCCCCCCC.gkH6UnjS0HnlIFKPrxOxecnCGXTwVua",
    "scrypt": (
        "scrypt$16384$seasalt$8$5$ECMIUp+LMxMSK8xB/IVyba+KYGTI7FTnet025q/1f/vBAVnnP3hdYqJuRi+mJn6ji6ze3Fbb7JEFPKGpuEf5vw=="
    ),
}
SETTING = ["stockade.schemes.passwords.Argon2", "stockade.schemes.passwords.Wrapped"]


def user(name: str, encoded: str, **fields: Any) -> Any:
    """A user whose row has this hash."""
    return User.objects.create(username=name, password=encoded, **fields)


def stored(name: str) -> str:
    """What the row of that user has now."""
    return str(User.objects.values_list("password", flat=True).get(username=name))
