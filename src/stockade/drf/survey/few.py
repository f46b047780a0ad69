"""Django's own tests of a caller, by decorator and by mixin: does an ordinary user pass?"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin, UserPassesTestMixin
from django.http import HttpRequest

from stockade.drf.survey import probe
from stockade.drf.survey.byhand import applied, cells, written_in
from stockade.drf.survey.views import Handler

_DECORATORS = "django.contrib.auth.decorators"


def few_pass(handler: Handler) -> bool:
    """Whether a test stands before a view that an ordinary user does not pass, or that asks more than who he is.

    `permission_required` and `user_passes_test`, and what is made of them; their mixins. One that looks at the object
    cannot be asked here: it may be the very check.
    """
    for each in applied(handler):
        if written_in(each) == _DECORATORS:
            test = cells(each).get("test_func")
            if "perms" in cells(each):  # permission_required, which method_decorator has not applied yet
                return True
            if test is not None and not _passes(test.cell_contents, probe.ordinary()):
                return True
    cls = handler.view.cls
    if cls is None or not issubclass(cls, UserPassesTestMixin | PermissionRequiredMixin):
        return False
    return any(
        not _passes(_test_of(handler, name)) for name in ("test_func", "has_permission") if hasattr(cls, name)
    )


def _passes(test: Any, *given: Any) -> bool:
    return probe.ask(lambda: test(*given)) is True


def _test_of(handler: Handler, name: str) -> Any:
    def test() -> Any:
        request = HttpRequest()
        request.method, request.user = handler.method, probe.ordinary()
        view = handler.view.cls(**handler.initkwargs)
        view.setup(request, **{name: "1" for name in handler.route.arguments if not name.isdigit()})
        return getattr(view, name)()

    return test
