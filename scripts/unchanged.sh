#!/bin/sh
# Fail when DIR differs from what git has of it: built files are committed, and must be what the source builds.
#
#   sh scripts/unchanged.sh DIR
set -eu
dir=$1
if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    echo "Not a git checkout: cannot tell whether $dir is what was committed."
    exit 0
fi
git --no-pager diff --exit-code --stat -- "$dir" || {
    echo "$dir is not what its source builds. Commit (or git add) the new build." >&2
    exit 1
}
new=$(git ls-files --others --exclude-standard -- "$dir")
[ -z "$new" ] || {
    printf 'Built, but not in git:\n%s\n' "$new" >&2
    exit 1
}
