package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

var (
	crashEvents = flag.Int("crash.events", 30_000, "events of the crash test")
	crashKills  = flag.Int("crash.kills", 8, "how often the crash test kills the agent")
	crashSeed   = flag.Uint64("crash.seed", 1, "seed of the crash test's moments")
)

// Whatever the moment of a kill -9, every event arrives at every sink; in the
// file and in Elasticsearch none arrives twice, and elsewhere no more than the
// batches in flight do.
func TestNothingIsLostAcrossKills(t *testing.T) {
	n, kills := *crashEvents, *crashKills
	dir := t.TempDir()
	spool(t, filepath.Join(dir, "spool"), n, n/7+1)
	hec, es := newReceiver(t), newReceiver(t)
	const batch, inFlight = 500, 2
	config := write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources:
  spool: {type: spool, paths: ["spool/audit.jsonl*"]}
sinks:
  hec: {type: splunk_hec, url: %q, token: t, batch: {max_events: %d, linger: 10ms}, concurrency: %d, retry: {initial: 10ms, max: 100ms}}
  es: {type: elasticsearch, urls: [%q], index: "audit-%%{+yyyy.MM.dd}", batch: {max_events: %d, linger: 10ms}}
  out: {type: file, path: out.jsonl, batch: {max_events: %d, linger: 10ms}}
admin: {listen: ""}
`, hec.url(), batch, inFlight, es.url(), batch, batch))

	rng := rand.New(rand.NewPCG(*crashSeed, 2))
	for range kills {
		had, _ := hec.counts()
		if had == n {
			break
		}
		a := start(t, config)
		select {
		case <-hec.reached(had + 1 + rng.IntN(min(n-had, 2*n/kills))):
		case <-a.ended:
			t.Fatalf("the agent ended by itself:\n%s", a.stderr.String())
		}
		a.kill()
	}
	a := start(t, config, "--once", "--timeout", "2m")
	<-a.ended
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("run --once: exit code %d:\n%s", code, a.stderr.String())
	}

	for name, r := range map[string]*receiver{"hec": hec, "es": es} {
		if gone := r.missing(n); len(gone) > 0 {
			t.Errorf("%s lacks events %v …", name, gone)
		}
		if r.unknown > n/100 {
			t.Errorf("%s: %d events without an id", name, r.unknown)
		}
	}
	if _, repeats := es.counts(); repeats > 0 {
		t.Errorf("elasticsearch stored %d events twice", repeats)
	}
	if _, repeats := hec.counts(); repeats > kills*batch*inFlight {
		t.Errorf("hec got %d repeats, more than the %d that %d kills can have in flight", repeats, kills*batch*inFlight, kills)
	}
	checkFile(t, filepath.Join(dir, "out.jsonl"), n)
}

func checkFile(t *testing.T, path string, n int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	times := make([]int, n)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Event struct {
				ID string `json:"id"`
			} `json:"event"`
		}
		if err := json.Unmarshal(bytes.TrimSpace(lines.Bytes()), &e); err != nil {
			t.Fatalf("%s: a torn line: %v", path, err)
		}
		if k, ok := numberOf([]byte(e.Event.ID)); ok {
			times[k]++
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for k, got := range times {
		if got != 1 && wrong < 10 {
			wrong++
			t.Errorf("event %d is in the file %d times, want once", k, got)
		}
	}
}
