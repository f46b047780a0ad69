"""A row behind a real server: the WSGI application that `bench.load` has granian serve."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from django.conf import settings

from bench import registered

# `bench.load` writes it; the workers of one server share it, and with it the row's database and state.
settings.configure(
    **registered.settings(*pickle.loads(Path(os.environ["BENCH_SERVED"]).read_bytes())),
    # Without DEBUG Django would mail a traceback to somebody; here it is to stand in the server's log.
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"log": {"class": "logging.StreamHandler"}},
        "loggers": {"django.request": {"handlers": ["log"], "level": "ERROR"}},
    },
)

import django  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

django.setup()
application = get_wsgi_application()
