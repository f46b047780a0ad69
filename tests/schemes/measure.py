"""What the scheme costs, on this machine: `DJANGO_SETTINGS_MODULE=tests.settings python -m tests.schemes.measure`."""

from __future__ import annotations

import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

ALGORITHMS = ("ES256", "EdDSA", "RS256", "HS256")


def microseconds(call: Callable[[], Any], number: int = 300) -> float:
    """The best of seven runs: what disturbs only adds."""
    call()
    return min(timeit.repeat(call, number=number, repeat=7)) / number * 1e6


def main() -> None:
    """Print one line for each step."""
    import django
    from django.test.utils import override_settings

    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        from django.db import connection

        connection.settings_dict["NAME"] = str(Path(folder) / "measure.sqlite3")
        with override_settings(STOCKADE={"STATE": "memory://", "EVENTS": {"SINKS": ["database"]}}):
            _measure()
        connection.close()


def _measure() -> None:
    import warnings

    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.test.utils import override_settings

    from stockade import keyring
    from stockade.core.errors import InvalidCredential
    from stockade.schemes.jwt import JWTScheme, access, issue, redeem, refresh

    warnings.simplefilter("ignore")
    call_command("migrate", verbosity=0)
    user = User.objects.create_user("alice", password="x")
    user.groups.add(Group.objects.create(name="Editors"))
    scheme = JWTScheme()
    for algorithm in ALGORITHMS:
        keyring.rotate(now=True, algorithm=algorithm)
        print(algorithm, _verifying(issue(user).access))

    def refused(value: str) -> Callable[[], None]:
        def call() -> None:
            try:
                access.verify(value)
            except InvalidCredential:
                return
            raise AssertionError

        return call

    keyring.rotate(now=True, algorithm="ES256")
    pair = issue(user)
    credential = access.verify(pair.access)
    foreign = (
        access.compact.encode(b'{"typ":"at+jwt","alg":"ES256","kid":"x"}')
        + pair.access[pair.access.index(".") :]
    )
    print(f"looks_mine {microseconds(lambda: scheme.looks_mine(pair.access)):.1f} us")
    print(f"refuse 1 MB {microseconds(refused('x' * 1_000_000)):.1f} us")
    print(f"refuse another kid {microseconds(refused(foreign)):.1f} us")
    print(f"refuse alg none {microseconds(refused(foreign.rsplit('.', 1)[0] + '.')):.1f} us")
    print(f"read a refresh token's MAC {microseconds(lambda: refresh.read(pair.refresh)):.1f} us")
    print(f"load: one query on SQLite {microseconds(lambda: scheme.load(credential)):.0f} us")

    def rotate() -> None:
        nonlocal pair
        pair = redeem(pair.refresh)

    print(f"redeem on SQLite, event included {microseconds(rotate, 50):.0f} us")
    with override_settings(PASSWORD_HASHERS=["stockade.schemes.passwords.Argon2"]):
        print(f"Argon2 {microseconds(lambda: make_password('x'), 5) / 1000:.1f} ms")


def _verifying(token: str) -> str:
    from joserfc import jwt as joserfc_jwt

    from stockade import keyring
    from stockade.schemes.jwt import access, algorithms

    head, body, signature = token.split(".")
    signer = keyring.ring().signer()
    found = keyring.ring().verifier(signer.kid)
    assert found is not None
    signing, proof = f"{head}.{body}".encode(), access.compact.decode(signature)
    ours = microseconds(lambda: access.verify(token))
    alone = microseconds(lambda: algorithms.MODELS[found.algorithm].verify(signing, proof, found.key))
    theirs = microseconds(lambda: joserfc_jwt.decode(token, found.key, algorithms=[found.algorithm]))
    return f"{ours:.1f} us, of it the signature {alone:.1f} us; joserfc.jwt.decode, claims unchecked: {theirs:.1f} us"


if __name__ == "__main__":
    main()
