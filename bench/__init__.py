"""The bench: what each control costs, and whether it holds, measured beside the stock parts in one run."""
