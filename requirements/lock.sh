#!/bin/sh
# Lock the dependencies with their digests: one file for each place that installs them.
# Plain requirement files, because a lock with addresses would bind every user to one package index.
set -eu
cd "$(dirname "$0")/.."
for file in operator dev; do
    case $file in
        operator) what="--extra operator --no-dev" ;;
        dev) what="--all-extras --group dev" ;;
    esac
    # shellcheck disable=SC2086
    uv export --quiet --format requirements-txt --no-emit-project --no-header --no-annotate $what \
        --output-file "requirements/$file.txt" > /dev/null
done
