"""Which limits a request is charged for: named ones by who calls, the view's own, each over its key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal
from stockade.gate import headers
from stockade.gate.keys import join, limit_key
from stockade.gate.protocol import Charge, Limit
from stockade.gate.rates import parse as parse_rate
from stockade.pipeline.leaf import Leaf

_ANON_CACHE = 20_000


@lru_cache(maxsize=10_000)
def _short(view: str) -> str:
    """A view's dotted name in twelve characters: it stands in the key of each of its callers.

    With whole names the lmdb state took a microsecond more: its tree compares keys, and fewer of them fit a page.
    """
    return sha256(view.encode()).hexdigest()[:12]


@lru_cache(maxsize=1000)
def _own_rate(scheme: str, rate: str) -> Limit:
    """The limit that a credential brings along; it was judged when it was written."""
    return parse_rate(scheme, rate)


class Plan(NamedTuple):
    """What one caller is charged on one view, and what of its headers never changes.

    Args:
        leaf: which method of which view; None where no view was found.
        charges: for the gate.
        policy: the RateLimit-Policy header; "" where nothing is charged, or limits only report.
        form: the RateLimit header with a place for each number, see `gate.headers.form`.
    """

    leaf: Leaf | None
    charges: tuple[Charge, ...]
    policy: str
    form: str


class Plans:
    """Turns LIMITS into plans.

    Args:
        limits: the setting LIMITS; None as a value takes a default limit away.
        told: whether answers that no view gives tell of limits.

    Raises:
        ConfigurationError: a rate is malformed.
    """

    def __init__(self, limits: Mapping[str, Any], told: bool = True) -> None:
        self._told = told
        self.named: dict[str, Limit] = {}
        for name, rate in limits.items():
            if rate is None:
                continue
            try:
                self.named[name] = parse_rate(name, rate)
            except (ValueError, TypeError) as error:
                raise ConfigurationError("stockade.E200", f"LIMITS[{name!r}] is wrong.", str(error)) from None
        self._anon = self.named.get("anon")
        self._user = self.named.get("user")
        self._credential = self.named.get("credential")
        self._anonymous: dict[tuple[Leaf | None, str], Plan] = {}
        # One pair of texts for all who are charged the same limits: what thousands of callers share stays in the
        # processor's caches, what each has of his own does not.
        self._texts: dict[tuple[Limit, ...], tuple[str, str]] = {}

    def anonymous(self, leaf: Leaf | None, address: str) -> Plan:
        """The plan of a caller who proved nothing, by address (as `core.address.limit_key` gives it)."""
        found = self._anonymous.get((leaf, address))
        if found is None:
            limits = [self._anon] if self._anon and (leaf is None or leaf.limited) else []
            found = self._plan([(limit, address) for limit in limits], leaf, address)
            if len(self._anonymous) >= _ANON_CACHE:
                self._anonymous.clear()
            self._anonymous[leaf, address] = found
        return found

    def authenticated(self, leaf: Leaf, principal: Principal) -> Plan:
        """The plan of a known caller: user, credential, scheme, roles, then the view's own."""
        if not leaf.limited:
            return self._plan([], leaf, f"{principal.kind.value}:{principal.subject}")
        who = f"{principal.kind.value}:{principal.subject}"
        wanted: list[tuple[Limit, str]] = []
        if self._user:
            wanted.append((self._user, who))
        credential = principal.credential
        if credential is not None:
            if self._credential:
                wanted.append((self._credential, credential.session or credential.id))
            if credential.rate:  # of its own; of a key over all that have replaced one another
                wanted.append(
                    (
                        _own_rate(credential.scheme, credential.rate),
                        join(credential.scheme, credential.client or credential.id),
                    )
                )
            if scheme := self.named.get(f"scheme:{credential.scheme}"):
                wanted.append((scheme, who))
        roles = [self.named.get(f"role:{role}") for role in sorted(principal.roles)]
        wanted.extend((limit, who) for limit in roles if limit)
        return self._plan(wanted, leaf, who)

    def _plan(self, wanted: list[tuple[Limit, str]], leaf: Leaf | None, who: str) -> Plan:
        cost = leaf.cost if leaf else 1
        own = [(limit, f"{_short(leaf.view)}|{who}") for limit in leaf.limits] if leaf else []
        charges = tuple(
            Charge(limit, limit_key(limit, identity), cost) for limit, identity in [*wanted, *own]
        )
        if not (self._told if leaf is None else leaf.mode.limits):
            return Plan(leaf, charges, "", "")
        key = tuple(charge.limit for charge in charges)
        texts = self._texts.get(key)
        if texts is None:
            texts = self._texts[key] = (headers.policy(charges), headers.form(charges))
        return Plan(leaf, charges, *texts)


NOTHING = Plan(None, (), "", "")
