"""Which rule holds for which action or method of a view, looked up once at start."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from stockade.core.errors import ConfigurationError
from stockade.policy.base import Policy, as_policy
from stockade.policy.composed import AnyOf, Conceivable

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
"""The methods that a key may name unless the caller gives others."""

# What decides who may see an object where a view does not say so itself.
SEEING: Final = ("retrieve", "list", "GET", "*")
EVERY = "*"


class PolicyTable:
    """The rules of one view.

    Args:
        declared: one rule for everything, or a dict: ``{"list, retrieve": rule, "POST": rule, "*": rule}``. An action
            goes before a method, and a method before "*".
        view: its name, for errors.
        actions: the actions that the view has.
        methods: the HTTP methods that it may be asked with.
        visible: the rule for what may be seen at all; by default that of retrieve, list, GET or "*".
        describes: whether OPTIONS only tells what the view takes. Then it is for those who may do anything here,
            whatever "*" says; else it is among the rest.

    Raises:
        ConfigurationError: an unknown or repeated key, or a value that is no rule.
    """

    __slots__ = ("_by_key", "_describes", "_found", "_known", "visible")

    def __init__(
        self,
        declared: object,
        *,
        view: str,
        actions: Collection[str] = (),
        methods: Collection[str] = METHODS,
        visible: object = None,
        describes: bool = True,
    ) -> None:
        methods = tuple(method.upper() for method in methods)
        self._known = frozenset({*actions, *methods})
        self._describes = describes and isinstance(declared, Mapping)
        self._by_key = dict(_read(declared, view, self._known)) if isinstance(declared, Mapping) else {}
        if not isinstance(declared, Mapping):
            self._by_key[EVERY] = _rule(declared, view, "policy")
        elif not self._by_key:
            raise ConfigurationError(
                "stockade.E043",
                f"{view}: its policy is an empty dict.",
                'Write {"*": Nobody()} to refuse everything.',
            )
        self._found: dict[tuple[str, str | None], Policy | None] = {
            (method, action): self._find(method, action) for method in methods for action in (None, *actions)
        }
        self.visible: Policy | None
        if visible is not None:
            self.visible = _rule(visible, view, "visible")
        else:
            self.visible = next((self._by_key[key] for key in SEEING if key in self._by_key), None)

    def lookup(self, method: str, action: str | None = None) -> Policy | None:
        """The rule for a request, or None: nothing was declared, so nobody may.

        Args:
            method: as in the request line.
            action: of a ViewSet; None where there are none.
        """
        try:
            return self._found[method, action]
        except KeyError:
            return self._find(method, action)

    def rules(self) -> Iterator[Policy]:
        """Every rule of the table, `visible` among them; for `validate` and documentation."""
        seen = dict.fromkeys(self._by_key.values())
        if self.visible is not None:
            seen.setdefault(self.visible)
        yield from seen

    def _find(self, method: str, action: str | None) -> Policy | None:
        if action is not None and action in self._by_key:
            return self._by_key[action]
        if method in self._by_key:
            return self._by_key[method]
        if method == "HEAD" and "GET" in self._by_key:
            return self._by_key["GET"]
        if EVERY in self._by_key and not (self._describes and method == "OPTIONS"):
            return self._by_key[EVERY]
        if method == "OPTIONS":
            # Who may do something here, may ask what. It describes the endpoint and names no object.
            rules = list(dict.fromkeys(self._by_key.values()))
            return Conceivable(rules[0] if len(rules) == 1 else AnyOf(*rules))
        return None

    def __repr__(self) -> str:
        return f"PolicyTable({self._by_key!r})"


def _read(
    declared: Mapping[object, object], view: str, known: frozenset[str]
) -> Iterator[tuple[str, Policy]]:
    seen: set[str] = set()
    for keys, value in declared.items():
        names = [name.strip() for name in keys.split(",")] if isinstance(keys, str) else [str(keys)]
        rule = _rule(value, view, f"policy[{keys!r}]")
        for name in names:
            if name != EVERY and name not in known:
                raise ConfigurationError(
                    "stockade.E041", f"{view}: policy has the key {name!r}.", _instead(name, known)
                )
            if name in seen:
                raise ConfigurationError(
                    "stockade.E043",
                    f"{view}: policy has the key {name!r} twice.",
                    "Keep the one that is meant.",
                )
            seen.add(name)
            yield name, rule


def _rule(value: object, view: str, where: str) -> Policy:
    if value is None:
        raise ConfigurationError(
            "stockade.E042",
            f"{view}: {where} is None.",
            "Write Nobody() to refuse everyone, Public() to admit everyone.",
        )
    try:
        return as_policy(value)
    except ConfigurationError as error:
        raise ConfigurationError(error.id, f"{view}: {where}: {error.message}", error.hint) from None


def _instead(name: str, known: frozenset[str]) -> str:
    if name.upper() in known:
        return f"Write {name.upper()!r}."
    return f"It has: {', '.join([*sorted(known), repr(EVERY)])}."
