package agent

import (
	"os"
	"path/filepath"
	"testing"
)

func TestContainerMemory(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       int64
	}{
		{"a limit", "67108864\n", 64 << 20},
		{"no limit", "max\n", 0},
		{"something else", "\n", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "memory.max")
			if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := containerMemory(file); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
	if got := containerMemory(filepath.Join(t.TempDir(), "missing")); got != 0 {
		t.Errorf("without a control group: got %d, want 0", got)
	}
}
