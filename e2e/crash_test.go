package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

var (
	crashEvents = flag.Int("crash.events", 20_000, "events of the crash test")
	crashSeed   = flag.Uint64("crash.seed", 1, "seed of the crash test's moments")
	crashKills  = flag.Int("crash.kills", 6, "how often the crash test kills the agent")
)

// The agent is killed at random moments while a writer appends to a log,
// rotates and compresses it. Every event arrives at every sink; in the file and
// in Elasticsearch none twice, elsewhere at most what was in flight.
func TestKillNineUnderRotation(t *testing.T) {
	n, kills := *crashEvents, *crashKills
	dir := t.TempDir()
	hec, es := newReceiver(t), newReceiver(t)
	const maxEvents, inFlight = 250, 2
	config := write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/audit.jsonl"]}}
sinks:
  splunk: {type: splunk_hec, url: %q, token: t, batch: {max_events: %d, linger: 10ms}, concurrency: %d, retry: {initial: 10ms, max: 100ms}}
  elastic: {type: elasticsearch, urls: [%q], data_stream: logs-prefect.audit-default, batch: {max_events: %[2]d, linger: 10ms}}
  archive: {type: file, path: out/audit.jsonl, batch: {max_events: %[2]d, linger: 10ms}}
admin: {listen: ""}
logging: {level: warn}
`, hec.url(), maxEvents, inFlight, es.url()))

	began := time.Now()
	written := make(chan error, 1)
	go func() { written <- writeAndRotate(filepath.Join(dir, "spool"), n, max(n/20, 1), hec) }()
	rnd := rand.New(rand.NewPCG(*crashSeed, 2))
	for i := range kills {
		a := start(t, config)
		at := (i*n + rnd.IntN(n)) / (kills + 1)
		select {
		case <-hec.reached(at):
		case <-a.ended:
			t.Fatalf("the agent ended by itself:\n%s", a.stderr.String())
		}
		a.kill()
	}
	a := start(t, config)
	select {
	case err := <-written:
		if err != nil {
			t.Fatal(err)
		}
	case <-a.ended:
		t.Fatalf("the agent ended by itself:\n%s", a.stderr.String())
	}
	a.kill()
	if code, out := finish(t, config, "--once", "--timeout", "5m"); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	took := time.Since(began)

	for name, r := range map[string]*receiver{"splunk": hec, "elastic": es} {
		if missing := r.missing(n); len(missing) > 0 {
			t.Errorf("%s did not get events %v …", name, missing)
		}
	}
	_, repeats := hec.counts()
	if most := (kills + 1) * maxEvents * inFlight; repeats > most {
		t.Errorf("splunk got %d events again, want at most the %d in flight", repeats, most)
	}
	_, esRepeats := es.counts()
	lines, fileRepeats := fileCounts(t, filepath.Join(dir, "out", "audit.jsonl"))
	if lines != n || fileRepeats != 0 || esRepeats != 0 {
		t.Errorf("the file has %d events and %d again, Elasticsearch %d again; want %d and none", lines, fileRepeats, esRepeats, n)
	}
	t.Logf("%d events, %d kills, %v: repeats: splunk %d, file %d, elastic %d", n, kills, took.Round(time.Millisecond), repeats, fileRepeats, esRepeats)
}

// writeAndRotate appends n events to dir/audit.jsonl in pieces that do not end
// where lines do. Every perFile events it rotates, and compresses every second
// file. It stays at most three files ahead of what arrived.
func writeAndRotate(dir string, n, perFile int, arrived *receiver) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	live := filepath.Join(dir, "audit.jsonl")
	g := newGenerator(7)
	for from, i := 0, 0; from < n; from, i = from+perFile, i+1 {
		f, err := os.OpenFile(live, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(f, 10_000)
		to := min(n, from+perFile)
		for k := from; k < to; k++ {
			_, _ = w.Write(g.line(k))
		}
		if err := errors.Join(w.Flush(), f.Close()); err != nil {
			return err
		}
		<-arrived.reached(from - 2*perFile)
		rotated := fmt.Sprintf("%s.%d", live, i)
		if err := os.Rename(live, rotated); err != nil {
			return err
		}
		if i%2 == 1 {
			if err := compress(rotated); err != nil {
				return err
			}
		}
	}
	return nil
}

// compress does what gzip(1) does: it fills a new file, then removes the old.
func compress(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.Create(path + ".gz")
	if err != nil {
		return err
	}
	w := gzip.NewWriter(f)
	for len(text) > 0 {
		n := min(len(text), 64<<10)
		if _, err := w.Write(text[:n]); err != nil {
			return errors.Join(err, f.Close())
		}
		text = text[n:]
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		return err
	}
	return os.Remove(path)
}

// fileCounts says how many different events a file of the agent has, and how
// often one is there again.
func fileCounts(t testing.TB, path string) (distinct, repeats int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]struct{})
	for line := range bytes.Lines(text) {
		if !json.Valid(line) {
			t.Fatalf("%s: a torn line: %.100q", path, line)
		}
		i := max(bytes.Index(line, []byte(idHead)), 0)
		n, ok := numberOf(line[i:])
		if !ok {
			continue // the agent's own events
		}
		if _, again := seen[n]; again {
			repeats++
		}
		seen[n] = struct{}{}
	}
	return len(seen), repeats
}
