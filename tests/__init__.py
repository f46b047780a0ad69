"""The test suite of Stockade; its rooms mirror those of `src/stockade`."""
