"""One suite for every scheme: the same life and the same attacks, in a process that has all of them in use."""
