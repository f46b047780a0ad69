"""Writes what was chosen as Python, to be put at the end of settings.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from stockade.cli.choosing.answers import Answers
from stockade.cli.choosing.chosen import Chosen, Code

WIDTH = 100
_LIMITS = "stockade.schemes.backend.LoginLimits"
_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
_HASHERS = ["stockade.schemes.passwords.Argon2", "stockade.schemes.passwords.Wrapped"]
_OWN_HASHERS = [
    f"django.contrib.auth.hashers.{name}PasswordHasher"
    for name in ("PBKDF2", "PBKDF2SHA1", "BCryptSHA256", "Scrypt")
]


def python(answers: Answers, chosen: Chosen) -> str:
    """The lines, each of which a reader can see the reason of."""
    lines = [
        "# Chosen by `stockade choose`. Put it at the end of settings.py.",
        *(f"# {name.rpartition('.')[2]}: {why}." for name, why in chosen.schemes.items()),
        "import stockade.drf",
        "import stockade.edge",
        "import stockade.passwords",
    ]
    if any(isinstance(value, Code) for value in chosen.stockade.values()):
        lines.append("from stockade.vault import secret")
    lines += ["", *_edge(answers, chosen), ""]
    listed = Listing(answers.existing)
    lines += [
        f"INSTALLED_APPS = {_value(['*INSTALLED_APPS', *chosen.apps, 'stockade'], 0)}",
        f"MIDDLEWARE = {_value(['stockade.web.Middleware', '*MIDDLEWARE'], 0)}",
        f"AUTHENTICATION_BACKENDS = {listed.before('AUTHENTICATION_BACKENDS', [_LIMITS], _BACKENDS)}",
        f"PASSWORD_HASHERS = {listed.before('PASSWORD_HASHERS', _HASHERS, _OWN_HASHERS)}",
        "AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators(15)",
    ]
    lines += [f"{name} = {_value(value, 0)}" for name, value in chosen.further.items()]
    lines.append(f"STOCKADE = {_value(chosen.stockade, 0)}")
    if answers.existing:
        lines.append('REST_FRAMEWORK = globals().get("REST_FRAMEWORK", {})')
        lines.append("REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}")
    else:
        lines.append("REST_FRAMEWORK = stockade.drf.defaults({})")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Listing:
    """Lists that a project may have already, under a name that its settings need not have."""

    existing: bool

    def before(self, name: str, ours: list[str], djangos: list[str]) -> str:
        """Ours before the project's; before Django's default where it has none; a new project needs fewer."""
        if not self.existing:
            return _value(ours + djangos if name == "AUTHENTICATION_BACKENDS" else ours[:1], 0)
        default = _value(djangos, 1)
        entries = [*map(json.dumps, ours), f'*globals().get("{name}", {default})']
        return "\n".join(["[", *(f"    {entry}," for entry in entries), "]"])


def _edge(answers: Answers, chosen: Chosen) -> list[str]:
    overrides = [f'    ALLOWED_HOSTS=["{answers.domain}"],']
    if answers.proxy:
        overrides.append('    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),')
    return [
        "globals().update(",
        "    stockade.edge.settings(",
        f'        "{chosen.profile}",',
        *(f"    {line}" for line in overrides),
        "    )",
        ")",
    ]


def _value(value: Any, depth: int) -> str:
    """As black would write it: on one line where it fits, else one entry a line."""
    if isinstance(value, Code) or not isinstance(value, dict | list | str | bool | int):
        return str(value)
    if isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)}: {_value(one, depth + 1)}" for key, one in value.items()]
        opening, closing = "{", "}"
    else:
        entries, (opening, closing) = [_value(one, depth + 1) for one in value], "[]"
        entries = [one.strip('"') if one.startswith('"*') else one for one in entries]  # a setting's entries
    short = opening + ", ".join(entries) + closing
    if len(short) + 4 * depth + 30 <= WIDTH and "\n" not in short:
        return short
    indent = "    " * (depth + 1)
    return "\n".join([opening, *(f"{indent}{entry}," for entry in entries), "    " * depth + closing])
