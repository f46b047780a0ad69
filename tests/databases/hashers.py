"""A password hasher that is not the suite's own and as quick."""

from __future__ import annotations

from django.contrib.auth.hashers import MD5PasswordHasher


class Quick(MD5PasswordHasher):
    algorithm = "quick"
