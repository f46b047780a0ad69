"""The secrets of a source as the verifier and the signer use them: HMAC keys, and Ed25519 keys for `v1a`."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from stockade.webhooks.presets import Preset

if TYPE_CHECKING:
    from stockade.webhooks.ed25519 import PrivateKey, PublicKey

SECRET, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
LEAST, MOST = 24, 64  # bytes of a symmetric secret, as the specification of Standard Webhooks says
MANY: Final = 10  # secrets of one source: each is tried


class Keys:
    """The keys of one source, in the order in which they are tried. Their type says which signatures they verify.

    A public key is never the key of an HMAC: whoever knows it could sign.

    Args:
        digest: of the HMAC.
        shared, public, private: the keys of each kind.

    Attributes:
        macs: an HMAC of each shared key that has read nothing; to copy it costs a quarter less than to begin anew.
    """

    __slots__ = ("macs", "private", "public", "shared")

    def __init__(
        self,
        digest: str,
        shared: tuple[bytes, ...],
        public: tuple[PublicKey, ...],
        private: tuple[PrivateKey, ...],
    ) -> None:
        self.shared, self.public, self.private = shared, public, private
        self.macs = tuple([hmac.new(key, digestmod=digest) for key in shared])

    def identities(self) -> frozenset[bytes]:
        """What makes two secrets one, however each is written: the bytes of each key, and which kind it is of."""
        return frozenset([b"s" + key for key in self.shared] + [b"p" + key.raw for key in self.public])

    def __repr__(self) -> str:
        return f"Keys({len(self.shared)} shared, {len(self.public)} public)"


def read(preset: Preset, secrets: str | Iterable[str]) -> Keys:
    """The keys in the secrets of a source.

    Args:
        preset: how the source signs.
        secrets: one, or several while one follows another.

    Raises:
        ValueError: one is none for this preset; the message does not quote it.
    """
    listed = [secrets] if isinstance(secrets, str) else list(secrets)
    if not listed or len(listed) > MANY:
        raise ValueError(f"Write 1 to {MANY} secrets.")
    shared: list[bytes] = []
    public: list[PublicKey] = []
    private: list[PrivateKey] = []
    for secret in listed:
        if not str(secret).strip():
            raise ValueError("A secret is empty: everybody could sign.")
        if not preset.coded:
            shared.append(_encoded(secret))
        elif secret.startswith((PRIVATE, PUBLIC)):
            from stockade.webhooks.ed25519 import PrivateKey, PublicKey

            raw = _decoded(secret)
            if secret.startswith(PRIVATE):
                key = PrivateKey(raw)
                private.append(key)
                public.append(key.public)
            else:
                public.append(PublicKey(raw))
        else:
            shared.append(_symmetric(secret))
    return Keys(preset.digest, tuple(shared), tuple(public), tuple(private))


def _symmetric(secret: str) -> bytes:
    if not secret.startswith(SECRET):
        raise ValueError(f"A secret begins with {SECRET}, a key with {PRIVATE} or {PUBLIC}.")
    raw = _decoded(secret)
    if not LEAST <= len(raw) <= MOST:
        raise ValueError(f"A {SECRET} secret holds {LEAST} to {MOST} bytes.")
    return raw


def _encoded(secret: str) -> bytes:
    try:
        return secret.encode()
    except UnicodeEncodeError:
        raise ValueError("A secret is not UTF-8.") from None


def _decoded(secret: str) -> bytes:
    text = secret.partition("_")[2]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("What stands after the prefix of a secret is not base64.") from None
