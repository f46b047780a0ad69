"""What stops the start and what is only said: found here, because Django runs no system checks under WSGI or ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.core.exceptions import ImproperlyConfigured

from stockade import conf
from stockade.core.errors import ConfigurationError
from stockade.pipeline import registry as registries
from stockade.pipeline.browsers import session_findings
from stockade.pipeline.configured import (
    address_findings,
    key_findings,
    settings_findings,
    tenant_findings,
    time_findings,
)
from stockade.pipeline.cookies import cookie_findings
from stockade.pipeline.edge import edge_findings
from stockade.pipeline.finding import Finding
from stockade.pipeline.forked import fork_findings
from stockade.pipeline.issuers import issuer_findings
from stockade.pipeline.judged import name_findings, view_findings
from stockade.pipeline.kept import state_findings
from stockade.pipeline.weak_passwords import unusable_findings
from stockade.pipeline.wired import backend_findings, before_findings, middleware_findings

further: list[Callable[[], Iterable[Finding]]] = []  # of rooms above


def findings() -> list[Finding]:
    """Everything, in the order in which it is best mended: settings, the middleware, then views."""
    if not conf.configured():
        return []
    try:
        found = [*settings_findings(), *address_findings(), *key_findings(), *time_findings()]
        if not found:
            registries.current()
            found.extend(fork_findings())
            found.extend(tenant_findings())
            found.extend(issuer_findings())
            found.extend(cookie_findings())
            found.extend(session_findings())
            found.extend(edge_findings())
            found.extend(before_findings())
            found.extend(unusable_findings())
    except ConfigurationError as error:
        found = [Finding.of(error)]
    found.extend(middleware_findings())
    found.extend(backend_findings())
    if any(finding.stops for finding in found):
        return found
    found += [*name_findings(), *view_findings()]  # these import the views
    return [*found, *(finding for look in further for finding in look())]


def refuse_to_start() -> None:
    """Raise what stops the start; once for one set of settings.

    Raises:
        ImproperlyConfigured: with every id, message and hint.
    """
    registry = registries.peek()
    if registry is not None and registry.started:
        return
    found = findings()
    if registries.peek() is not None and not any(finding.stops for finding in found):
        found.extend(state_findings())
    stops = [str(finding) for finding in found if finding.stops]
    if stops:
        raise ImproperlyConfigured("Stockade does not start:\n" + "\n".join(stops))
    registry = registries.peek()
    if registry is not None:
        registry.started = True
