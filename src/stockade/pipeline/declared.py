"""What a view declares, compiled once: for each method its rule, its limits, and whether its rule speaks of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stockade.conf import names
from stockade.core.address import network, spelled
from stockade.core.errors import Banned, ConfigurationError
from stockade.core.mode import ENFORCE, Mode, parse as parse_mode
from stockade.gate.lists import Entry, Lists
from stockade.gate.protocol import Limit
from stockade.gate.rates import parse as parse_rate
from stockade.policy import Policy, PolicyTable, Public, Visibility

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
OTHER = ""  # in place of a method that the view does not seem to answer
MARK = "stockade_declared"  # the attribute that `protect` leaves on a plain view


class Leaf:
    """One method of one view.

    Args:
        method: the HTTP method, or OTHER.
        action: the viewset's action, or "".
        rule: who may; None = undeclared, refused.
        visible: what the caller may see at all; None where the rule itself says it.
        limits: the view's own limits and its throttle scope's, in the order of their headers.
        cost: how many places one request takes of every limit.
        guarded: whether the view can ask about objects (PolicyMixin, or a plain view made by `protect`).
        detail: whether the view is about one object, named by its URL. A class may say so by `detail`.
        view: the view's dotted name; keeps the counts of two views' limits of one name apart.
        limited: whether LIMITS apply; not to probes and to views that count their own failures.
        ignores_credentials: the body is the credential, and a client that sends its expired access token along must
            still be able to renew it: the header is not read. So it is where anyone may and the view lists no
            authenticators.
        probe: asked by load balancers: bans and address lists do not apply.
        cls: the view's class; None of a function.
        mode: what is refused here, and what only recorded.
        legacy: whether, without a policy, the view's own permission_classes judge.
        authenticators: the view's own authentication_classes, where it does not take the project's.

    Attributes:
        forces: whether DRF is told who calls whatever its view's authenticators say; not where a plain view, which we
            do not judge, may call one of DRF's.
        own_callers: whether it finds out by itself who calls, so that no credential which it does not read closes it.
        open: whether what we do not know of the caller is left to the view's own classes.
        sight: rule and visibility together; None if undeclared.
        mediated: whether an answer may leave only after the policy was asked (complete mediation).
        names_object: whether it must have been asked about an object. Where one is only read, what is visible may be
            found by a filter, unless there is more to ask than whether it is visible.
    """

    __slots__ = (
        "action", "authenticators", "cls", "cost", "detail", "forces", "guarded", "ignores_credentials", "legacy",
        "limited", "limits", "mediated", "method", "mode", "names_object", "open", "own_callers", "probe", "rule",
        "safe", "sight", "view", "visible",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        action: str,
        rule: Policy | None,
        visible: Policy | None,
        *,
        limits: tuple[Limit, ...],
        cost: int,
        guarded: bool,
        detail: bool,
        view: str,
        limited: bool,
        ignores_credentials: bool,
        probe: bool,
        cls: type[Any] | None,
        mode: Mode = ENFORCE,
        legacy: bool = False,
        authenticators: frozenset[Any] | None = None,
    ) -> None:
        self.method, self.action, self.view = method, action, view
        self.rule, self.visible = rule, visible
        self.sight = Visibility(visible, rule) if rule is not None else None
        self.limits, self.cost = limits, cost
        self.safe = method in SAFE
        self.guarded, self.detail = guarded, detail
        self.limited = limited
        self.ignores_credentials = ignores_credentials
        self.probe = probe
        self.cls = cls
        self.mode, self.legacy = mode, legacy
        self.open = legacy or not mode.policies
        self.authenticators = authenticators if self.open else None
        plain = not hasattr(cls, "authentication_classes")
        # Asks nobody's authenticators but its own, or as a plain Django view none.
        self.own_callers = legacy and (plain or authenticators is not None)
        self.forces = not (plain and self.open)
        self.names_object = not self.safe or (detail and visible is not None and visible is not rule)
        sees = visible is not None and visible.about_objects
        # What makes something new is asked about what it made, and only if its rule speaks of objects.
        speaks = rule is not None and (rule.about_objects or (sees and (self.safe or detail)))
        # A class answers OPTIONS by a method of its own, which describes it; a function by what it always does.
        self.mediated = speaks and (method != "OPTIONS" or cls is None)


class Declared:
    """Everything that one view callable declares.

    probe, mode: as of its leaves.
    allowed: the addresses that it is open to; None for all.
    other: of methods that have no leaf, where the view itself says what it makes of them; None where we refuse them.
    """

    __slots__ = ("allowed", "leaves", "mode", "name", "other", "probe", "unguarded")

    def __init__(
        self,
        name: str,
        leaves: dict[str, Leaf],
        probe: bool,
        allowed: Lists | None,
        mode: Mode,
        other: Leaf | None = None,
    ) -> None:
        self.name, self.probe, self.allowed, self.mode = name, probe, allowed, mode
        self.leaves, self.other = leaves, other
        # An object rule on a view that cannot ask about objects: refused rather than half enforced.
        self.unguarded = any(leaf.mediated and not leaf.guarded for leaf in leaves.values())

    def leaf(self, method: str) -> Leaf | None:
        """The leaf of a method; None where it is refused."""
        return self.leaves.get(method, self.other)

    def turn_away(self, address: str) -> None:
        """Refuse an address that the view is not open to.

        Raises:
            Banned: so it is.
        """
        if self.allowed is not None and self.allowed.of_address(address, 0) is not None:
            raise Banned("view", "address")


def read(view: Any, scopes: Mapping[str, Limit], mode: Mode = ENFORCE, legacy: bool = False) -> Declared:
    """Compile what `view` (the callback that the URL resolver found) declares.

    Args:
        view: a function, a class-based view's or DRF view's callback, or one marked by `stockade.web.protect`.
        scopes: the named limits of LIMITS, for `throttle_scope`.
        mode: of the project; the view's own `mode` goes before.
        legacy: whether a view that declares no policy is judged by its own permission_classes.

    Raises:
        ConfigurationError: an unknown action, method or scope, a malformed rate or mode.
    """
    marked: Mapping[str, Any] = getattr(view, MARK, {})
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    initkwargs: Mapping[str, Any] = (
        getattr(view, "initkwargs", None) or getattr(view, "view_initkwargs", None) or {}
    )

    def own(name: str) -> Any:
        for source in (marked, initkwargs):
            if source.get(name) is not None:
                return source[name]
        return getattr(cls, name, None)

    name = name_of(cls or view)
    actions: Mapping[str, str] | None = getattr(view, "actions", None)
    by_method = (
        {method.upper(): action for method, action in actions.items()}
        if actions
        else dict.fromkeys(_methods(cls), "")
    )
    if actions is not None:
        by_method.setdefault("OPTIONS", "metadata")  # what DRF calls it
    declared, visible = own("policy"), own("visible")
    legacy = legacy and declared is None and visible is None  # who says what may be seen wants it asked
    mode = _mode(own("mode"), name, mode)
    known = _known_actions(cls, actions) if actions is not None else ()
    _refuse_two_policies(name, initkwargs, getattr(cls, "policy", None), actions or {})
    table = (
        PolicyTable(declared, view=name, actions=known, methods=METHODS, visible=visible)
        if declared is not None
        else None
    )
    guarded = bool(marked) or bool(getattr(cls, "stockade_guards_objects", False))
    counted = {*METHODS, *known} - {"HEAD"}  # counted as GET is
    scope = own("throttle_scope")
    if legacy or (not mode.limits and scope not in scopes):
        scope = None  # it is DRF's own throttle's
    extra = _limits(_keys(own("limits"), name, "limits", counted), scope, scopes, name)
    costs = _keys(own("cost"), name, "cost", counted)

    probe = own("probe") is True
    own_authenticators = _own_authenticators(cls, initkwargs)
    ignoring = probe or bool(getattr(cls, "ignores_credentials", False))
    looks_at_nobody = own_authenticators == frozenset()  # as the logins of simplejwt, knox and others do
    answered = {*by_method, "OPTIONS"} | ({"HEAD"} if "GET" in by_method else set())
    if cls is None and isinstance(declared, Mapping) and "*" not in (keys := _names(declared)):
        # One function for all methods: what it does for "everything but GET" must not be had by HEAD or OPTIONS.
        answered &= keys

    def leaf(method: str) -> Leaf:
        action = by_method.get("GET" if method == "HEAD" and "HEAD" not in by_method else method, "")
        key_method = "GET" if method == "HEAD" else method
        rule = table.lookup(method, action or None) if table is not None and method != OTHER else None
        return Leaf(
            method,
            action,
            rule,
            table.visible if table is not None else None,
            limits=tuple(extra(key_method, action)),
            cost=_cost(costs, key_method, action),
            guarded=guarded,
            detail=_is_detail(cls, initkwargs),
            view=name,
            limited=own("limited") is not False and not probe,
            ignores_credentials=ignoring or (looks_at_nobody and _for_anyone(rule)),
            probe=probe,
            cls=cls,
            mode=mode,
            legacy=legacy,
            authenticators=own_authenticators,
        )

    leaves = {method: leaf(method) for method in METHODS if method in answered}
    other = leaf(OTHER) if legacy or not mode.policies else None
    return Declared(name, leaves, probe, _allowed(own("allowed_addresses"), name), mode, other)


def _for_anyone(rule: Policy | None) -> bool:
    """Whether a rule asks nothing of the caller, so that it does not matter who that is."""
    return isinstance(rule, Public) and not rule.about_objects


# Of a view that picks its authenticators for each request: no scheme is listed there, because nobody else knows.
_ITS_OWN: frozenset[Any] = frozenset({"get_authenticators"})


def _own_authenticators(cls: Any, initkwargs: Mapping[str, Any]) -> frozenset[Any] | None:
    """A DRF view's authentication_classes, if they are other than the default that its base has frozen."""
    name = "authentication_classes"
    bases = [base for base in getattr(cls, "__mro__", ()) if name in vars(base)]
    if not bases:
        return None
    if getattr(cls, "get_authenticators", None) is not vars(bases[-1]).get("get_authenticators"):
        return _ITS_OWN
    listed = initkwargs.get(name, getattr(cls, name))
    return None if listed is vars(bases[-1])[name] else frozenset(listed)


