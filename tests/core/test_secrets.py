"""Strings that hold a secret: what leaks, what a scanner sees, what a database holds."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback

import pytest

from stockade.core import secrets
from stockade.core.secrets import SecretStr


def test_a_secret_does_not_show_itself(caplog: pytest.LogCaptureFixture) -> None:
    secret = SecretStr("hunter2")
    logging.getLogger("test").warning("got %s and %r", secret, secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>30}", repr([secret]), caplog.text]
    try:
        raise ValueError(secret)
    except ValueError:
        shown.append(traceback.format_exc())
    assert not [text for text in shown if "hunter2" in text]
    assert secret.reveal() == "hunter2"


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(SecretStr("hunter2"))
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(SecretStr("hunter2"))


def test_secrets_compare_by_value_and_have_no_hash() -> None:
    assert SecretStr("a") == SecretStr("a")
    assert SecretStr("a") != SecretStr("b")
    assert SecretStr("a") != "a"
    with pytest.raises(TypeError):
        hash(SecretStr("a"))
    assert not SecretStr("")


def test_a_generated_secret_has_prefix_entropy_and_checksum() -> None:
    made = {secrets.generate("stk_").reveal() for _ in range(200)}
    assert len(made) == 200
    for value in made:
        assert len(value) == 4 + 43 + 6
        assert secrets.has_shape(value, "stk_")
        assert not secrets.has_shape(value, "stt_")


@pytest.mark.parametrize("index", [4, 20, 46, 47, 52])
def test_a_typing_error_is_noticed_without_a_database(index: int) -> None:
    value = secrets.generate("stk_").reveal()
    wrong = value[:index] + ("0" if value[index] != "0" else "1") + value[index + 1 :]
    assert not secrets.has_shape(wrong, "stk_")


@pytest.mark.parametrize("value", ["", "stk_", "stk_" + "é" * 49, "stk_" + "0" * 48, "stk_" + "0" * 49])
def test_noise_has_no_shape(value: str) -> None:
    assert not secrets.has_shape(value, "stk_")


def test_a_digest_depends_on_the_key() -> None:
    assert secrets.keyed_digest("value", b"k1") != secrets.keyed_digest("value", b"k2")
    assert secrets.fingerprint("value") == secrets.fingerprint("value")
    assert len(secrets.fingerprint("value")) == 12
