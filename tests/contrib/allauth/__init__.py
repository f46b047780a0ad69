"""django-allauth beside Stockade, in a process whose INSTALLED_APPS have it."""
