#!/bin/sh
# Print the path of a Chromium that starts: $CHROMIUM, else one on PATH, else Debian's, which is installed.
set -eu

starts() { "$1" --version >/dev/null 2>&1 </dev/null; }

if [ -n "${CHROMIUM:-}" ]; then
    if starts "$CHROMIUM"; then
        command -v "$CHROMIUM"
        exit 0
    fi
    echo "CHROMIUM=$CHROMIUM does not start." >&2
    exit 1
fi
for attempt in found installed; do
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        # Ubuntu's chromium-browser may be a stub that only asks for a snap, so starting it is the test.
        if path=$(command -v "$name") && starts "$path"; then
            echo "$path"
            exit 0
        fi
    done
    [ $attempt = found ] || break
    echo "No Chromium found; installing Debian's package chromium ..." >&2
    sh scripts/apt-install.sh chromium || break
done
cat >&2 <<'END'
The browser tests need Chromium and none could be found or installed. Either
  install it:        apt-get install chromium     (as root, on Debian)
  or say where it is: make test CHROMIUM=/path/to/chrome
END
exit 1
