"""The app that the documents' examples are about."""
