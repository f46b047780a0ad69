"""Runs what `stockade choose` prints: for each set of answers a start, the checks of a deployment, and requests.

In a process of its own, whose apps are those of all answers together: what differs are the other settings.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

BEGIN = {
    "INSTALLED_APPS": [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "rest_framework",
    ],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    "REST_FRAMEWORK": {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]},
}
# Checks of the toolkit count where its app is chosen; here it is always there.
_LABELS = (
    "security",
    "stockade",
    "models",
    "fields",
    "auth",
    "admin",
    "sessions",
    "urls",
    "templates",
    "rest_framework",
)
SECRET = "kB7x_nT7xR2mK9pL4wZ8bY6cJ1hF5dS0aQe-nT7xR2mK9pL4wZ8bY6cJ1hF5dS0aQe"


def settings_of(text: str) -> dict[str, Any]:
    """The settings of a project that has put `text` at the end of its own."""
    space: dict[str, Any] = {"__name__": "settings", **BEGIN}
    exec(compile(text, "chosen", "exec"), space)
    return {name: value for name, value in space.items() if name.isupper()}


def main() -> None:
    """Read sets of answers from standard input; write what is wrong with each, as JSON."""
    import django
    from django.conf import settings

    settings.configure(
        **{**BEGIN, "INSTALLED_APPS": [*BEGIN["INSTALLED_APPS"], "oauth2_provider", "stockade"]},
        SECRET_KEY=SECRET,
        DEBUG=False,
        USE_TZ=True,
        ROOT_URLCONF="tests.cli.chosen_urls",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.environ["CHOICES_DATABASE"],
                "OPTIONS": {"init_command": "PRAGMA synchronous=OFF"},
            }
        },
        STOCKADE={"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}},
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_user("alice", password="!")
    wrong = {}
    for number, given in enumerate(json.load(sys.stdin)):
        problems = _try(given, number)
        if problems:
            wrong[json.dumps(given)] = problems
    json.dump(wrong, sys.stdout)


def _try(given: dict[str, Any], number: int) -> list[str]:
    from django.core.checks import run_checks
    from django.core.exceptions import ImproperlyConfigured
    from django.test import override_settings

    from stockade.cli.choosing.answers import Answers
    from stockade.cli.choosing.chosen import choose
    from stockade.cli.choosing.writing import python

    answers = Answers(**given).checked()
    found = settings_of(python(answers, choose(answers)))
    allowed = {*BEGIN["INSTALLED_APPS"], "oauth2_provider", "stockade"}
    installed = found.pop("INSTALLED_APPS")
    problems = [f"installs {app}" for app in installed if app not in allowed]
    found["STOCKADE"] = {**found["STOCKADE"], "EVENTS": {"SINKS": ["null"]}}
    urls = "tests.cli.chosen_urls" if answers.servers else "tests.cli.chosen_plain_urls"
    with override_settings(ROOT_URLCONF=urls, **found):
        found_wrong = run_checks(tags=None if number == 0 else ["security"], include_deployment_checks=True)
        problems += [
            f"{one.id}: {one.msg}"
            for one in found_wrong
            if not one.is_silenced() and (one.id or "").partition(".")[0] in {*installed, *_LABELS}
        ]
        try:
            problems += _requests(answers, number)
        except ImproperlyConfigured as error:
            problems.append(str(error))
    return problems


def _requests(answers: Any, number: int) -> list[str]:
    """A visitor is refused, and each scheme lets in whom it knows."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    import stockade

    client = Client(raise_request_exception=False, headers={"host": answers.domain})
    address = {"REMOTE_ADDR": f"192.0.2.{number}"}  # what one has used up is not another's
    alice = get_user_model().objects.get(username="alice")
    shown: dict[str, dict[str, str]] = {"nobody": {}}
    if answers.apps or answers.services:
        shown["jwt"] = {"Authorization": f"Bearer {stockade.issue(alice).access}"}
    if answers.scripts:
        shown["token"] = {"Authorization": f"Token {stockade.create_token(alice, 'x').token}"}
    if answers.servers:
        key = stockade.create_key("billing", owner=alice, scopes=["things:read"])
        shown["api_key"] = {"X-API-Key": key.token}
    problems = []
    for scheme, headers in shown.items():
        status = client.get("/things/", secure=True, headers=headers, **address).status_code
        expected = 401 if scheme == "nobody" and not answers.existing else 200
        if status != expected:
            problems.append(f"{scheme}: {status}")
    if client.get("/things/", secure=False, **address).status_code not in (301, 308, 400, 403, 426):
        problems.append("plain HTTP is served")
    return problems


if __name__ == "__main__":
    main()
