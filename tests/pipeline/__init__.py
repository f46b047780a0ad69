"""The way of one request, walked through the middleware."""
