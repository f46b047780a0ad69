"""django-allauth beside Stockade: its logins, second factors and passkeys become our sessions and tokens."""
