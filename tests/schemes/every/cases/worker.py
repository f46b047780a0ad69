"""Another worker of the same site: does what a line of JSON says and answers with a line, until its input ends."""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Serve."""
    import django

    django.setup()
    from django.test import override_settings

    from stockade import conf, keyring
    from stockade.core import clock
    from tests.schemes.every.cases.lives import Shown, ask

    settings: Any = None
    for line in sys.stdin:
        order, given = json.loads(line)
        found: Any = None
        if order == "configure":
            if settings is not None:
                settings.disable()
            settings = override_settings(STOCKADE=given)
            settings.enable()
            conf.forget()
            keyring.forget()
            clock.unshift()
        elif order == "shift":
            clock.shift(given)
        else:
            found = ask(Shown("", given["headers"], given["cookies"]), given["path"])
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
