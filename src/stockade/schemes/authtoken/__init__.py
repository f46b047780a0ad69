"""The scheme `authtoken`: tokens of rest_framework.authtoken that were imported, as digests in the table of our own."""
