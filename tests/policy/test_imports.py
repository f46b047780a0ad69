"""`stockade.policy` is imported by views, before anything is loaded: it must need nothing, and pull in no extra."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import sys
from django.db.models import Q
from stockade.policy import Granted, Owner, Permission, Public, Role, Scope
mine = Owner("author") & Granted("a.b") | Permission("a.b")
rule = (Public(where=Q(published=True)) | mine) & Scope("x") & ~Role("y")
assert "published" in repr(rule) and rule.about_objects
loaded = {name.split(".")[0] for name in sys.modules}
print(sorted(loaded & {"guardian", "rest_framework"}), "django.contrib.auth.models" in sys.modules)
"""


def test_rules_are_written_before_settings_and_apps_are_there_and_without_extras() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[] False\n", "")
