"""The scheme `simplejwt`: tokens that simplejwt issued before the project moved here, while the import takes them."""
