#!/bin/sh
# Make the virtual environment DIR from the lock file LOCK and install this checkout into it, editable.
#
#   sh scripts/environment.sh DIR LOCK
#
# Does nothing when DIR was made from the same lock, the same pyproject.toml and at the same place. Uses $PYTHON if set,
# else the first Python >= 3.11 that can make environments; installs Debian's python3-venv where only that is missing.
set -eu
dir=$1 lock=$2
stamp="$dir/.made-from"

fail() {
    echo "$@" >&2
    exit 1
}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
whole() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# The first whole candidate, else the first recent one. A name on PATH proves little: shims of version managers may fail.
find_python() {
    first=
    for candidate in python3.13 python3.12 python3.11 python3; do
        recent "$candidate" || continue
        if whole "$candidate"; then
            echo "$candidate"
            return
        fi
        first=${first:-$candidate}
    done
    echo "$first"
}

python=${PYTHON:-$(find_python)}
[ -n "$python" ] || fail "Consentry needs Python 3.11 or later. None of python3.13, python3.12, python3.11 and python3" \
    "is one; install it, or name it: make PYTHON=/path/to/python3 ..."
recent "$python" || fail "PYTHON=$python is not a Python 3.11 or later that starts."

wanted=$("$python" -c 'import sys; print(sys.version, sys.prefix)'; pwd; cksum <"$lock"; cksum <pyproject.toml)
if [ -x "$dir/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

if ! whole "$python"; then
    echo "$python cannot make virtual environments; installing Debian's python3-venv ..."
    sh scripts/apt-install.sh python3-venv && whole "$python" ||
        fail "Please install the package python3-venv (as root: apt-get install python3-venv), then try again."
fi

echo "Making $dir from $lock ..."
rm -rf "$dir"
"$python" -m venv "$dir"
"$dir/bin/python" -m pip install -qq --no-deps --require-hashes --requirement "$lock"
"$dir/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable .
"$dir/bin/python" -m pip check
printf '%s\n' "$wanted" >"$stamp"
