"""The cases; see `tests.schemes.every.test_every`."""
