"""Tests of what the project stands on: imports, databases, servers, locks, documents."""
