"""Private keys at rest: what a stolen database holds, and what happens when SECRET_KEY changes."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from stockade import keyring
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.keyring import material, store
from stockade.keyring.wrapping import Wrapper
from stockade.models import SigningKey

OLD, NEW, OTHER = (
    "old-" + "0123456789abcdef" * 3,
    "new-" + "fedcba9876543210" * 3,
    "other-" + "02468ace13579bdf" * 3,
)


class TestSealing:
    def test_opens_what_it_sealed(self) -> None:
        sealed = Wrapper([OLD]).wrap(b"secret", "kid", "ES256")
        assert Wrapper([NEW, OLD]).unwrap(sealed, "kid", "ES256") == b"secret"
        assert sealed != Wrapper([OLD]).wrap(b"secret", "kid", "ES256")

    @pytest.mark.parametrize(
        ("kid", "algorithm"), [("kie", "ES256"), ("kid", "HS256"), ("", ""), ("kid\0ES256", "")]
    )
    def test_a_sealed_value_moved_to_another_row_does_not_open(self, kid: str, algorithm: str) -> None:
        sealed = Wrapper([OLD]).wrap(b"secret", "kid", "ES256")
        with pytest.raises(ConfigurationError, match="E074"):
            Wrapper([OLD]).unwrap(sealed, kid, algorithm)

    def test_no_changed_byte_opens(self) -> None:
        sealed = Wrapper([OLD]).wrap(b"secret", "kid", "ES256")
        for at in range(len(sealed)):
            changed = bytearray(sealed)
            changed[at] ^= 1
            with pytest.raises(ConfigurationError, match=r"E07[04]"):
                Wrapper([OLD]).unwrap(bytes(changed), "kid", "ES256")

    @pytest.mark.parametrize("length", [0, 1, 9, 20, 21, 30])
    def test_a_truncated_value_does_not_open(self, length: int) -> None:
        sealed = Wrapper([OLD]).wrap(b"secret", "kid", "ES256")
        with pytest.raises(ConfigurationError, match=r"E07[04]"):
            Wrapper([OLD]).unwrap(sealed[:length], "kid", "ES256")

    def test_a_repr_shows_nothing(self) -> None:
        assert OLD not in repr(Wrapper([OLD]))
        from stockade.keyring.conf import wrapping_keys

        assert "and no secret" not in repr(wrapping_keys())


@pytest.mark.django_db
class TestWhenTheKeyChanges:
    def test_without_a_fallback_it_says_what_to_do_and_shows_nothing(self, settings: Any) -> None:
        settings.SECRET_KEY = OLD
        signer = keyring.ring().signer()
        secret = str(signer.key.as_dict(private=True)["d"])
        settings.SECRET_KEY = NEW
        with pytest.raises(ConfigurationError, match=r"E070.*SECRET_KEY_FALLBACKS.*rewrap") as caught:
            keyring.ring()
        assert caught.value.__traceback__ is not None
        text = "".join(
            traceback.TracebackException(
                type(caught.value), caught.value, caught.value.__traceback__.tb_next, capture_locals=True
            ).format()
        )
        for hidden in (secret, OLD, NEW):
            assert hidden not in text
        assert signer.kid in text

    def test_with_a_fallback_nothing_is_lost_and_rewrapping_ends_the_need(self, settings: Any) -> None:
        settings.SECRET_KEY = OLD
        kid = keyring.ring().signer().kid
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OTHER, OLD]
        assert keyring.ring().signer().kid == kid
        version = keyring.ring().version
        assert keyring.rewrap() == 1
        assert keyring.rewrap() == 0
        settings.SECRET_KEY_FALLBACKS = []
        assert keyring.ring().signer().kid == kid
        assert keyring.ring().version == version

    def test_moving_to_a_key_of_its_own(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.SECRET_KEY = OLD
        kid = keyring.ring().signer().kid
        monkeypatch.setenv("STOCKADE_KEY", NEW)
        keyring.forget()
        assert keyring.ring().signer().kid == kid
        assert keyring.rewrap() == 1
        settings.SECRET_KEY = OTHER  # may now change as it likes
        assert keyring.ring().signer().kid == kid

        monkeypatch.setenv("STOCKADE_KEY", OLD[::-1])
        keyring.forget()
        with pytest.raises(ConfigurationError, match="E070"):
            keyring.ring()
        monkeypatch.setenv("STOCKADE_KEY_FALLBACKS", f"{OTHER},{NEW}")
        assert keyring.ring().signer().kid == kid

    def test_as_django_settings(self, settings: Any) -> None:
        settings.STOCKADE_KEY = OLD
        kid = keyring.ring().signer().kid
        settings.STOCKADE_KEY, settings.STOCKADE_KEY_FALLBACKS = NEW, [OLD]
        assert keyring.ring().signer().kid == kid
        settings.STOCKADE_KEY_FALLBACKS = []
        with pytest.raises(ConfigurationError, match="E070"):
            keyring.ring()

    def test_from_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
        path = tmp_path / "key"
        path.write_text(NEW + "\n")
        path.chmod(0o400)
        monkeypatch.setenv("STOCKADE_KEY_FILE", str(path))
        kid = keyring.ring().signer().kid
        monkeypatch.delenv("STOCKADE_KEY_FILE")
        settings.STOCKADE_KEY = NEW
        assert keyring.ring().signer().kid == kid

    @pytest.mark.parametrize("weak", ["brief-one", "a" * 60, "django-insecure-" + OLD])
    def test_a_weak_key_of_its_own_does_not_start(self, settings: Any, weak: str) -> None:
        settings.STOCKADE_KEY = weak
        with pytest.raises(ConfigurationError, match="E071") as caught:
            keyring.ring()
        assert weak not in str(caught.value)

    def test_an_expired_key_that_cannot_be_unwrapped_stops_nothing(self, settings: Any) -> None:
        settings.SECRET_KEY = OLD
        old = keyring.ring().signer().kid
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
        new = keyring.rotate(now=True)
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(ConfigurationError, match="E070"):
            keyring.ring()  # its tokens are still about: refused loudly, not quietly
        clock.shift(61)
        assert keyring.ring().signer().kid == new
        assert keyring.ring().mac(old, b"p", b"m") is None

    def test_what_was_unwrapped_once_is_not_unwrapped_again_and_goes_with_its_row(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While something is under change every request reads the ring."""
        calls: list[str] = []
        unwrap = Wrapper.unwrap

        def counted(wrapper: Wrapper, wrapped: bytes, kid: str, algorithm: str) -> bytes:
            calls.append(kid)
            return unwrap(wrapper, wrapped, kid, algorithm)

        monkeypatch.setattr(Wrapper, "unwrap", counted)
        old = keyring.ring().signer().kid
        new = keyring.rotate(now=True)
        keyring.ring()
        calls.clear()
        for _ in range(3):
            keyring.forget()
            assert keyring.ring().verifier(old) is not None
        assert calls == []
        keyring.retire(old, compromised=True)
        keyring.ring()
        assert [name.split(b"\0")[0].decode() for name in store._opened[1]] == [new]

    def test_a_lost_key_can_be_given_up(self, settings: Any) -> None:
        settings.SECRET_KEY = OLD
        kid = keyring.ring().signer().kid
        settings.SECRET_KEY = NEW
        keyring.retire(kid, compromised=True)
        assert keyring.ring().signer().kid != kid

    def test_a_row_with_garbage(self) -> None:
        kid = keyring.ring().signer().kid
        SigningKey.objects.filter(pk=kid).update(wrapped=b"\xff" * 200)
        keyring.forget()
        with pytest.raises(ConfigurationError, match="E070"):
            keyring.ring()


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
def test_no_id_of_a_key_reads_as_an_option_of_a_command(algorithm: str) -> None:
    """Of 1,000 ids that may begin with a dash none does with a chance of one in seven million."""
    assert not [kid for kid in (material.generate(algorithm)[0] for _ in range(1000)) if kid.startswith("-")]
