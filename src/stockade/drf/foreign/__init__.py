"""Foreign schemes: DRF authenticators of other packages, asked by the pipeline at every request."""
