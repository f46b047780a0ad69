"""`stockade secrets`: planted secrets of every kind are found in a history, what is none is not told, none is shown."""

from __future__ import annotations

import base64
import json
import os
import random
import stat
import string
import subprocess
import time
from pathlib import Path

import pytest

from stockade.core.secrets import generate
from stockade.vault.scan import KINDS, history, look, tree
from tests.demo.runs import COMMAND, environment

ROOT = Path(__file__).resolve().parents[2]
_ALL = string.ascii_letters + string.digits
_RANDOM = random.Random(20261126)


def some(count: int, letters: str = _ALL) -> str:
    return "".join(_RANDOM.choice(letters) for _ in range(count))


def pem(kind: str) -> str:
    lines = "\n".join(some(64, _ALL + "+/") for _ in range(4))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase
# Each is put together here, so that this very file has none of them.
PLANTED: dict[str, str] = {
    "aws-access-key": "AKIA" + some(16, string.ascii_uppercase + "234567"),
    "aws-secret-key": "aws_secret_access_key = " + some(40, _ALL + "+/"),
    "anthropic-key": "sk-ant-" + "api03-" + some(90),
    "age-key": "AGE-SECRET-KEY-1" + some(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "azure-client-secret": some(3) + "8Q" + "~" + some(34),
    "azure-storage-key": "AccountName=a;Account" + "Key=" + some(86, _ALL + "+/") + "==",
    "basic-auth-url": "https://robot:" + some(20) + "@host.internal/x",
    "database-url": "postgres://app:" + some(20) + "@db.internal/app",
    "digitalocean-token": "dop" + "_v1_" + some(64, HEX),
    "discord-webhook": "https://discord.com/api/" + "webhooks/123456789012345678/" + some(68),
    "docker-token": "dckr" + "_pat_" + some(27),
    "docker-auth": '{"au' + 'th": "' + base64.b64encode(f"robot:{some(20)}".encode()).decode() + '"}',
    "github-token": "gh" + "p_" + some(36),
    "github-fine-grained-token": "github" + "_pat_" + some(22) + "_" + some(59),
    "gitlab-token": "gl" + "pat-" + some(20),
    "google-api-key": "AI" + "za" + some(35),
    "google-oauth-secret": "GOC" + "SPX-" + some(28),
    "google-service-account": '"private' + '_key_id": "' + some(40, HEX) + '"',
    "heroku-key": "HR" + "KU-" + some(36),
    "hugging-face-token": "h" + "f_" + some(34),
    "jwt": "ey" + "J" + some(30) + ".ey" + "J" + some(40) + "." + some(43),
    "linear-key": "lin" + "_api_" + some(40),
    "mailgun-key": "ke" + "y-" + some(32, HEX),
    "npm-token": "np" + "m_" + some(36),
    "openai-key": "s" + "k-proj-" + some(48),
    "openssh-private-key": pem("OPENSSH PRIVATE KEY"),
    "pgp-private-key": pem("PGP PRIVATE KEY BLOCK"),
    "private-key": pem("RSA PRIVATE KEY"),
    "pypi-token": "py" + "pi-AgE" + some(80),
    "sendgrid-key": "S" + "G." + some(22) + "." + some(43),
    "sentry-token": "snt" + "rys_" + some(60),
    "shopify-token": "shp" + "at_" + some(32, HEX),
    "slack-token": "xo" + "xb-" + some(40),
    "slack-webhook": f"https://hooks.slack{'.com'}/services/T{some(9, UPPER)}/B{some(9, UPPER)}/{some(24)}",
    "stockade-token": generate("stt_").reveal(),
    "stripe-key": "s" + "k_live_" + some(24),
    "telegram-token": "1234567890" + ":AA" + some(33),
    "twilio-key": "S" + "K" + some(32, HEX),
    "vault-token": "hv" + "s." + some(90),
    "webhook-secret": "wh" + "sec_" + base64.b64encode(bytes(_RANDOM.randrange(256) for _ in range(32))).decode(),
    "django-secret-key": 'SECRET' + '_KEY = "' + some(50, _ALL + "!@#$%^&*(-_=+)") + '"',
    "netrc": "machine host.internal login robot pass" + "word " + some(20),
    "assignment": 'smtp_pass' + 'word = "' + some(24) + '"',
    "env-file": "SMTP_PASS" + "WORD=" + some(24),
    "config-line": "  smtp-pass" + "word: " + some(24),
}  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    who = {f"GIT_{one}_{two}": "test" for one in ("AUTHOR", "COMMITTER") for two in ("NAME", "EMAIL")}
    subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True,
        env={**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"},
    )  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "README").write_text("A project.\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    return tmp_path


def run(*arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "secrets", *arguments], env={**environment(), **more}, cwd=cwd, capture_output=True, text=True,
        timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_every_kind_is_planted() -> None:
    assert set(PLANTED) == {kind.name for kind in KINDS}
    assert len(PLANTED) >= 30


@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_each_kind_is_found_as_what_it_is_and_not_shown(kind: str) -> None:
    text = f"# settings\nbefore = 1\n{PLANTED[kind]}\nafter = 2\n"
    found = list(look(text.encode(), "settings.py"))
    assert kind in [one.kind for one in found]
    assert found[0].line == 3
    assert PLANTED[kind].splitlines()[0][-12:] not in repr(found)


def test_what_was_planted_in_a_history_and_taken_out_again_is_found_with_its_commit(repository: Path) -> None:
    for kind, text in PLANTED.items():
        (repository / f"{kind}.txt").write_text(f"first\n{text}\n")
        git(repository, "add", ".")
        git(repository, "commit", "-q", "-m", f"Add {kind}")
        (repository / f"{kind}.txt").write_text("first\n")
        git(repository, "commit", "-q", "-am", f"Take {kind} out")
    assert list(tree(repository)) == []
    found = history(repository)
    assert found.complete
    assert {one.path.removesuffix(".txt") for one in found.findings} == set(PLANTED)
    assert {one.kind for one in found.findings} >= set(PLANTED)
    first = next(one for one in found.findings if one.kind == "npm-token")
    shown = subprocess.run(
        ["git", "-C", str(repository), "log", "-1", "--format=%s", first.commit],
        capture_output=True,
        text=True,
    )
    assert shown.stdout.strip() == "Add npm-token"
    done = run("check", str(repository), "--format", "json")
    assert done.returncode == 1
    assert {row["what"] for row in json.loads(done.stdout)} >= set(PLANTED)
    for text in PLANTED.values():
        assert text.splitlines()[-1][-16:] not in done.stdout + done.stderr or text.startswith("-----")


def test_other_branches_stashes_messages_and_undone_commits_are_read(repository: Path) -> None:
    def plant(name: str) -> None:
        (repository / "secret.txt").write_text("np" + "m_" + some(36) + "\n")
        git(repository, "add", ".")
        if name == "stash":
            git(repository, "stash", "-q")
        else:
            git(repository, "commit", "-q", "-m", name)

    git(repository, "switch", "-q", "-c", "other")
    plant("on a branch")
    git(repository, "switch", "-q", "main")
    plant("undone")
    git(repository, "reset", "-q", "--hard", "HEAD~1")
    plant("stash")
    git(repository, "commit", "-q", "--allow-empty", "-m", "The token is np" + "m_" + some(36))
    assert len(history(repository).findings) == 4


def test_a_file_that_is_a_secret_by_its_name_is_told(repository: Path) -> None:
    (repository / ".env").write_text("DEBUG=1\n")
    git(repository, "add", "-f", ".env")
    assert [one.kind for one in tree(repository)] == ["tracked-secret-file"]


@pytest.mark.parametrize(
    "text",
    [
        'SECRET_KEY = secret("DJANGO_SECRET_KEY")',
        'SECRET_KEY = os.environ["DJANGO_SECRET_KEY_OF_PRODUCTION"]',
        'SECRET_KEY = "django-insecure-abcdefghijklmnop-1234567890"',
        'password = "correct-horse-battery-staple"',
        'token_url = "https://issuer.example/oauth2/token"',
        "postgres://user:password@localhost/db",
        "postgres://user:${DB_PASSWORD}@db/app",
        "redis://:<password>@host:6379",
        "AKIAIOSFODNN7" + "EXAMPLE",
        'PASSWORD_HASHERS = ["stockade.schemes.passwords.Argon2"]',
        "DJANGO_SECRET_KEY=$(openssl rand -hex 32)",
        '"integrity": "sha512-' + "q" * 86 + '=="',
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
    ],
)  # fmt: skip
def test_what_is_no_secret_is_not_told(text: str) -> None:
    assert list(look(text.encode(), "x")) == []


def test_nothing_is_found_in_this_repository() -> None:
    done = run("check", str(ROOT), "--format", "json", "--seconds", "240")
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stdout + done.stderr


def test_a_history_that_is_too_long_ends_in_time_and_says_so(repository: Path) -> None:
    for number in range(3):
        (repository / "big.txt").write_text(
            "\n".join(f'password_{number}_{line} = "{line} {number}"' for line in range(20_000))
        )
        git(repository, "add", ".")
        git(repository, "commit", "-q", "-m", "More")
    found = history(repository, seconds=0.05)
    assert not found.complete


@pytest.mark.parametrize(
    "line",
    ["a" * 900_000, "password = '" * 80_000, "-----BEGIN RSA PRIVATE KEY-----\n" * 20_000],
    ids=range(3),
)
def test_a_text_made_to_be_slow_is_not(line: str) -> None:
    before = time.monotonic()
    list(look(line.encode(), "x"))
    assert time.monotonic() - before < 60  # hours, if it were


def test_an_allowed_fingerprint_needs_a_reason(repository: Path) -> None:
    planted = PLANTED["npm-token"]
    (repository / "a.txt").write_text(planted)
    git(repository, "add", ".")
    found = next(iter(tree(repository)))
    (repository / ".secrets-allowed").write_text(found.fingerprint + "\n")
    assert run("check", str(repository)).returncode == 2
    (repository / ".secrets-allowed").write_text(f"# ours\n{found.fingerprint} of a fixture\n")
    assert run("check", str(repository)).returncode == 0


def test_a_repository_whose_configuration_runs_programs_runs_none(repository: Path) -> None:
    marker = repository.parent / f"{repository.name}-ran"
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand"):
        git(repository, "config", key, f"touch {marker}; false")
    run("check", str(repository))
    assert not marker.exists()


def test_links_are_not_followed_out_of_the_folder(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_text(PLANTED["npm-token"])
    (repository / "link").symlink_to(outside)
    git(repository, "add", ".")
    assert list(tree(repository)) == []


def test_the_project_is_told_what_is_weak_old_and_shared(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    value = some(50)
    for name in ("APP_SECRET_KEY", "MAIL_PASSWORD"):
        (folder / name).write_text(value)
        (folder / name).chmod(0o400)
    os.utime(folder / "APP_SECRET_KEY", (1, 1))
    (tmp_path / "shared_settings.py").write_text(
        "from stockade.vault import secret\n"
        'SECRET_KEY = secret("APP_SECRET_KEY")\nEMAIL_HOST_PASSWORD = secret("MAIL_PASSWORD")\n'
        'INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "stockade"]\n'
        'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "PASSWORD": "short"}}\n'
    )
    done = run(
        "check", str(tmp_path), "--no-history", "--format", "json", cwd=tmp_path,
        DJANGO_SETTINGS_MODULE="shared_settings", STOCKADE_SECRETS_DIR=str(folder), PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    told = "\n".join(row["what"] for row in json.loads(done.stdout))
    assert "APP_SECRET_KEY is the same as MAIL_PASSWORD" in told
    assert "APP_SECRET_KEY is 2" in told
    assert "days old" in told
    assert "DATABASES default PASSWORD is shorter" in told
    assert value not in done.stdout + done.stderr


def test_generate_writes_a_file_once_and_for_its_owner_only(tmp_path: Path) -> None:
    done = run("generate", "APP_SECRET_KEY", "--to", str(tmp_path))
    path = tmp_path / "APP_SECRET_KEY"
    assert done.returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert path.read_text().strip() not in done.stdout + done.stderr
    kept = path.read_text()
    again = run("generate", "APP_SECRET_KEY", "--to", str(tmp_path))
    assert again.returncode == 1
    assert path.read_text() == kept
    assert run("generate", "../x", "--to", str(tmp_path)).returncode == 2
    assert run("generate", "--kind", "weak").returncode == 2
    assert len(run("generate").stdout.strip()) == 64


def test_rotate_says_what_to_do_for_what_is_no_file() -> None:
    done = run("rotate", "SOMEWHERE_ELSE_KEY")
    assert done.returncode == 1
    assert "SOMEWHERE_ELSE_KEY_FALLBACKS" in done.stderr
