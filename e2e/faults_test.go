package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// appendEvents writes events from … to-1 to a log that is followed.
func appendEvents(t *testing.T, path string, from, to int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	g := newGenerator(uint64(from))
	for n := from; n < to; n++ {
		if _, err := f.Write(g.line(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// One sink refuses connections for the whole run: the others get everything, its
// lag grows, and a run that is to end says which one was not served.
func TestDeadSink(t *testing.T) {
	const n = 5000
	dir := t.TempDir()
	hec, addr := newReceiver(t), freeAddress(t)
	spool(t, filepath.Join(dir, "spool"), n, n/3)
	config := write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/audit.jsonl"]}}
sinks:
  splunk: {type: splunk_hec, url: %q, token: t}
  dead: {type: elasticsearch, urls: ["http://127.0.0.1:1"], data_stream: logs-prefect.audit-default, retry: {initial: 10ms, max: 100ms}}
  archive: {type: file, path: out.jsonl}
admin: {listen: %q}
shutdown_timeout: 500ms
`, hec.url(), addr))
	a := start(t, config)
	a.await(t, hec, n)
	a.untilMetric(t, addr, `shiplog_sink_events_total{outcome="delivered",sink="archive"}`, n)
	const lag = `shiplog_sink_lag_seconds{sink="dead"}`
	first := a.untilMetric(t, addr, lag, 0.001)
	a.untilMetric(t, addr, lag, first+0.5)
	a.stop()

	code, out := finish(t, config, "--once", "--timeout", "1s")
	if code != 1 || !strings.Contains(out, "dead") {
		t.Errorf("run --once: exit code %d, want 1 and the sink's name:\n%s", code, out)
	}
	if lines, repeats := fileCounts(t, filepath.Join(dir, "out.jsonl")); lines != n || repeats != 0 {
		t.Errorf("the file has %d events and %d again, want %d and none", lines, repeats, n)
	}
	if _, repeats := hec.counts(); repeats != 0 {
		t.Errorf("splunk got %d events again", repeats)
	}
}

// SIGTERM sends at once what lingers.
func TestTerminationFlushes(t *testing.T) {
	const n = 500
	dir := t.TempDir()
	hec, addr := newReceiver(t), freeAddress(t)
	appendEvents(t, filepath.Join(dir, "spool", "audit.jsonl"), 0, n)
	config := write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/audit.jsonl"]}}
sinks: {splunk: {type: splunk_hec, url: %q, token: t, batch: {max_events: 100000, max_bytes: 64MiB, linger: 1h}}}
admin: {listen: %q}
`, hec.url(), addr))
	a := start(t, config)
	a.untilMetric(t, addr, "shiplog_journal_last_sequence", n)
	if got, _ := hec.counts(); got != 0 {
		t.Fatalf("%d events arrived before the linger was over", got)
	}
	if code := a.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, a.stderr.String())
	}
	if got, repeats := hec.counts(); got != n || repeats != 0 {
		t.Errorf("%d events arrived and %d again, want %d and none", got, repeats, n)
	}
}

func TestSecondAgentOnOneDirectory(t *testing.T) {
	dir := t.TempDir()
	hec := newReceiver(t)
	appendEvents(t, filepath.Join(dir, "spool", "audit.jsonl"), 0, 10)
	config := write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/audit.jsonl"]}}
sinks: {splunk: {type: splunk_hec, url: %q, token: t}}
admin: {listen: ""}
`, hec.url()))
	a := start(t, config)
	a.await(t, hec, 10)
	if code, out := finish(t, config); code != 1 || !strings.Contains(out, "another agent is using this data directory") {
		t.Errorf("the second agent: exit code %d:\n%s", code, out)
	}
	appendEvents(t, filepath.Join(dir, "spool", "audit.jsonl"), 10, 20)
	a.await(t, hec, 20)
}

// A disk that fills up stops the sources, not the agent; nothing is lost, and it
// goes on when there is space.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	const n = 12_000
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=24m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mount a small file system: %v", err)
		}
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	hec, addr := newReceiver(t), freeAddress(t)
	log := filepath.Join(dir, "spool", "audit.jsonl")
	appendEvents(t, log, 0, 100)
	config := write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/audit.jsonl"]}}
sinks: {splunk: {type: splunk_hec, url: %q, token: t, batch: {linger: 10ms}}}
journal: {segment_size: 1MiB, compression: none, max_size: 1GiB}
admin: {listen: %q}
logging: {level: warn}
`, hec.url(), addr))
	a := start(t, config)
	a.await(t, hec, 100)
	filler := fill(t, data)
	appendEvents(t, log, 100, n)
	a.untilMetric(t, addr, "shiplog_journal_full", 1)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	a.await(t, hec, n)
	if code := a.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, a.stderr.String())
	}
	if _, repeats := hec.counts(); repeats != 0 {
		t.Errorf("%d events arrived again", repeats)
	}
	if code, out := command(t, config, "verify"); code != 0 {
		t.Errorf("verify: exit code %d:\n%s", code, out)
	}
}

// fill takes all space of a file system.
func fill(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	return path
}
