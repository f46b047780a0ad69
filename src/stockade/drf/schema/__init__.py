"""What drf-spectacular does not see: schemes, scopes, refusals and limits, of the declared policies, in OpenAPI."""
