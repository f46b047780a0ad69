"""The DRF adapters."""
