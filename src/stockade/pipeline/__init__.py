"""The way of one request: find, verify, gate, policy, view, event; called in this order and nowhere else."""
