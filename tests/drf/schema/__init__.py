"""The OpenAPI document, against what the views really answer."""
