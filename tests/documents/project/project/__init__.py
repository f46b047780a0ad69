"""The project in which the documents' examples run."""
