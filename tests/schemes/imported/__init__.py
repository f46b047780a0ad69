"""Projects that come from simplejwt, in a process whose INSTALLED_APPS have its tables."""
