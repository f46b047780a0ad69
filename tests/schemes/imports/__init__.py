"""Projects that come from authtoken, knox and drf-api-key, in a process whose INSTALLED_APPS have their tables."""
