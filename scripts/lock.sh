#!/usr/bin/env bash
# Write the locks in requirements/: hashes, markers for every platform, no host name. `lock.sh --upgrade` takes newer releases.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
export UV_CUSTOM_COMPILE_COMMAND="make lock" UV_PYTHON_DOWNLOADS=never

compile() { "$uv" pip compile --quiet --universal --generate-hashes "$@"; }

compile "$@" --python-version 3.11 requirements/uv.in -o requirements/uv.txt
compile "$@" --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements/dev.txt
compile "$@" --python-version 3.11 --group pyproject.toml:scan -o requirements/scan.txt

# One lock for each Django that is supported: `make matrix` installs them one by one.
for series in 5.2 6.0 6.1; do
    python=3.12 # Django 6.0 and 6.1 support Python 3.12 and newer
    [[ $series == 5.2 ]] && python=3.11
    printf 'Django==%s.*\n' "$series" |
        compile "$@" --python-version "$python" --all-extras --group test pyproject.toml \
            --constraints - -o "requirements/django${series/./}.txt"
done
