"""An app with users unlike Django's."""
