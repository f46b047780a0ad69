"""Facts about who gets in at all: `undeclared`, `anyone-reads`, `anyone-writes`, `csrf-exempt`."""

from __future__ import annotations

from collections.abc import Iterator

from stockade.drf.survey import answering, byhand, probe
from stockade.drf.survey.asked import hooks_of_its_own
from stockade.drf.survey.facts import Fact
from stockade.drf.survey.suggest import signature, suggest
from stockade.drf.survey.views import Handler, View


def undeclared(view: View) -> Iterator[Fact]:
    """A view without a policy, with the policy that its permission classes amount to."""
    bare = [handler for handler in view.handlers if answered(handler) and not view.declared(handler)]
    if bare:
        yield Fact(
            "undeclared",
            view.name,
            view.where,
            f'It declares no policy for {", ".join(labels(bare))}: refused to everybody where UNDECLARED is "refuse".',
            suggest(view).text,
            labels(bare),
        )


def anyone(view: View) -> Iterator[Fact]:
    """Methods that a caller without any credential gets through."""
    open_to_all = [
        handler for handler in view.handlers if not view.declared(handler) and asks_nothing(handler)
    ]
    writing = [handler for handler in open_to_all if not handler.safe]
    reading = [handler for handler in open_to_all if handler.safe]
    if writing:
        yield Fact(
            "anyone-writes",
            view.name,
            view.where,
            f"{', '.join(labels(writing))} may be sent by anyone: nothing is asked of the caller.",
            _closed(view, writing),
            labels(writing),
        )
    if reading:
        yield Fact(
            "anyone-reads",
            view.name,
            view.where,
            f"{', '.join(labels(reading))} is answered to anyone: nothing is asked of the caller.",
            _closed(view, reading),
            labels(reading),
        )


def _closed(view: View, handlers: list[Handler]) -> str:
    if not view.own or (view.cls is None and view.function is None):
        return suggest(view).text  # a login or a feed, as it is meant
    if view.function is not None:
        return (
            "from stockade.policy import Authenticated\n"
            "from stockade.web import protect\n\n"
            "# above the other decorators; Public() if anyone is meant:\n"
            f"@protect(policy=Authenticated())\n{signature(view.function)}: ..."
        )
    keys = ", ".join(labels(handlers))
    return (
        "from stockade.policy import Authenticated\n\n"
        "# in the view; Public() if anyone is meant:\n"
        f'policy = {{"{keys}": Authenticated()}}'
    )


def csrf_exempt(view: View) -> Iterator[Fact]:
    """A plain view that takes unsafe methods without a CSRF token."""
    if view.rest:
        return
    found = [
        handler
        for handler in view.handlers
        if getattr(handler.route.callback, "csrf_exempt", False)
        and not handler.safe
        and answering.answers(handler)
        and (answering.restricted(handler) is not None or view.cls is not None or handler.method == "POST")
    ]
    if found:
        yield Fact(
            "csrf-exempt",
            view.name,
            view.where,
            "It is marked csrf_exempt: another site's page may send it in the name of whoever is logged in.",
            "# Take @csrf_exempt away. Where a machine calls, let it authenticate by a header instead:\n"
            "from stockade.policy import Authenticated\n"
            "from stockade.web import protect\n\n"
            "machine = protect(policy=Authenticated())  # @machine above the view",
            labels(found),
        )


def labels(handlers: list[Handler]) -> tuple[str, ...]:
    """The actions or methods of some handlers, each once."""
    return tuple(dict.fromkeys(handler.label for handler in handlers))


def answered(handler: Handler) -> bool:
    """Whether the view means to answer this method."""
    if handler.view.rest:
        return True
    return answering.writes(handler) if not handler.safe else answering.answers(handler)


def asks_nothing(handler: Handler) -> bool:
    """Whether a caller who proves nothing gets through; False where that cannot be told."""
    if not answered(handler) or byhand.asked_before():
        return False
    if not handler.view.rest:
        return not byhand.plain_view_asks(handler)
    if byhand.passes_over(handler.view.cls, "dispatch", "check_permissions"):
        return not (byhand.decorated(handler) or byhand.asks_inside(handler))
    if hooks_of_its_own(handler) or byhand.decorated(handler):
        return False
    checked = "check_object_permissions" in handler.calls
    return probe.admitted(handler, probe.anonymous(), to_object=checked) is True
