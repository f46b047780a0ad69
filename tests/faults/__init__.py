"""Parts die, clocks are set and users are changed under load; what must not happen then is read off the history.

`driver.drive` runs a driver (`run` or `run_changes`) in a process of its own. That starts a database, a state, and
granian workers of the small project in `project/`, and drives them from threads (`lives`, `changers`) while parts are
taken away (`faults*`). Every request, change and fault is written down with CLOCK_MONOTONIC, which nobody can set and
all processes of a host share (`history`); `checker` reads that. By hand, with any seed::

    python -m tests.faults.run --state redis --database postgres --seconds 60 --seed 7

What is not tried: the wall clock of the Redis server itself, which cannot be set without setting the machine's; the
workers' is set, one way for half of them and another for the others, by less than CLOCK_SKEW. And power cuts: servers
die by SIGKILL and `pg_ctl -m immediate`, so what the kernel has in its buffers is not lost.
"""
