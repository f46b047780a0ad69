"""Models with every kind of relation that a policy may follow; for the tests of policies."""
