"""Stepping up by the password: the user of a session at hand proves again who he is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.views.decorators.debug import sensitive_variables

from stockade.core import methods
from stockade.core.errors import InvalidCredential, LoginFailed
from stockade.schemes import accounts, login
from stockade.schemes.jwt import Pair, redemption
from stockade.schemes.jwt.lineage import Row, database

if TYPE_CHECKING:
    from django.http import HttpRequest

_HOW = methods.methods([methods.PASSWORD])


@sensitive_variables()
def by_password(
    token: object, password: object, request: HttpRequest | None = None, *, binding: str = ""
) -> Pair:
    """The next pair of a refresh token's session, as fresh as the password that was just verified.

    What the session has proven before, a second factor too, is not carried along: `amr` and `auth_time` tell of one
    event. Attempts are counted, locked out and logged as those of any login to the account.

    Args:
        token: the current refresh token of the session.
        password: of the session's user, and of nobody else.
        request: where from.
        binding: of the browser that keeps the token in a cookie.

    Raises:
        InvalidCredential: the token does not hold. LoginFailed: the password does not, or the account is inactive.
        BadRequest, TooMany, Banned, Unavailable: as `login.verify`.
    """

    def prove(row: Row) -> frozenset[str]:
        model = get_user_model()
        users = model._base_manager.using(database()).filter(pk=row.user_id)  # noqa: SLF001
        name = users.values_list(accounts.username_field(), flat=True).first()
        if name is None:
            raise InvalidCredential(reason="gone")
        user = login.verify(str(name), password, request)
        # A backend of the project's own may find somebody else by that name: he would be inside of this session.
        if user.pk != row.user_id:
            raise LoginFailed(reason="another_user")
        return _HOW

    return redemption.step_up(token, prove, binding)