def _mode(declared: Any, name: str, general: Mode) -> Mode:
    """The view's own mode, where it has one.

    Raises:
        ConfigurationError: it is none.
    """
    if declared is None:
        return general
    try:
        return parse_mode(declared, general)
    except ValueError as error:
        raise ConfigurationError("stockade.E216", f"{name}: mode is wrong.", str(error)) from None


def _allowed(declared: Any, name: str) -> Lists | None:
    """The networks of `allowed_addresses`, compiled.

    Raises:
        ConfigurationError: they are none.
    """
    if declared is None:
        return None
    try:
        listed = [spelled(network(one)) for one in names(declared)]
        if not listed:
            raise ValueError("Write at least one: a view that is open to no address is open to nobody.")
    except ValueError as error:
        raise ConfigurationError(
            "stockade.E215", f"{name}: allowed_addresses is wrong.", str(error)
        ) from None
    return Lists([Entry("view", True, "address", one) for one in listed], only_allowed=True)


def name_of(of: Any) -> str:
    """The dotted name by which a view's limits are counted apart from another's."""
    name = str(getattr(of, "__qualname__", type(of).__name__))
    if isinstance(of, type) and of.__name__ != name.rpartition(".")[2]:
        name = of.__name__  # DRF's @api_view names its classes after the function, but by __name__ alone
    return f"{getattr(of, '__module__', '?')}.{name}"


