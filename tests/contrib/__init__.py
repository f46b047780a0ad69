"""Rooms for other packages, each against the real one."""
