"""The gate: one atomic call to the shared state that counts limits and tells what has changed."""