def _refuse_two_policies(
    name: str, initkwargs: Mapping[str, Any], table: Any, actions: Mapping[str, str]
) -> None:
    """`@action(policy=...)` is of its whole route: an entry for one of the route's actions would count for nothing."""
    if initkwargs.get("policy") is None or not isinstance(table, Mapping):
        return
    if twice := sorted(_names(table).intersection(actions.values())):
        raise ConfigurationError(
            "stockade.E214",
            f"{name} declares two policies for {', '.join(twice)}: by @action(policy=...) and in its own table.",
            "Keep the one in the table: it can name each method's action.",
        )


def _is_detail(cls: Any, initkwargs: Mapping[str, Any]) -> bool:
    """DRF's routers say `detail`; a generic view for one object has a `get_object` and no `list`."""
    detail = initkwargs.get("detail", getattr(cls, "detail", None))
    if detail is not None:
        return bool(detail)
    return hasattr(cls, "get_object") and not hasattr(cls, "list")


def _methods(cls: Any) -> Iterable[str]:
    """The methods that a class-based view answers; all for a function."""
    if cls is None:
        return METHODS
    return [method for method in METHODS if hasattr(cls, method.lower())]


def _known_actions(cls: Any, actions: Mapping[str, str]) -> tuple[str, ...]:
    """A viewset's actions: the standard ones, those of this route, its own @action methods and what they map to."""
    standard = ("list", "create", "retrieve", "update", "partial_update", "destroy", "metadata")
    get_extra: Callable[[], Iterable[Any]] = getattr(cls, "get_extra_actions", tuple)
    extra = [name for action in get_extra() for name in (action.__name__, *action.mapping.values())]
    # A route of `as_view({"get": "own_method"})` elsewhere names methods that nothing marks as actions.
    declared = [getattr(cls, name, None) for name in ("policy", "limits", "cost")]
    named = [key for table in declared if isinstance(table, Mapping) for key in _names(table)]
    elsewhere = [
        key
        for key in named
        if key.isidentifier() and callable(getattr(cls, key, None)) and key not in cls.http_method_names
    ]
    return tuple(dict.fromkeys([*standard, *actions.values(), *extra, *elsewhere]))


