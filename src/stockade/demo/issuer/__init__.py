"""Another company's issuer, for the demo: it knows nothing of the API but its address, and of Stockade nothing."""
