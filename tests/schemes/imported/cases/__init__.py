"""What runs in a process of its own, whose INSTALLED_APPS have every package, see `tests.drf.foreign.inner`."""
