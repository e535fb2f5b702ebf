package agent

import (
	"os"
	"path/filepath"
	"testing"
)

// A reload keeps what processors remember, unless it changes one of them; the
// content of a file that they name counts.
func TestReloadKeepsProcessors(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	load := func(learn, sink string) *Plan {
		t.Helper()
		p, err := Load(write("shiplog.yaml", `
data_dir: `+dir+`
sources: {in: {type: spool, paths: ["`+dir+`/*.jsonl"]}}
processors:
  - redact: {fields: [user.email], with: hash, key: "${file:`+key+`}"}
  - detect: {learn: `+learn+`}
sinks: {`+sink+`: {type: stdout}}
`), Builtin())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("key", "one")
	was := load("1h", "out")

	same := load("1h", "other")
	if same.keepProcessors(was); same.Pipeline.Processors != was.Pipeline.Processors {
		t.Error("processors that did not change are not kept")
	}
	changed := load("2h", "out")
	if changed.keepProcessors(was); changed.Pipeline.Processors == was.Pipeline.Processors {
		t.Error("processors that changed are not taken up")
	}
	write("key", "two")
	rotated := load("1h", "out")
	if rotated.keepProcessors(was); rotated.Pipeline.Processors == was.Pipeline.Processors {
		t.Error("a key that was rotated in its file is not taken up")
	}
}
