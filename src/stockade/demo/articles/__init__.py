"""The articles that the reference API and its twin both serve."""
