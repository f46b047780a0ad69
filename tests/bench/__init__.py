"""Tests of the bench: that it produces every row, and that what it counts is as promised; never how fast."""
