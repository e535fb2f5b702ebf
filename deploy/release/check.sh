#!/usr/bin/env bash
# Builds a release twice, in trees at different places and with build caches of
# their own, and compares the bytes. TARGETS and VERSION as for build.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TARGETS=${TARGETS:-linux/amd64}
export VERSION=${VERSION:-$(git describe --tags --always)} COMMIT SOURCE_DATE_EPOCH
COMMIT=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)

# Of that commit: HEAD may move meanwhile.
for tree in one two-with-a-longer-name; do
	mkdir -p "$work/$tree/src"
	git archive "$COMMIT" | tar --extract --directory "$work/$tree/src"
	GOCACHE=$work/$tree/cache "$work/$tree/src/deploy/release/build.sh" "$work/$tree/dist"
done
diff -r "$work/one/dist" "$work/two-with-a-longer-name/dist"
cat "$work/one/dist/SHA256SUMS"
echo 'the same bytes, twice'
