"""Tests of the truth: what SQL says, and how its copies in the state follow."""
