#!/bin/sh
# Print the path of an nginx that starts: $NGINX_PATH, else one on PATH or where Debian has it, else Debian's, which is installed.
# Not $NGINX: nginx itself reads that one, as a list of sockets it inherits.
set -eu

PATH="$PATH:/usr/sbin"
name=${NGINX_PATH:-nginx}
for attempt in found installed; do
    if path=$(command -v "$name") && "$path" -v >/dev/null 2>&1 </dev/null; then
        echo "$path"
        exit 0
    fi
    [ $attempt = found ] && [ -z "${NGINX_PATH:-}" ] || break
    echo "No nginx found; installing Debian's package nginx-light ..." >&2
    sh scripts/apt-install.sh nginx-light || break
done
cat >&2 <<'END'
The tests of the cache modes need nginx and none could be found or installed. Either
  install it:        apt-get install nginx-light     (as root, on Debian)
  or say where it is: make test NGINX_PATH=/path/to/nginx
END
exit 1
