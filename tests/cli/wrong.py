"""Settings whose STATE is no state."""

from tests.settings import *  # noqa: F403 - settings are names

STOCKADE = {"STATE": "carrier-pigeon://"}
