"""Runs every attack on the project in the current folder, in a database of its own; prints which succeed as JSON.

`attack_...` goes through a hole of the project, `gain_...` tries what was closed before and must stay so.

cd COPY-OF-THE-PROJECT && DJANGO_SETTINGS_MODULE=config.settings python attack.py .../tests/adopt/attacks/NAME.py
"""

from __future__ import annotations

import json
import os
import runpy
import sys


def main(path: str) -> None:
    """Run them.

    Args:
        path: of the module with the attacks.
    """
    sys.argv[1:] = ["test"]  # the settings of the projects know their tests by this word
    sys.path.insert(0, os.curdir)

    import django
    from django.conf import settings
    from django.core.cache import cache
    from django.db import transaction
    from django.test.utils import get_runner, override_settings
    from rest_framework.test import APIClient

    from stockade.testing import reset

    django.setup()
    runner = get_runner(settings)(verbosity=0, interactive=False)
    runner.setup_test_environment()
    databases = runner.setup_databases()
    succeeded = {}
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        for name, attack in runpy.run_path(path).items():
            if name.startswith(("attack_", "gain_")):
                # What one attack has used up of a limit must not stop the next.
                cache.clear()
                reset()
                with transaction.atomic():
                    succeeded[name] = bool(attack(APIClient))
                    transaction.set_rollback(True)
    runner.teardown_databases(databases)
    print(json.dumps(succeeded))


if __name__ == "__main__":
    main(sys.argv[1])
