"""The reference API as a Django project: what `stockade demo` serves."""
