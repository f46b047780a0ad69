"""What is wrong in STOCKADE itself: values, names, keys, and settings that do not go together."""

from __future__ import annotations

from collections.abc import Iterator

from stockade import conf
from stockade.conf import Section
from stockade.core import tenant
from stockade.core.errors import ConfigurationError
from stockade.edge.conf import CorsSettings, HeaderSettings, TransportSettings
from stockade.events.conf import EventSettings
from stockade.gate.conf import AddressSettings, GateSettings
from stockade.keyring.conf import KeyringSettings, wrapping_keys
from stockade.pipeline.conf import InputSettings, PipelineSettings
from stockade.pipeline.finding import Finding
from stockade.policy.conf import AssuranceSettings
from stockade.schemes.conf import JWTSettings, LoginSettings, SchemeSettings
from stockade.schemes.external.conf import ExternalSettings
from stockade.schemes.opaque.conf import KeySettings, TokenSettings
from stockade.schemes.session.conf import SessionSettings
from stockade.tenant import TenantSettings
from stockade.webhooks.conf import WebhookSettings

SECTIONS: tuple[type[Section], ...] = (
    PipelineSettings, SchemeSettings, JWTSettings, LoginSettings, GateSettings, AddressSettings, KeyringSettings,
    EventSettings, HeaderSettings, TransportSettings, CorsSettings, TenantSettings,
    ExternalSettings, TokenSettings, KeySettings, SessionSettings, InputSettings, AssuranceSettings,
    WebhookSettings,
)  # fmt: skip


def known_settings() -> set[str]:
    """Every key that STOCKADE may have."""
    found: set[str] = set()
    for section in SECTIONS:
        found.update([section.NAME] if section.NAME else [meta.name for meta in section.declared()])
    return found


def settings_findings() -> Iterator[Finding]:
    """A wrong value anywhere in STOCKADE, or a key that no room has."""
    stockade = conf.raw()
    for section in SECTIONS:
        try:
            conf.build(section, stockade)
        except ConfigurationError as error:
            yield Finding.of(error)
    known = known_settings()
    for name in stockade:
        if name not in known:
            yield Finding(
                "stockade.E004", f"STOCKADE has no {name!r}.", f"Known: {', '.join(sorted(known))}."
            )


def address_findings() -> Iterator[Finding]:
    """Nobody at all let in is a mistake: with the first request the operators are out as well."""
    try:
        settings = conf.build(AddressSettings, conf.raw())
    except ConfigurationError:
        return  # said by `settings_findings`
    if settings.only_allowed and not settings.allow:
        yield Finding(
            "stockade.E035",
            'STOCKADE["ADDRESSES"] lets only allowed addresses in and allows none.',
            'Name at least the address that you administer it from: "allow": ["192.0.2.7"].',
        )


def key_findings() -> Iterator[Finding]:
    """A key that is weak or cannot be read is said now, not by the first request that needs it."""
    try:
        wrapping_keys()
    except ConfigurationError as error:
        yield Finding.of(error)


def time_findings() -> Iterator[Finding]:
    """What is written down of times has their offset; without USE_TZ Django refuses it, or gives it back without."""
    from django.conf import settings

    if not settings.USE_TZ:
        yield Finding(
            "stockade.E219",
            "USE_TZ is False: the times of sessions, tokens and keys could not be written or compared, and each login "
            "would end in an error.",
            'Write USE_TZ = True, Django\'s default since 5.0, and see "Time zones" in its documentation for what your '
            "own code has to change.",
        )


def tenant_findings() -> Iterator[Finding]:
    """Where each tenant has users of its own, a credential must say which, and what is ours must be there once."""
    from django.apps import apps
    from django.conf import settings

    ours = [name for name in conf.load(SchemeSettings).schemes if "." not in name]
    if not tenant.exists():
        if apps.is_installed("django_tenants"):
            yield Finding(
                "stockade.E228" if ours else "stockade.W228",
                "django-tenants is installed and STOCKADE names no TENANT: user 7 of one tenant is taken for user 7 of "
                "another" + (", by tokens too." if ours else " by limits and bans."),
                'Write "TENANT": "stockade.tenant.django_tenants" (or a callable of your own).',
                stops=bool(ours),
            )
        return
    if "stockade" in (getattr(settings, "TENANT_APPS", None) or ()):
        yield Finding(
            "stockade.E229",
            'TENANT_APPS has "stockade": each tenant would have keys, bans and epochs of its own, and processes that '
            "serve several would mix them up.",
            'Write "stockade" into SHARED_APPS only.',
        )
    shared = getattr(settings, "SHARED_APPS", None)
    if shared is not None and "stockade" not in shared:
        yield Finding(
            "stockade.E229",
            'SHARED_APPS lacks "stockade": migrate_schemas would note our migrations as done and make no table.',
            'Write SHARED_APPS += ["stockade"] before INSTALLED_APPS is put together.',
        )
    if "simplejwt" in ours:
        yield Finding(
            "stockade.E230",
            'SCHEMES has "simplejwt" and STOCKADE a TENANT: the tokens of that package name no tenant, so that one of '
            "user 7 would be good in all of them.",
            'Take "simplejwt" out of SCHEMES: people log in once more.',
        )
