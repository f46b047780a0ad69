"""`python -m stockade.demo.mint`: signs headers and claims with the running demo's own key, one JSON line each.

What a service could do that shares the key: the attacks need genuine signatures under claims that must be refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stockade.demo.config import Config

Mint = Callable[[Mapping[str, Any], Mapping[str, Any]], str]


@contextlib.contextmanager
def minting(config: Config) -> Iterator[Mint]:
    """A function that signs with the key of the reference API, in a process of its own: Django is set up only there."""
    from stockade.demo.launch import environment

    process = subprocess.Popen(
        [sys.executable, "-m", "stockade.demo.mint"],
        env=environment(config),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker: both are pipes
    assert process.stdout is not None  # noqa: S101
    entrance, exit_ = process.stdin, process.stdout

    def mint(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        entrance.write(json.dumps([header, claims]) + "\n")
        entrance.flush()
        return exit_.readline().strip()

    try:
        yield mint
    finally:
        entrance.close()
        process.terminate()
        process.wait()
        exit_.close()


def main() -> None:
    """Sign until standard input ends."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "stockade.demo.project.settings"
    import django

    django.setup()
    from stockade import keyring
    from stockade.demo.attacks.forge import with_own_key

    for line in sys.stdin:
        header, claims = json.loads(line)
        kid, algorithm, key = keyring.ring().signer()
        token = with_own_key({**header, "alg": algorithm, "kid": kid}, claims, key.private_key)  # type: ignore[arg-type]
        sys.stdout.write(token + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
