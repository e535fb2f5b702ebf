//go:build integration

package prefect

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/shiplog/shiplog/integration/harness"
)

// What Prefect's own command streams into a file is input of a spool as it is.
func TestCommandStreamIsSpoolInput(t *testing.T) {
	const n = 100
	server := harness.StartPrefect(t, credentials)
	e := &emitter{t: t, server: server}
	s := newSite(t, server)
	spool := filepath.Join(s.dir, "stream.jsonl")
	out, err := os.Create(spool)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	path, env := server.Command()
	stream := exec.CommandContext(t.Context(), path, "events", "stream")
	stream.Env = append(append(os.Environ(), env...), "PYTHONUNBUFFERED=1")
	stream.Stdout = out
	if err := stream.Start(); err != nil {
		t.Fatal(err)
	}
	defer stream.Wait()
	defer stream.Process.Kill()

	// It subscribes a while after its start, and is given nothing of before
	// but the last minute: so one event at a time until one came.
	deadline := time.Now().Add(patience)
	for lines(spool) < n {
		if time.Now().After(deadline) {
			t.Fatalf("the command wrote %d lines, want %d", lines(spool), n)
		}
		events := make([][]byte, n)
		for i := range events {
			events[i] = eventText(i, time.Now())
		}
		if err := e.post(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		select {
		case <-time.After(2 * time.Second):
		case <-t.Context().Done():
		}
	}
	_ = stream.Process.Kill()

	config := fmt.Sprintf(`
data_dir: %s
admin: {listen: ""}
sources:
  server: {type: spool, paths: [%q]}
sinks:
  archive: {type: file, path: %s}
`, filepath.Join(s.dir, "spooled"), spool, filepath.Join(s.dir, "spooled.jsonl"))
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), s.bin, "run", "--once", "-c", s.config).CombinedOutput(); err != nil {
		t.Fatalf("run --once: %v\n%s", err, out)
	}
	shipped, err := os.ReadFile(filepath.Join(s.dir, "spooled.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if !bytes.Contains(shipped, []byte(eventID(i))) {
			t.Errorf("%s is lost", eventID(i))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "spooled", "deadletters", "server*.jsonl")); len(left) > 0 {
		t.Errorf("there are dead letters: %v", left)
	}
}

// lines counts the events in a file.
func lines(name string) int {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	return bytes.Count(text, []byte(`{"occurred"`))
}
