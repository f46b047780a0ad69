"""Mozilla's recommendations for TLS, as its generator has them in machine-readable form.

Server Side TLS guideline 6.0, https://ssl-config.mozilla.org/guidelines/6.0.json, read on 2026-11-26. Against 5.7 (of
2023-05-15) it takes the DHE suites out of "intermediate", adds the hybrid key exchange X25519MLKEM768, and drops "old".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GUIDELINE: Final = (
    "Mozilla Server Side TLS 6.0, read on 2026-11-26: https://ssl-config.mozilla.org/guidelines/6.0.json"
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One configuration of the guideline.

    Args:
        name: as the guideline calls it.
        oldest: the oldest browser that it serves.
        versions: as OpenSSL names them.
        ciphers: of TLS 1.2, as IANA names them; TLS 1.3 has three suites of its own, which the guideline takes.
    """

    name: str
    oldest: str
    versions: tuple[str, ...]
    ciphers: tuple[str, ...]

    @property
    def openssl_ciphers(self) -> str:
        """The ciphers of TLS 1.2 as OpenSSL and nginx name them."""
        return ":".join(_OPENSSL[name] for name in self.ciphers)


# The hybrid one first: what is recorded today stays secret when a quantum computer comes.
OPENSSL_CURVES: Final = ("X25519MLKEM768", "X25519", "prime256v1", "secp384r1")
CADDY_CURVES: Final = ("x25519mlkem768", "x25519", "secp256r1", "secp384r1")

_OPENSSL = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}

PROFILES: Final = {
    "intermediate": Profile(
        "intermediate",
        "Firefox 31, Chrome 49, Safari 9, Java 8",
        ("TLSv1.2", "TLSv1.3"),
        tuple(_OPENSSL),
    ),
    "modern": Profile("modern", "Firefox 63, Chrome 70, Safari 12.1, Java 11", ("TLSv1.3",), ()),
}
