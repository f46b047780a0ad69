"""The files below deploy/, started as they stand: only addresses, ports and paths are put in."""
