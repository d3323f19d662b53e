#!/bin/sh
# Install Debian packages as root or through a sudo that asks nothing; fail, saying why, where neither is possible.
#
#   sh scripts/apt-install.sh PACKAGE...
set -eu
if ! command -v apt-get >/dev/null 2>&1; then
    echo "This machine has no apt-get: cannot install $*." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root="env"
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    echo "Neither root nor able to use sudo without a password: cannot install $*." >&2
    exit 1
fi
# What apt says goes to stderr: callers may read stdout.
$as_root apt-get update -qq >&2 </dev/null || echo "apt-get update failed; going on with the package lists at hand." >&2
$as_root DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends "$@" >&2 </dev/null
