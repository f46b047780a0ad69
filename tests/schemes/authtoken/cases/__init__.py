"""The cases; see `tests.schemes.authtoken.test_authtoken`."""
