"""What settings.py may import loads neither Django nor Django REST framework, and the package states one version."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import subprocess
import sys

import pytest

SETTINGS_MODULES = [
    "stockade",
    "stockade.drf",
    "stockade.edge",
    "stockade.vault",
    "stockade.core",
    "stockade.webhooks",
    "stockade.webhooks.presets",
]
# Importing DRF before the settings are complete freezes APIView's defaults at AllowAny, without a word.
UNWANTED = ["django", "rest_framework", "lmdb", "guardian", "granian", "typer", "drf_spectacular"]


@pytest.mark.parametrize("module", SETTINGS_MODULES)
def test_a_settings_module_that_imports_it_freezes_nothing(module: str) -> None:
    program = (
        f"import importlib, sys; importlib.import_module({module!r}); "
        f"print([name for name in {UNWANTED!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_version_is_stated_once() -> None:
    import stockade

    assert importlib.metadata.version("django-stockade") == stockade.__version__


def test_types_are_published() -> None:
    assert (importlib.resources.files("stockade") / "py.typed").is_file()
