package e2e

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// spool writes n events over rotating files, as a collector would leave them.
func spool(t testing.TB, dir string, n, perFile int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g := newGenerator(7)
	files := (n + perFile - 1) / perFile
	for i := range files {
		name := "audit.jsonl"
		if older := files - 1 - i; older > 0 {
			name = fmt.Sprintf("audit.jsonl.%d", older)
		}
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriterSize(f, 1<<20)
		for k := i * perFile; k < min(n, (i+1)*perFile); k++ {
			_, _ = w.Write(g.line(k))
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
