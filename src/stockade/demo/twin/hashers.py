"""Argon2 with the parameters that OWASP recommends, as on the other side: both verify a password at the same cost."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """19 MiB, two passes, one lane."""

    time_cost = 2
    memory_cost = 19456
    parallelism = 1
