"""A token for a password, as DRF's obtain_auth_token gives one: by way of the one login that there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.views.decorators.debug import sensitive_variables

from stockade.conf import load
from stockade.core import tenant
from stockade.core.credential import Credential
from stockade.database import durably
from stockade.events import Event, emit
from stockade.schemes import client, devices, login
from stockade.schemes.opaque.conf import TokenSettings
from stockade.schemes.opaque.making import Made, Origin, make
from stockade.schemes.opaque.owned import make_room
from stockade.schemes.opaque.rows import database
from stockade.schemes.opaque.shapes import TOKEN

if TYPE_CHECKING:
    from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that succeeded.

    Args:
        name: as typed; for `devices.set_cookie`.
    """

    made: Made
    name: str


@sensitive_variables()
def obtain(name: object, password: object, request: HttpRequest | None = None) -> LoggedIn:
    """Verify a password and make a token: a new one each time, for of the old ones only digests are kept.

    A user has at most ``TOKEN["LOGINS"]`` of them: one more ends the one that was not used for longest.

    Raises: as `stockade.schemes.login.verify`.
    """
    user = login.verify(name, password, request)
    typed, subject = str(name).strip(), tenant.subject(user.pk)

    def give() -> Made:
        make_room(user.pk, load(TokenSettings).logins)
        made = make(user, "", TOKEN, request=request, origin=Origin.LOGIN)
        emit(
            Event.LOGIN_SUCCESS, account=typed, subject=subject, using=database(),
            credential=Credential(TOKEN.kind, str(made.id), subject),
        )  # fmt: skip
        devices.remember(typed, client.of(request).address)
        return made

    return LoggedIn(durably(give, database()), typed)
