package config

import "os"

// Unchanged says whether two looks at a file, by os.Stat, saw the same content,
// as far as can be told without reading it. Nil is a look that found no file.
func Unchanged(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
