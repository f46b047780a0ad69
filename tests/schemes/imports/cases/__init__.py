"""The cases; see `tests.schemes.imports.test_imports`."""
