"""Tests of the edge: headers, plain HTTP, CORS, CSRF, profiles."""
