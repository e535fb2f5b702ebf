package prefectcloud

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/journal"
)

// What "prefect events stream" of Prefect 3.9.1 writes to its standard output is
// valid input of a spool, as it is: a first line of text, a blank between date
// and time, no account, no workspace. testdata/events-stream.jsonl is such a
// file, from a server of our own.
func TestPrefectCommandWritesSpoolFiles(t *testing.T) {
	s := &site{t: t, dir: t.TempDir()}
	text, err := os.ReadFile("testdata/events-stream.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	spool := filepath.Join(s.dir, "spool.jsonl")
	s.config = filepath.Join(s.dir, "shiplog.yaml")
	config := fmt.Sprintf(`
data_dir: %s
admin: {listen: ""}
sources:
  cloud: {type: spool, paths: [%q]}
sinks:
  out: {type: "null"}
`, filepath.Join(s.dir, "data"), spool)
	for name, content := range map[string]string{spool: string(text), s.config: config} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.once()
	s.exactly([]string{
		"02c0666b-8209-4387-abe3-b46f0e45e9ff",
		"88188ec0-a412-4f5d-adfa-26196d5607fa",
		"c0dd42f8-73d3-4d04-bec1-f66816044561",
	})
	view, err := journal.OpenReadOnly(filepath.Join(s.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	r := view.Read(1)
	defer r.Close()
	frame, ok, err := r.TryNext()
	if !ok || err != nil {
		t.Fatal(err)
	}
	if got, want := frame.Events[0].Occurred, time.Date(2026, 11, 25, 23, 39, 31, 536267000, time.UTC); !got.Equal(want) {
		t.Errorf("it occurred at %s, want %s", got, want)
	}
	if left, err := os.ReadDir(filepath.Join(s.dir, "data", "deadletters")); err == nil && len(left) > 0 {
		for _, f := range left {
			if info, err := f.Info(); err == nil && info.Size() > 0 {
				t.Errorf("%s has dead letters", f.Name())
			}
		}
	}
}
