"""Rooms for other packages, one each: the package is imported there and nowhere else."""
