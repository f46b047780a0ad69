"""Foreign schemes, against the packages themselves."""