def _names(table: Mapping[Any, Any]) -> set[str]:
    """The keys of a table, which may stand several in one: ``"list, retrieve"``."""
    return {key.strip() for keys in table for key in str(keys).split(",")}


def _keys(declared: Any, name: str, what: str, known: set[str]) -> Any:
    """`declared` as it is.

    Raises:
        ConfigurationError: a key of it is no action or method of the view, and would limit nothing.
    """
    if isinstance(declared, Mapping):
        for key in _names(declared):
            if key != "*" and key not in known:
                raise ConfigurationError(
                    "stockade.E213",
                    f"{name}: {what} has the key {key!r}.",
                    f"It has: {', '.join(sorted(known))}, '*'.",
                )
    return declared


def _limits(
    declared: Any, scope: Any, scopes: Mapping[str, Limit], name: str
) -> Callable[[str, str], list[Limit]]:
    """The view's own limits by (method, action): a rate, a list of rates, or a dict from actions and methods."""
    shared: list[Limit] = []
    if scope:
        if scope not in scopes:
            raise ConfigurationError(
                "stockade.E210",
                f"{name} has throttle_scope {scope!r}, which LIMITS does not name.",
                f'Add LIMITS["{scope}"] = "100/hour", or use one of {", ".join(sorted(scopes)) or "none yet"}.',
            )
        shared.append(scopes[scope])
    table: dict[str, list[Limit]] = {}
    by_key: Mapping[str, Any] = (
        declared if isinstance(declared, Mapping) else {"*": declared} if declared else {}
    )
    for keys, rates in by_key.items():
        for key in (part.strip() for part in keys.split(",")):
            for rate in [rates] if isinstance(rates, str) else rates:
                number = len(table.get(key, ())) + 1
                suffix = ("" if key == "*" else f".{key}") + ("" if number == 1 else f".{number}")
                try:
                    limit = parse_rate(f"{name.rpartition('.')[2]}{suffix}", rate)
                except ValueError as error:
                    raise ConfigurationError(
                        "stockade.E211", f"{name} has a wrong limit.", str(error)
                    ) from None
                table.setdefault(key, []).append(limit)

    def find(method: str, action: str) -> list[Limit]:
        own = table.get(action) or table.get(method) or table.get("*", [])
        return [*shared, *own]

    return find


def _cost(declared: Any, method: str, action: str) -> int:
    """How many places one request takes: `cost = 5`, or a dict from actions and methods."""
    if isinstance(declared, Mapping):
        declared = declared.get(action, declared.get(method, declared.get("*")))
    if declared is None:
        return 1
    if isinstance(declared, bool) or not isinstance(declared, int) or declared < 1:
        raise ConfigurationError(
            "stockade.E212", f"A cost of {declared!r} is no whole number from 1.", "Write cost = 5."
        )
    return declared
