"""Projects that come from rest_framework.authtoken, in a process whose INSTALLED_APPS have its table."""
