"""The `policy` lines to write for a view, as its permission classes have it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model

from stockade.core.principal import ANONYMOUS
from stockade.drf.survey import answering, byhand, flow, probe, source
from stockade.drf.survey.asked import has_own_object_check
from stockade.drf.survey.expressions import EVERYONE, SIGNED_IN, Expression, both, rule
from stockade.drf.survey.stood import ours_decide
from stockade.drf.survey.translate import model_of, translate
from stockade.drf.survey.views import Handler, View
from stockade.policy import as_policy

_RULES = (
    "Authenticated",
    "Granted",
    "Nobody",
    "Owner",
    "Permission",
    "Person",
    "Public",
    "Role",
    "Scheme",
    "Scope",
    "Staff",
    "as_policy",
)


@dataclass(frozen=True)
class Suggestion:
    """What to write.

    Args:
        policy: the value of `policy`, as Python.
        text: all of it: imports, classes, and where the policy goes.
    """

    policy: str
    text: str


def suggest(view: View, *, owned: bool = False) -> Suggestion:
    """The policy of a view.

    Args:
        owned: where nothing looks at objects, name the one relation to the user model that they have, if there is one.
    """
    handlers = [handler for handler in view.handlers if view.rest or _answers(handler)]
    found = {handler.label: _expression(handler, owned=owned) for handler in handlers}
    policy, whole = _table(found)
    several = [] if whole.objects or not owned else _several_owners(handlers)
    named = ", ".join(f'Owner("{path}")' for path in several)
    note = f"# whose it is: {named}, or several by |\n" if several else ""
    return Suggestion(policy, note + _text(view, policy, whole))


def _several_owners(handlers: list[Handler]) -> list[str]:
    """The relations to the user model of what they are about, where the project alone can tell which one counts."""
    models = [model_of(handler) if handler.view.generic else _fetched(handler) for handler in handlers]
    found = next((_owners(model) for model in models if model is not None), [])
    return found if len(found) > 1 else []


def _answers(handler: Handler) -> bool:
    return answering.answers(handler) if handler.safe else answering.writes(handler)


def _expression(handler: Handler, *, owned: bool) -> Expression:
    if not handler.view.rest:
        if not byhand.plain_view_asks(handler):
            return EVERYONE
        whole = _required(handler) or SIGNED_IN
        model = _fetched(handler) if owned else None
        return both(whole, _owner_of(model)) if model is not None else whole
    permissions = probe.permissions(handler, probe.ordinary())
    if permissions is probe.UNKNOWN:
        return SIGNED_IN
    model = model_of(handler) if handler.view.generic else _fetched(handler)
    objects = _about_objects(handler, permissions, owned=owned)
    whole = _declared(handler) or EVERYONE
    for permission in permissions:
        whole = both(whole, translate(permission, handler, model, objects=objects))
    if owned and objects and not whole.objects and model is not None and whole != EVERYONE:
        whole = both(whole, _owner_of(model))
    return whole


def _declared(handler: Handler) -> Expression | None:
    """What its policy says, where that is asked: the classes that are left on the view no longer tell who may.

    A rule of the project's own has no words that are Python; it lets signed-in callers in, or nothing would be told.
    """
    declared = handler.view.policy(handler)
    if declared is None or not ours_decide():
        return None
    policy = as_policy(declared)
    text = re.sub(r"'(\w[\w.:-]*)'", r'"\1"', repr(policy))
    tree = _parsed(text)
    if tree is None or not {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)} <= {*_RULES}:
        return SIGNED_IN
    for known in (SIGNED_IN, EVERYONE):
        if text == known.text:
            return known
    binds = {ast.BitOr: 1, ast.BitAnd: 2}.get(type(tree.op), 3) if isinstance(tree, ast.BinOp) else 3
    return Expression(text, binds, policy.about_objects, not policy.admits(ANONYMOUS))


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def _required(handler: Handler) -> Expression | None:
    """The permissions of Django's PermissionRequiredMixin, where they stand as they are."""
    named = getattr(handler.view.cls, "permission_required", None)
    names = [named] if isinstance(named, str) else list(named or ())
    if names and all(isinstance(name, str) and name.count(".") == 1 for name in names):
        return rule("Permission", *names)
    return None


def _fetched(handler: Handler) -> type[Model] | None:
    """The model of what a handler fetches itself by the URL, as the line that does so names it."""
    for function, node in flow.follow(handler).by_url:
        for name in ast.walk(node):
            found = function.__globals__.get(name.id) if isinstance(name, ast.Name) else None
            if isinstance(found, type) and issubclass(found, Model):
                return found
    return None


