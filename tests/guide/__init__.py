"""The small example of the guide, its section 13: as it stands there, and on Stockade."""
