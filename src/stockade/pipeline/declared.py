"""What a view declares, compiled once: for each method its rule, its limits, and whether its rule speaks of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.conf import names
from stockade.core.address import network, spelled
from stockade.core.errors import Banned, ConfigurationError
from stockade.core.mode import ENFORCE, Mode, parse as parse_mode
from stockade.gate.lists import Entry, Lists
from stockade.gate.protocol import Limit
from stockade.pipeline.leaf import METHODS, OTHER, Leaf
from stockade.pipeline.limits import cost_of, keyed, own_limits
from stockade.pipeline.views import authenticators_of, is_detail, keys_of, known_actions, methods_of, name_of
from stockade.policy import Policy, PolicyTable, Public

MARK = "stockade_declared"  # the attribute that `protect` leaves on a plain view


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


def _describes(cls: Any, action: str) -> bool:
    """Whether a view's OPTIONS is Django's or DRF's own, which does nothing but tell what the view takes."""
    module = str(getattr(getattr(cls, "options", None), "__module__", ""))
    return action in ("", "metadata") and module.partition(".")[0] in ("django", "rest_framework")


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
        else dict.fromkeys(methods_of(cls), "")
    )
    if actions is not None:
        by_method.setdefault("OPTIONS", "metadata")  # what DRF calls it
    _refuse_where_unseen(name, cls, by_method)
    declared, visible = own("policy"), own("visible")
    legacy = legacy and declared is None and visible is None  # who says what may be seen wants it asked
    mode = _mode(own("mode"), name, mode)
    known = known_actions(cls, actions) if actions is not None else ()
    _refuse_two_policies(name, initkwargs, getattr(cls, "policy", None), actions or {})
    table = (
        PolicyTable(
            declared,
            view=name,
            actions=known,
            methods=METHODS,
            visible=visible,
            describes=_describes(cls, by_method.get("OPTIONS", "")),
        )
        if declared is not None
        else None
    )
    guarded = bool(marked) or bool(getattr(cls, "stockade_guards_objects", False))
    counted = {*METHODS, *known} - {"HEAD"}  # counted as GET is
    scope = own("throttle_scope")
    if legacy or (not mode.limits and scope not in scopes):
        scope = None  # it is DRF's own throttle's
    extra = own_limits(keyed(own("limits"), name, "limits", counted), scope, scopes, name)
    costs = keyed(own("cost"), name, "cost", counted)

    probe = own("probe") is True
    own_authenticators = authenticators_of(cls, initkwargs)
    ignoring = probe or bool(getattr(cls, "ignores_credentials", False))
    looks_at_nobody = own_authenticators == frozenset()  # as the logins of simplejwt, knox and others do
    answered = {*by_method, "OPTIONS"} | ({"HEAD"} if "GET" in by_method else set())
    if cls is None and isinstance(declared, Mapping) and "*" not in (keys := keys_of(declared)):
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
            cost=cost_of(costs, key_method, action),
            guarded=guarded,
            detail=is_detail(cls, initkwargs),
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


def _refuse_where_unseen(name: str, cls: Any, by_method: Mapping[str, str]) -> None:
    """`@protect` on a method, or below `@api_view`: the view that URLs call does not have it, and nobody would ask."""
    for method, action in by_method.items():
        handler = getattr(cls, action or method.lower(), None)
        if hasattr(handler, MARK):
            where = f"on its method {action or method.lower()}"
            remedy = "Write `policy = {...}` in the class; its keys name actions and methods."
        elif any(hasattr(inner, MARK) for inner in _below_api_view(handler)):
            where, remedy = "below @api_view", "Write it above @api_view."
        else:
            continue
        raise ConfigurationError(
            "stockade.E010", f"{name} has @protect {where}, where it counts for nothing.", remedy
        )


def _below_api_view(handler: Any) -> list[Any]:
    """The function that `@api_view` has made a class of."""
    if getattr(handler, "__globals__", {}).get("__name__") != "rest_framework.decorators":
        return []
    return [cell.cell_contents for cell in handler.__closure__ or ()]


def _refuse_two_policies(
    name: str, initkwargs: Mapping[str, Any], table: Any, actions: Mapping[str, str]
) -> None:
    """`@action(policy=...)` is of its whole route: an entry for one of the route's actions would count for nothing."""
    if initkwargs.get("policy") is None or not isinstance(table, Mapping):
        return
    if twice := sorted(keys_of(table).intersection(actions.values())):
        raise ConfigurationError(
            "stockade.E214",
            f"{name} declares two policies for {', '.join(twice)}: by @action(policy=...) and in its own table.",
            "Keep the one in the table: it can name each method's action.",
        )
