"""The schemes `authtoken`, `knox` and `drf-api-key`: of other packages, imported into our own table."""
