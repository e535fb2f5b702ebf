package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// However the content behind a config's name changes, it is told of. The test
// hangs where it is not.
func TestEveryChangeOfTheConfigIsToldOf(t *testing.T) {
	write := func(t *testing.T, name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for how, change := range map[string]func(t *testing.T, name, target string){
		"written in place, behind a link": func(t *testing.T, _, target string) { write(t, target, "other") },
		"gone and back, behind a link": func(t *testing.T, _, target string) {
			if err := os.Remove(target); err != nil {
				t.Fatal(err)
			}
			write(t, target, "again, and another")
		},
		"the link is another": func(t *testing.T, name, target string) {
			write(t, target+".new", "new")
			if err := os.Symlink(target+".new", name+".tmp"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(name+".tmp", name); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			name, target := filepath.Join(t.TempDir(), "shiplog.yaml"), filepath.Join(t.TempDir(), "target.yaml")
			write(t, target, "old")
			if err := os.Symlink(target, name); err != nil {
				t.Fatal(err)
			}
			changes, stop := watch(name, slog.New(slog.DiscardHandler))
			defer stop()
			change(t, name, target)
			<-changes
		})
	}
}
