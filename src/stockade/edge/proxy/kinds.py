"""The media types of files that a proxy serves itself; what is not here is data to be saved."""

from __future__ import annotations

from typing import Final

KINDS: Final = {
    "text/css": ("css",),
    "text/javascript": ("js", "mjs"),
    "text/html": ("html",),
    "text/plain": ("txt",),
    "application/json": ("json", "map"),
    "application/manifest+json": ("webmanifest",),
    "application/wasm": ("wasm",),
    "application/pdf": ("pdf",),
    "image/svg+xml": ("svg",),
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/avif": ("avif",),
    "image/x-icon": ("ico",),
    "font/woff2": ("woff2",),
    "font/woff": ("woff",),
}
