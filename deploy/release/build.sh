#!/usr/bin/env bash
# Builds a release into a directory: an archive for each system, an SBOM for each
# binary, and checksums. The same commit and the same Go give the same bytes,
# wherever the tree lies. TARGETS, VERSION and SOURCE_DATE_EPOCH override.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: build.sh DIRECTORY}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here"

targets=${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64}
version=${VERSION:-$(git describe --tags --always --dirty)}
commit=${COMMIT:-$(git rev-parse HEAD)}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false -trimpath' GOTOOLCHAIN=local LC_ALL=C TZ=UTC
unset GOAMD64 GOARM64 GOEXPERIMENT

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-s -w -buildid= -X main.version=$version -X main.commit=$commit"

# What does not depend on the system is made once, by a binary for this one.
go build -ldflags "$flags" -o "$work/agent" ./cmd/agent
mkdir -p "$work/common/completions"
"$work/agent" man "$work/common/man"
for shell in bash zsh fish powershell; do
	"$work/agent" completion "$shell" >"$work/common/completions/agent.$shell"
done
cp -r LICENSE NOTICE README.md CHANGELOG.md configs "$work/common/"
cp deploy/systemd/shiplog.service "$work/common/"

rm -f "$out"/shiplog-* "$out/SHA256SUMS"
for target in $targets; do
	name=shiplog-$version-${target%/*}-${target#*/}
	binary=agent
	[ "${target%/*}" != windows ] || binary=agent.exe
	cp -r "$work/common" "$work/$name"
	GOOS=${target%/*} GOARCH=${target#*/} go build -ldflags "$flags" -o "$work/$name/$binary" ./cmd/agent
	go run ./deploy/release/sbom -version "$version" "$work/$name/$binary" >"$out/$name.cdx.json"
	cp "$out/$name.cdx.json" "$work/$name/sbom.cdx.json"
	chmod -R u=rwX,go=rX "$work/$name"
	tar --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" \
		--format=ustar --create "$name" | gzip --no-name -9 >"$out/$name.tar.gz"
	echo "built $name"
done
cd "$out" && sha256sum shiplog-* >SHA256SUMS
