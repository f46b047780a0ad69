#!/usr/bin/env bash
# Build a virtual environment from nothing but python3: setup.sh VENV LOCK [PYTHON]
set -euo pipefail

venv=$1
lock=$2
python=${3:-${PYTHON:-}}
here=$(cd "$(dirname "$0")/.." && pwd)
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
    printf 'stockade: %s\n' "$1" >&2
    printf '  remedy: %s\n' "$2" >&2
    exit 1
}

new_enough() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; }

# A python3 that is too old may stand beside a newer one that has its version in its name.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    if command -v python3 >/dev/null; then
        fail "$(python3 --version 2>&1) is too old: Python 3.11 or newer is needed." \
            "install a newer one (Debian: apt-get install python3 python3-venv) or name it: make setup PYTHON=/path/to/python3"
    fi
    fail "python3 was not found." \
        "install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"
}

if [[ -z $python ]]; then
    python=$(find_python)
elif ! command -v "$python" >/dev/null; then
    fail "PYTHON=$python was not found." "give the path of a Python 3.11 or newer"
elif ! new_enough "$python"; then
    fail "PYTHON=$python is too old: Python 3.11 or newer is needed." "give the path of a newer one"
fi

"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$("$python" --version 2>&1) comes without the venv module." \
        "install it (Debian: apt-get install python3-venv) or name another one: make setup PYTHON=/path/to/python3"

cd "$here"
stamp=$venv/.ready
[[ $venv == /* ]] && place=$venv || place=$here/$venv
# An environment whose interpreter is gone, that an interrupted run left half built, or that was built for another
# place (its scripts carry the path) is made anew.
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null || [[ -s $stamp && $(<"$stamp") != "$place" ]]; then
    echo "setup: creating $venv with $("$python" --version 2>&1)"
    "$python" -m venv --clear "$venv"
fi

explain_network() {
    fail "$1 could not be installed." \
        "read the lines above; without a connection to a package index, set PIP_INDEX_URL and UV_INDEX_URL to a mirror"
}

# pip only brings uv, which installs the rest in seconds instead of minutes.
# A machine-wide constraints file could forbid the locked version: the lock alone decides here.
wanted=$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements/uv.txt)
if ! "$venv/bin/uv" --version 2>/dev/null | grep -qF "uv $wanted"; then
    echo "setup: installing uv $wanted"
    PIP_CONSTRAINT= "$venv/bin/python" -m pip install --quiet --require-hashes --no-deps -r requirements/uv.txt ||
        explain_network "uv"
fi

echo "setup: installing $(grep -c '^[a-z0-9].*==' "$lock") locked packages"
"$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes -r "$lock" ||
    explain_network "$lock"

# The project itself cannot carry a hash; its build backend is in the lock, so nothing is fetched here.
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e . ||
    fail "the project itself could not be installed." "read the lines above"
# A test runs a client from npm, with the node and npm that the lock brings.
if [[ -x $venv/bin/npm ]]; then
    PATH="$place/bin:$PATH" "$venv/bin/npm" ci --silent --no-audit --no-fund --prefix tests/npm ||
        fail "the packages of tests/npm could not be installed." \
            "read the lines above; without a connection to the npm registry, set npm_config_registry to a mirror"
fi
# sslyze scans what the proxies serve. It cannot share an environment with the project: see pyproject.toml.
if [[ $lock == requirements/dev.txt ]]; then
    [[ -x $venv/scan/bin/python ]] || "$venv/bin/uv" venv --quiet --python "$venv/bin/python" "$venv/scan"
    "$venv/bin/uv" pip install --quiet --python "$venv/scan/bin/python" --require-hashes -r requirements/scan.txt ||
        explain_network requirements/scan.txt
fi
printf '%s' "$place" >"$stamp"
echo "setup: $venv is ready"
