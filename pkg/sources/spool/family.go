package spool

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// What rotation adds to a name: compression, numbers, dates, "old".
var (
	packedSuffix  = regexp.MustCompile(`(?i)\.(gz|zst|zstd)(\.(tmp|temp|part))?$`)
	packingSuffix = regexp.MustCompile(`(?i)\.(gz|zst|zstd)\.(tmp|temp|part)$`) // while it is written
	rotatedSuffix = regexp.MustCompile(`(?i)([-._](\d[\dTZ:_.-]*|old|bak|prev))+$`)
)

// family takes from a file's name what rotation adds to it, so that all files
// that one log was rotated into have the same: audit.jsonl, audit.jsonl.1,
// audit.jsonl.2.gz and audit-20261102.jsonl.zst are all audit.jsonl.
func family(name string) string {
	name = packedSuffix.ReplaceAllString(name, "")
	if s := rotatedSuffix.ReplaceAllString(name, ""); s != "" {
		name = s
	}
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if s := rotatedSuffix.ReplaceAllString(stem, ""); s != "" {
		stem = s
	}
	return stem + ext
}

// unrotated takes from the end of a path what rotation appends:
// worker-1.jsonl.3.gz is worker-1.jsonl, of the family worker.jsonl.
func unrotated(path string) string {
	dir, name := filepath.Split(packedSuffix.ReplaceAllString(path, ""))
	if s := rotatedSuffix.ReplaceAllString(name, ""); s != "" {
		name = s
	}
	return dir + name
}

// familyPath is the path that the file's log has before it is rotated.
func familyPath(path string) string {
	return filepath.Join(filepath.Dir(path), family(filepath.Base(path)))
}

// older says whether a was written before b: by time, and where that is equal
// by the order in which rotation numbers names.
func older(a, b *file) bool {
	if !a.mtime.Equal(b.mtime) {
		return a.mtime.Before(b.mtime)
	}
	na, nb := rotationNumber(a.path), rotationNumber(b.path)
	if na != nb {
		return na > nb
	}
	return a.path < b.path
}

// rotationNumber is the number in audit.jsonl.3; 0 where there is none.
func rotationNumber(path string) int {
	path = packedSuffix.ReplaceAllString(path, "")
	n, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(path), "."))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
