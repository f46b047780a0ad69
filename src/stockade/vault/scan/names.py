"""Files that are secrets by their name, whatever is in them, and that nobody has a reason to keep in git."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator

from stockade.vault.scan.finding import Finding
from stockade.vault.scan.look import masked

KIND = "tracked-secret-file"
_NAME = re.compile(
    r"(?:\.env(?:\.local|\.prod|\.production)?|\.pgpass|\.netrc|\.htpasswd|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|credentials\.json|db\.sqlite3|terraform\.tfstate|.+\.(?:p12|pfx|jks|keystore|kdbx|ppk))"
)


def by_name(content: bytes, path: str, allowed: Collection[str] = frozenset()) -> Iterator[Finding]:
    """The file itself, if its name says that it is one and there is something in it.

    Args:
        content: of the file, whatever it is.
        path: where it is.
        allowed: fingerprints of what was judged to be none; here of the whole content.
    """
    if _NAME.fullmatch(path.rpartition("/")[2]) and content.strip():
        mark = hashlib.sha256(content).hexdigest()[:12]
        if mark not in allowed:
            yield Finding(masked(path), 0, KIND, mark)
