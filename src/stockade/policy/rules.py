"""The rules about the caller: everyone, nobody, roles, staff, scopes, Django's permissions."""

from __future__ import annotations

from django.db.models import Model

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Kind, Principal
from stockade.database import write_database
from stockade.policy.base import Policy
from stockade.policy.callers import user_row
from stockade.policy.logic import FALSE, TRUE, Bits


def names_of(rule: str, given: tuple[object, ...], example: str) -> tuple[str, ...]:
    """The names that a rule was given.

    Raises:
        ConfigurationError: there is none, or one is no string.
    """
    if not given or not all(isinstance(name, str) and name.strip() == name and name for name in given):
        raise ConfigurationError(
            "stockade.E040", f"{rule}{given!r} does not name what it asks for.", f"Write {example}."
        )
    return tuple(str(name) for name in given)


class _Named(Policy):
    """A rule that is its class and its names."""

    __slots__ = ("names",)

    names: tuple[str, ...]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.names))})"


class Everyone(Policy):
    """Admits everyone. Written `Public()`."""

    __slots__ = ()

    def __init__(self) -> None:
        self._about_caller(lambda principal: True)

    def _conceivable(self) -> Bits:
        return TRUE

    def __repr__(self) -> str:
        return "Public()"

    def describe(self) -> str:
        """A phrase."""
        return "everyone"


class Nobody(Policy):
    """Refuses everyone."""

    __slots__ = ()

    def __init__(self) -> None:
        self._about_caller(lambda principal: False)

    def _conceivable(self) -> Bits:
        return FALSE

    def __repr__(self) -> str:
        return "Nobody()"

    def describe(self) -> str:
        """A phrase."""
        return "nobody"


class Authenticated(Policy):
    """Whoever proved who they are: a user or a service."""

    __slots__ = ()

    def __init__(self) -> None:
        anonymous = Kind.ANONYMOUS
        self._about_caller(lambda principal: principal.kind is not anonymous)

    def _conceivable(self) -> Bits:
        return TRUE

    def __repr__(self) -> str:
        return "Authenticated()"

    def describe(self) -> str:
        """A phrase."""
        return "an authenticated caller"


class Person(Policy):
    """A user: a row of the user model. No service: no client of OAuth's client credentials, no machine's key.

    It is what DRF's IsAuthenticated asks where authenticators give services no user.
    """

    __slots__ = ()

    def __init__(self) -> None:
        user = Kind.USER
        self._about_caller(lambda principal: principal.kind is user)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def __repr__(self) -> str:
        return "Person()"

    def describe(self) -> str:
        """A phrase."""
        return "a user"


class Scheme(_Named):
    """The caller proved who it is by one of these schemes, named as in events: ``jwt``, ``session``, ``token``.

    A foreign authenticator's name is its class's, such as ``SessionAuthentication``. Whoever showed no credential used
    none.
    """

    __slots__ = ()

    def __init__(self, *names: str) -> None:
        self.names = names_of("Scheme", names, 'Scheme("jwt")')
        wanted = frozenset(self.names)
        self._about_caller(
            lambda principal: principal.credential is not None and principal.credential.scheme in wanted
        )

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def describe(self) -> str:
        """A phrase."""
        return "a caller by " + " or ".join(self.names)


def scheme_names(rule: Policy) -> tuple[str, ...]:
    """The names that a rule asks for, if it is a `Scheme`."""
    return rule.names if isinstance(rule, Scheme) else ()


class Role(_Named):
    """The caller is in one of these groups. A superuser is in no group but its own."""

    __slots__ = ()

    def __init__(self, *names: str) -> None:
        self.names = names_of("Role", names, 'Role("Editors")')
        wanted = frozenset(self.names)
        if len(wanted) == 1:
            (one,) = wanted
            self._about_caller(lambda principal: one in principal.roles)
        else:
            self._about_caller(lambda principal: not wanted.isdisjoint(principal.roles))

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def describe(self) -> str:
        """A phrase."""
        return "a member of " + " or ".join(self.names)


class Staff(Policy):
    """The caller's user has `is_staff`, as DRF's IsAdminUser asks. A superuser has it if the row says so; no service.

    It is read when it is asked, not remembered: whoever is staff no longer is refused by the next request. That costs
    one query where the user was not read in this request yet.
    """

    __slots__ = ()

    def __init__(self) -> None:
        def test(principal: Principal) -> bool:
            user = user_row(principal)
            if user is None:
                return False
            with write_database():  # a replica may not know that it was taken away
                return getattr(user, "is_staff", False) is True

        self._about_caller(test, may_query=True)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def __repr__(self) -> str:
        return "Staff()"

    def describe(self) -> str:
        """A phrase."""
        return "a member of the staff"


class Scope(_Named):
    """A bound on credentials: one that carries scopes must carry all of these.

    Holds where there are no scopes to bound by: a session is the whole user, and an anonymous caller shows no
    credential at all. It grants nothing by itself: write ``Role(...) & Scope(...)``.
    """

    __slots__ = ()

    def __init__(self, *names: str) -> None:
        self.names = names_of("Scope", names, 'Scope("articles:read")')
        wanted = frozenset(self.names)
        if len(wanted) == 1:
            (one,) = wanted
            self._about_caller(lambda principal: principal.scopes is None or one in principal.scopes)
        else:
            self._about_caller(lambda principal: principal.scopes is None or wanted <= principal.scopes)

    def _scopes(self) -> frozenset[str]:
        return frozenset(self.names)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def describe(self) -> str:
        """A phrase."""
        return "a credential with " + " and ".join(self.names) + " if it has scopes"


class Permission(_Named):
    """The caller's user has all of these Django model permissions, by `user.has_perm`.

    Django's backend reads a user's permissions by two queries and keeps them on the user instance: free while the
    same instance is asked again. A service has none; a superuser has all.
    """

    __slots__ = ()

    def __init__(self, *names: str) -> None:
        self.names = names_of("Permission", names, 'Permission("app.change_article")')
        for name in self.names:
            permission_name("Permission", name)
        wanted = self.names

        def test(principal: Principal) -> bool:
            if principal.kind is not Kind.USER:
                return False
            if principal.superuser:
                return True
            has_perm = getattr(principal.user, "has_perm", None)
            if has_perm is None:
                return False
            with write_database():  # a replica may not know of a permission that was taken away
                return all(has_perm(name) is True for name in wanted)

        self._about_caller(test, may_query=True)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def describe(self) -> str:
        """A phrase."""
        return "a user with permission " + " and ".join(self.names)


def permission_name(rule: str, name: str) -> tuple[str, str]:
    """The app label and codename of ``app.codename``.

    Raises:
        ConfigurationError: it has another shape.
    """
    label, dot, codename = name.partition(".")
    if not (label and dot and codename) or "." in codename:
        raise ConfigurationError(
            "stockade.E040", f"{rule}({name!r}) names no permission.", f'Write {rule}("app.change_article").'
        )
    return label, codename


def require_model(rule: object, obj: object) -> None:
    """Raise ConfigurationError unless `obj` is a model instance."""
    if not isinstance(obj, Model):
        raise ConfigurationError(
            "stockade.E050",
            f"{rule!r} was asked about {type(obj).__name__}, which is no model.",
            "Pass a model instance.",
        )