def _about_objects(handler: Handler, permissions: list[Any], *, owned: bool) -> bool:
    """Whether the rule about objects goes here: where one is taken by DRF, and at the list of the same viewset.

    And where one is fetched by hand that a permission would judge, or that nothing does.
    """
    if not handler.view.generic:
        if "check_object_permissions" not in handler.calls and not flow.follow(handler).by_url:
            return False
        return owned or any(has_own_object_check(permission) for permission in permissions)
    if "check_object_permissions" in handler.calls:
        return True
    return handler.action == "list" and any(
        other.action == "retrieve" and "check_object_permissions" in other.calls
        for other in handler.view.handlers
    )


def _owner_of(model: type[Model]) -> Expression:
    """`Owner` by the one relation to the user model; everyone where there is none, or several."""
    found = _owners(model)
    return rule("Owner", found[0], objects=True) if len(found) == 1 else EVERYONE


def _owners(model: type[Model]) -> list[str]:
    """The relations of a model to the user model; where it has none, those of what it hangs below."""
    user: Any = get_user_model()
    own = _related(model)
    return [name for name, to in own if to is user] or [
        f"{name}__{above}" for name, to in own for above, owner in _related(to) if owner is user
    ]


def _related(model: type[Model]) -> list[tuple[str, type[Model]]]:
    return [
        (field.name, field.related_model)
        for field in model._meta.get_fields()
        if (field.many_to_one or field.one_to_one)
        and not field.auto_created
        and isinstance(field.related_model, type)
    ]


def _table(found: dict[str, Expression]) -> tuple[str, Expression]:
    """The value of `policy`: one rule, or a dict with the most frequent one as "*"."""
    groups: dict[str, list[str]] = {}
    whole: dict[str, Expression] = {}
    for label, expression in found.items():
        groups.setdefault(expression.text, []).append(label)
        whole[expression.text] = expression
    merged = Expression(
        "",
        objects=any(each.objects for each in whole.values()),
        stubs={name: code for each in whole.values() for name, code in each.stubs.items()},
        imports=frozenset().union(*(each.imports for each in whole.values())),
    )
    if not groups:
        return SIGNED_IN.text, merged
    if len(groups) == 1:
        return next(iter(groups)), merged
    rest = max(groups, key=lambda text: (text != EVERYONE.text, len(groups[text]), text != SIGNED_IN.text))
    lines = [f'    "{", ".join(labels)}": {text},' for text, labels in groups.items() if text != rest]
    lines.append(f'    "*": {rest},')
    return "\n".join(["{", *lines, "}"]), merged


def _text(view: View, policy: str, whole: Expression) -> str:
    rules = [name for name in _RULES if re.search(rf"\b{name}\(", policy)]
    imports = {*whole.imports, f"from stockade.policy import {', '.join(rules)}"}
    function = view.function
    if not view.own and view.cls is not None:
        imports |= {
            "from stockade.web import protect",
            f"from {view.cls.__module__} import {view.cls.__name__}",
        }
        last = f"# in urls.py, in its place:\nview = protect(policy={policy})({view.cls.__name__}.as_view())"
    elif view.cls is None and function is None:
        name = view.target.__name__
        imports |= {"from stockade.web import protect", f"from {view.target.__module__} import {name}"}
        last = f"# in urls.py, in its place:\nview = protect(policy={policy})({name}())"
    elif function is not None:
        imports.add("from stockade.web import protect")
        last = f"# above the other decorators:\n@protect(policy={policy})\n{signature(function)}: ..."
    elif whole.objects and view.rest:
        imports.add("from stockade.drf.mixins import PolicyMixin")
        last = f"# class {view.cls.__name__}(PolicyMixin, ...):\npolicy = {policy}"
    else:
        last = f"# class {view.cls.__name__}:\npolicy = {policy}"
    lines = sorted(imports, key=lambda line: (not line.startswith("from types "), line))
    return "\n".join([*lines, "", *(f"\n{code}\n" for code in whole.stubs.values()), last])


def signature(function: Any) -> str:
    """The head of a function, without annotations and defaults."""
    node = source.tree(function)
    if node is None:
        return f"def {function.__name__}(request)"
    names = [argument.arg for argument in node.args.args]
    kind = "async def" if function.__code__.co_flags & 0x80 else "def"
    return f"{kind} {function.__name__}({', '.join(names)})"
