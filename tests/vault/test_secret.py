"""What `secret` gives, refuses and says; and what nobody gets to see."""

from __future__ import annotations

import copy
import json
import pickle
import pprint
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockade import vault
from stockade.core.errors import ConfigurationError
from stockade.core.secrets import SecretStr
from stockade.vault import Secret, secret
from stockade.vault.text import SHOWN

STRONG = "q7Rk2vXw9TzB4mNc8LpJ5hGd3sFa6YeUiO1"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("STOCKADE_SECRETS_ORDER", raising=False)
    yield
    vault.use()


def shown(error: BaseException) -> str:
    """Everything that a reporter with frame locals would print, but for the frame of the test itself."""
    assert error.__traceback__ is not None
    found = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    return "".join(found.format())


class TestWhatIsReturned:
    def test_a_str_that_django_can_sign_with(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from django.core.signing import Signer

        monkeypatch.setenv("SECRET_KEY", STRONG)
        found = secret("SECRET_KEY")
        assert isinstance(found, str)
        assert Signer(key=found).sign("x") == Signer(key=STRONG).sign("x")
        assert json.loads(json.dumps(found)) == f"{found}" == "%s" % found == STRONG  # noqa: UP031
        assert hash(found) == hash(STRONG)

    def test_printing_settings_or_a_frame_does_not_show_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DB_PASSWORD", STRONG)
        databases = {"default": {"NAME": "x" * 90, "PASSWORD": secret("DB_PASSWORD")}}
        password = databases["default"]["PASSWORD"]
        for text in (repr(databases), pprint.pformat(databases), f"{databases}", f"{password!r}"):
            assert STRONG not in text
            assert SHOWN in text

    def test_copies_stay_redacted(self) -> None:
        found = Secret(STRONG)
        for copied in (copy.copy(found), copy.deepcopy({"a": found})["a"], pickle.loads(pickle.dumps(found))):
            assert copied == STRONG
            assert repr(copied) == SHOWN

    def test_cast(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKEN", STRONG)
        monkeypatch.setenv("NUMBER", "12345")
        assert secret("TOKEN", cast=SecretStr).reveal() == STRONG
        assert secret("NUMBER", cast=int, min_length=0) == 12345

    def test_several(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OLD", f"{STRONG}, b{STRONG}\n\nc{STRONG},")
        assert secret("OLD", cast=vault.several) == (STRONG, f"b{STRONG}", f"c{STRONG}")
        assert STRONG not in repr(secret("OLD", cast=vault.several))

    def test_a_comma_is_an_empty_list_where_an_entry_may_not_be_empty(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OLD_FALLBACKS", ",")
        assert vault.fallbacks("OLD") == ()

    @pytest.mark.parametrize("default", [None, 5, ()])
    def test_a_default_that_is_no_text_is_returned_as_it_is(self, default: object) -> None:
        assert secret("ABSENT", default=default) is default

    def test_a_default_text_is_redacted(self) -> None:
        assert repr(secret("ABSENT", default=STRONG)) == SHOWN

    def test_an_empty_variable_counts_as_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EMPTY", "")
        assert secret("EMPTY", default=None) is None

    def test_a_value_that_changes_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKEN", STRONG)
        secret("TOKEN")
        monkeypatch.setenv("TOKEN", STRONG[::-1])
        assert secret("TOKEN") == STRONG[::-1]

    def test_a_private_key_on_several_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pem = "-----BEGIN PRIVATE KEY-----\nabcdef\nghijkl\n-----END PRIVATE KEY-----"
        monkeypatch.setenv("PEM", pem + "\n")
        monkeypatch.setenv("FOLDED", pem.replace("\n", "\\n") + "\\n")
        assert secret("PEM") == secret("FOLDED") == pem


class TestWhatIsRefused:
    def test_missing_names_everything_that_would_help(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="E060") as caught:
            secret("SECRET_KEY")
        message = str(caught.value)
        for part in ("environment variable SECRET_KEY", "SECRET_KEY_FILE", str(tmp_path), "/run/secrets"):
            assert part in message

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECRET_KEY", STRONG[:31]),
            ("DB_PASSWORD", STRONG[:11]),
            ("DB_PASSWORD", "aaaabbbbaaaacccc"),
            ("DB_PASSWORD", "abcdefabcdefabcdef"),
            ("SECRET_KEY", "django-insecure-" + STRONG),
            ("SECRET_KEY", "please-change-me-before-going-to-production"),
            ("WEBHOOK_SECRET", "supersecret12345"),
        ],
    )
    def test_a_guessable_secret_does_not_start(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationError, match=r"E061.*token_urlsafe") as caught:
            secret(name)
        assert value not in shown(caught.value)

    def test_a_guessable_default_does_not_start(self) -> None:
        with pytest.raises(ConfigurationError, match="E061"):
            secret("SECRET_KEY", default="django-insecure-" + STRONG)

    def test_what_was_waived_once_is_judged_where_it_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "PIN"
        path.write_text("1111")
        path.chmod(0o400)
        assert secret("PIN", min_length=0) == "1111"
        with pytest.raises(ConfigurationError, match="E061"):
            secret("PIN")
        path.unlink()
        path.write_text(STRONG)
        path.chmod(0o400)
        assert secret("PIN", min_length=20) == STRONG
        with pytest.raises(ConfigurationError, match="E061"):
            secret("PIN", min_length=40)

    def test_strength_can_be_waived_for_what_others_chose(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIN", "1111")
        assert secret("PIN", min_length=0) == "1111"

    @pytest.mark.parametrize("value", [f" {STRONG}", f"{STRONG} ", f"{STRONG}\n\n ", f"{STRONG}\udcff"])
    def test_malformed(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("TOKEN", value)
        if "\n" in value:  # several lines may end as they like
            secret("TOKEN")
            return
        with pytest.raises(ConfigurationError, match="E063") as caught:
            secret("TOKEN")
        assert STRONG not in shown(caught.value)

    def test_a_failing_cast_does_not_quote_the_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NUMBER", STRONG)
        with pytest.raises(ConfigurationError, match=r"E063.*int") as caught:
            secret("NUMBER", cast=int)
        assert STRONG not in shown(caught.value)
        assert caught.value.__context__ is None

    @pytest.mark.parametrize("name", ["", "../etc/passwd", "a/b", "A.B", "A B", "9A", "A" * 129, "A\n"])
    def test_a_name_that_would_leave_the_folder(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="E060"):
            secret(name)

    @pytest.mark.parametrize("order", ["", "files,files", "vault", "environment,,files"])
    def test_an_unknown_order(self, monkeypatch: pytest.MonkeyPatch, order: str) -> None:
        monkeypatch.setenv("STOCKADE_SECRETS_ORDER", order)
        with pytest.raises(ConfigurationError, match="E064"):
            secret("TOKEN")


class TestProviders:
    def test_the_order_decides(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        path = tmp_path / "TOKEN"
        path.write_text(f"file-{STRONG}")
        path.chmod(0o400)
        monkeypatch.setenv("TOKEN", f"env-{STRONG}")
        assert secret("TOKEN") == f"env-{STRONG}"
        monkeypatch.setenv("STOCKADE_SECRETS_ORDER", "files, environment")
        assert secret("TOKEN") == f"file-{STRONG}"
        monkeypatch.setenv("STOCKADE_SECRETS_ORDER", "files")
        path.unlink()
        with pytest.raises(ConfigurationError, match="E060"):
            secret("TOKEN")

    def test_one_of_your_own(self) -> None:
        class Safe:
            name = "safe"

            def find(self, name: str) -> Secret | None:
                return Secret(STRONG) if name == "MINE" else None

            def remedy(self, name: str) -> str:
                return f"{name} in the safe"

        vault.use(Safe())
        assert secret("MINE") == STRONG
        with pytest.raises(ConfigurationError, match=r"Set OTHER in the safe\."):
            secret("OTHER")


def test_usable_in_settings_without_importing_django() -> None:
    code = (
        "import sys, os; os.environ['T'] = sys.argv[1]; from stockade.vault import secret; secret('T');"
        "sys.exit(any(m.split('.')[0] in ('django', 'rest_framework') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code, STRONG], timeout=60).returncode == 0
