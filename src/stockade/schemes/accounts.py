"""What a login's account name is to limits and devices: one key for all its spellings, and not readable."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils.crypto import salted_hmac

from stockade.core import tenant
from stockade.core.errors import BadRequest

MAX_NAME = 1024
_SALT = "stockade.account"


def normalise(name: str) -> str:
    """The one spelling of a name: compatibility forms, case, and space around it do not make another account.

    Guessing `ALICE`, `alice ` and the name in full-width letters is guessing one account three times. By way of
    capitals, as SQL compares them where a project looks names up by `iexact`: a dotless i has the capital of an i.
    """
    folded = unicodedata.normalize("NFKC", name).upper().casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def account_key(name: str) -> str:
    """The key under which limits count an account: a keyed digest, since people type passwords into this field."""
    return digests(tenant.subject(normalise(name)))[0][:32]


def digests(text: str, salt: str = _SALT) -> list[str]:
    """Keyed digests of `text`, with SECRET_KEY and then with each of its fallbacks; 64 hex digits."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [salted_hmac(salt, text, secret=key, algorithm="sha256").hexdigest() for key in keys]


def username_field() -> str:
    """The name of the field that logins are made with."""
    return str(get_user_model().USERNAME_FIELD)


def find(name: str) -> Any:
    """The user of that name, or None; as Django's ModelBackend finds it."""
    model = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except (model.DoesNotExist, model.MultipleObjectsReturned):
        return None


def check(name: object, password: object, longest: int) -> tuple[str, str]:
    """Both as text that a database and a hasher can take.

    Args:
        name: of the account; spaces around it are not part of it.
        password: as it is; spaces are part of it.
        longest: of a password, in characters.

    Raises:
        BadRequest: one of them is no text, empty, too long, or holds a NUL or half of a surrogate pair.
    """
    errors: dict[str, object] = {}
    spaces = isinstance(name, str) and not name.strip()
    for field, value, most in (
        (username_field(), "" if spaces else name, MAX_NAME),
        ("password", password, longest),
    ):
        problem = _problem(value, most)
        if problem:
            errors[field] = [problem]
    if not errors and not _can_be_a_name(str(name)):
        errors[username_field()] = ["Not a valid value."]
    if errors or not isinstance(name, str) or not isinstance(password, str):
        raise BadRequest("Some fields are invalid.", code="invalid", errors=errors)
    return name.strip(), password


def _can_be_a_name(name: str) -> bool:
    """Whether USERNAME_FIELD can hold it: where that is a number or a UUID, a lookup of anything else is an error."""
    field: Any = get_user_model()._meta.get_field(username_field())
    try:
        field.to_python(name.strip())
    except (ValidationError, ValueError, OverflowError):
        return False
    return True


def _problem(value: object, most: int) -> str:
    if not isinstance(value, str):
        return "This field is required." if value is None else "Not a valid string."
    if not value:
        return "This field may not be blank."
    if len(value) > most:
        return f"Ensure this field has no more than {most} characters."
    if "\0" in value:
        return "Null characters are not allowed."
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "Surrogate characters are not allowed."
    return ""
