"""The shapes of secrets. Each has words that must be there before its pattern is tried: most lines cost little."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One shape.

    Args:
        name: as findings have it.
        words: of which one is in every text that has it, in small letters.
        pattern: its group ``v``, or all of it, is the value.
        random: whether the value must look random as well, because the words around it say little.
        lines: whether it goes over several lines.
    """

    name: str
    words: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    random: bool = False
    lines: bool = False


def _kind(name: str, words: str, pattern: str, *, random: bool = False, lines: bool = False) -> Kind:
    return Kind(
        name, tuple(word.encode() for word in words.split()), re.compile(pattern.encode()), random, lines
    )


_B = r"(?<![A-Za-z0-9_])"  # does not begin in the midst of a word
_E = r"(?![A-Za-z0-9_])"
# One hyphen at a time: over a text of nothing but beginnings it stays linear.
_PEM = r"[ \t]*(?:\\r)?(?:\\n|\r?\n)(?:[A-Za-z0-9+/=\\: ,.()\s]|-(?!-)){60,}?-----END "
_INFIX = r"[^\s:/@\"'`<>{}$%*\[\]()|\\]{8,}"  # of a URL; nothing that a template would put there

# ruff: noqa: E501 - one shape, one line
KINDS: tuple[Kind, ...] = (
    _kind("aws-access-key", "akia asia", _B + r"(?:AKIA|ASIA)[A-Z2-7]{16}" + _E),
    _kind(
        "aws-secret-key", "aws", r"(?i)aws.{0,20}?secret.{0,20}?[=:][\s\"']{0,4}(?P<v>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        random=True,
    ),
    _kind("anthropic-key", "sk-ant-", r"sk-ant-[A-Za-z0-9]{3,8}-[A-Za-z0-9_-]{60,}"),
    _kind("age-key", "age-secret-key-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _kind("azure-client-secret", "q~", r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])"),
    _kind("azure-storage-key", "accountkey=", r"(?i)AccountKey=(?P<v>[A-Za-z0-9+/]{86}==)"),
    _kind("basic-auth-url", "://", r"(?i)\bhttps?://[^\s:/@\"'`<>{}$]{1,64}:(?P<v>" + _INFIX + r")@", random=True),
    _kind(
        "database-url", "://",
        r"(?i)\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?)(?:\+\w+)?://[^\s:/@\"'`<>{}$]{0,64}:(?P<v>"
        + _INFIX + r")@", random=True,
    ),
    _kind("digitalocean-token", "do", _B + r"do[opr]_v1_[a-f0-9]{64}" + _E),
    _kind("discord-webhook", "discord", r"discord(?:app)?\.com/api/webhooks/\d{17,20}/(?P<v>[\w-]{60,})"),
    _kind("docker-token", "dckr_", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}"),
    _kind("docker-auth", "\"auth\"", r"\"auth\"\s*:\s*\"(?P<v>[A-Za-z0-9+/]{20,}={0,2})\"", random=True),
    _kind("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", _B + r"gh[pousr]_[A-Za-z0-9]{36}" + _E),
    _kind("github-fine-grained-token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _kind("gitlab-token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    _kind("google-api-key", "aiza", _B + r"AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    _kind("google-oauth-secret", "gocspx-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _kind("google-service-account", "private_key_id", r"\"private_key_id\"\s*:\s*\"(?P<v>[0-9a-f]{40})\""),
    _kind("heroku-key", "hrku-", r"HRKU-[A-Za-z0-9_-]{30,}"),
    _kind("hugging-face-token", "hf_", _B + r"hf_[A-Za-z0-9]{34,}" + _E),
    _kind("jwt", "eyj", _B + r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    _kind("linear-key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _kind("mailgun-key", "key-", r"(?<![A-Za-z0-9_-])key-[0-9a-f]{32}" + _E),
    _kind("npm-token", "npm_", _B + r"npm_[A-Za-z0-9]{36}" + _E),
    _kind("openai-key", "sk-", r"(?<![A-Za-z0-9_-])sk-(?!ant-)(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{40,}"),
    _kind("openssh-private-key", "openssh", r"-----BEGIN OPENSSH PRIVATE KEY-----" + _PEM, lines=True),
    _kind("pgp-private-key", "-----begin", r"-----BEGIN PGP PRIVATE KEY BLOCK-----" + _PEM, lines=True),
    _kind("private-key", "-----begin", r"-----BEGIN (?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----" + _PEM, lines=True),
    _kind("pypi-token", "pypi-", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    _kind("sendgrid-key", "sg.", _B + r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _kind("sentry-token", "sntry", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    _kind("shopify-token", "shp", _B + r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}" + _E),
    _kind("slack-token", "xox", _B + r"xox[abeprs]-[A-Za-z0-9-]{20,}"),
    _kind("slack-webhook", "hooks.slack.com", r"hooks\.slack\.com/services/T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/(?P<v>[A-Za-z0-9]{24})"),
    _kind("stockade-token", "stk_ stt_", _B + r"st[kt]_[A-Za-z0-9]{49}" + _E),
    _kind("stripe-key", "k_live_ k_test_", _B + r"[rs]k_(?:live|test)_[A-Za-z0-9]{20,}"),
    _kind("telegram-token", ":aa", r"(?<![\w])\d{8,10}:AA[A-Za-z0-9_-]{33}(?![\w-])"),
    _kind("twilio-key", "sk", _B + r"SK[0-9a-f]{32}" + _E),
    _kind("vault-token", "hvs. hvb.", _B + r"hv[sb]\.[A-Za-z0-9_-]{24,}"),
    _kind("webhook-secret", "whsec_ whsk_", _B + r"whs(?:ec|k)_(?P<v>[A-Za-z0-9+/_-]{32,}={0,2})", random=True),
    _kind(
        "django-secret-key", "secret_key", r"(?i)SECRET_KEY\w*[\"']?\]?(?:\s*:\s*\w+)?\s*[=:]\s*b?[\"'](?P<v>[^\"'\n]{20,200})[\"']",
        random=True,
    ),
    _kind(
        "netrc", "machine", r"(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+(?P<v>\S{8,})", random=True
    ),
    _kind(
        "assignment", "passw secret token api_key apikey api-key access_key private_key credential",
        r"(?i)(?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w-]{0,20}[\"']?\]?"
        r"(?:\s*:\s*\w+)?\s*(?:=|:|=>)\s*b?[\"'](?P<v>[A-Za-z0-9+/=_.~!@#$%^&*-]{16,200})[\"']",
        random=True,
    ),
    _kind(
        "env-file", "passw secret token key",
        r"(?m)^(?:export[ \t]+)?[A-Z][A-Z0-9_]*(?:PASSWORD|PASSWD|SECRET|TOKEN|KEY)[A-Z0-9_]*=(?P<v>[A-Za-z0-9+/=_.~!@#%^*-]{16,200})[ \t]*\r?$",
        random=True,
    ),
    _kind(
        "config-line", "passw secret token api_key apikey api-key access_key access-key private_key private-key credential",
        r"(?im)^[ \t]*(?:-[ \t]+)?[\w.-]*(?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)"
        r"[\w-]{0,20}[ \t]*[:=][ \t]*(?P<v>[A-Za-z0-9+/=_~!@#%^&*-]{16,200})[ \t]*\r?$",
        random=True,
    ),
)  # fmt: skip
