#!/bin/sh
# Write requirements/*.txt anew from pyproject.toml, for every supported Python and system at once.
#
#   sh scripts/lock.sh UV [--upgrade]
#
# demo.txt    what a site installs           dev.txt    and what tests and checks need
# lowest.txt  the oldest versions that pyproject.toml promises to work with, and the tests' own tools
set -eu
uv=$1
shift

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --custom-compile-command "make lock" "$@"
}

compile pyproject.toml --group build --output-file requirements/demo.txt "$@"
compile pyproject.toml --group dev --output-file requirements/dev.txt "$@"
compile pyproject.toml --group test --resolution lowest-direct --output-file requirements/lowest.txt "$@"
