package e2e

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/journal"
)

var (
	backlogEvents = flag.Int("backlog.events", 60_000, "events of the backlog; 9,000,000 are 10 GB of input")
	idleFor       = flag.Duration("idle.for", 25*time.Second, "how long the idle agent is watched")
)

// busySinks are what a backlog goes to.
var busySinks = map[string]string{
	"hec":           "{type: splunk_hec, url: %q, token: t, format: ecs, retry: {initial: 10ms, max: 100ms}}",
	"elasticsearch": "{type: elasticsearch, urls: [%q], retry: {initial: 10ms, max: 100ms}}",
}

// The agent's memory must not grow with the backlog, nor because of a sink that
// is down: below 64 MiB, its code included.
func TestMemoryOfABacklog(t *testing.T) {
	for name, sink := range busySinks {
		t.Run(name, func(t *testing.T) {
			peak := shipBacklog(t, *backlogEvents, sink)
			t.Logf("the agent took %d KiB at most", peak)
			if peak >= 64<<10 {
				t.Error("want less than 64 MiB")
			}
		})
	}
}

// BenchmarkBacklog measures the same with more events.
func BenchmarkBacklog(b *testing.B) {
	for name, sink := range busySinks {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				began := time.Now()
				peak := shipBacklog(b, *backlogEvents, sink)
				b.ReportMetric(float64(peak)/1024, "MiB-peak")
				b.ReportMetric(float64(*backlogEvents)/time.Since(began).Seconds(), "events/s")
			}
		})
	}
}

// shipBacklog fills a journal while both sinks are down, then lets the given one
// have it. It returns the most memory that the agent was seen to hold, in KiB.
func shipBacklog(t testing.TB, n int, sink string) int {
	t.Helper()
	t.Setenv("GOMAXPROCS", "2") // of the agent: each processor has buffers of its own
	dir := t.TempDir()
	spool(t, filepath.Join(dir, "spool"), n, n/4+1)
	up, down := new(counter), new(counter)
	up.down.Store(true)
	down.down.Store(true)
	one, two := httptest.NewServer(up), httptest.NewServer(down)
	defer one.Close()
	defer two.Close()
	a := start(t, write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/audit.jsonl*"]}}
sinks:
  up: %s
  down: {type: splunk_hec, url: %q, token: t, format: ecs, retry: {initial: 10ms, max: 100ms}}
journal: {max_size: 40GiB}
admin: {listen: ""}
logging: {level: error}
`, fmt.Sprintf(sink, one.URL), two.URL)))
	await(t, a, func() bool {
		view, err := journal.OpenReadOnly(filepath.Join(dir, "data"))
		if err != nil {
			return false
		}
		last, err := view.Last()
		return err == nil && last >= uint64(n) // #nosec G115 -- a count
	})
	up.down.Store(false)
	await(t, a, func() bool { return up.events.Load() >= int64(n) })
	return a.memory(t, "VmHWM")
}

// await waits for the agent to reach a state.
func await(t testing.TB, a *agent, reached func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-a.ended:
			t.Fatalf("the agent ended:\n%s", a.stderr.String())
		case <-t.Context().Done():
			t.Fatal("the test ended first")
		}
	}
}

// memory reads a line of the process's status, in KiB.
func (a *agent) memory(t testing.TB, line string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		t.Skip("there is no /proc: ", err)
	}
	_, rest, _ := strings.Cut(string(text), line+":")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("no %s in %s", line, text)
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// An agent that has nothing to do must take less than 25 MiB, soon after it had
// something to do.
func TestMemoryAtRest(t *testing.T) {
	a := startIdle(t)
	await(t, a, func() bool { return a.memory(t, "VmRSS") < 25<<10 })
}

// BenchmarkIdle measures the memory and the processor time of an agent that has
// nothing to do.
func BenchmarkIdle(b *testing.B) {
	a := startIdle(b)
	for b.Loop() {
		before := a.ticks(b)
		<-time.After(*idleFor)
		used := float64(a.ticks(b)-before) / 100
		b.ReportMetric(used/idleFor.Seconds()*100, "cpu-%")
		b.ReportMetric(float64(a.memory(b, "VmRSS"))/1024, "MiB")
		b.ReportMetric(float64(a.memory(b, "RssAnon"))/1024, "MiB-own")
	}
}

// startIdle starts an agent that has shipped all there is.
func startIdle(t testing.TB) *agent {
	t.Helper()
	dir := t.TempDir()
	spool(t, filepath.Join(dir, "spool"), 1000, 1000)
	c := new(counter)
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	a := start(t, write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/audit.jsonl*"]}}
sinks: {up: {type: splunk_hec, url: %q, token: t}}
admin: {listen: "127.0.0.1:0"}
logging: {level: error}
`, srv.URL)))
	await(t, a, func() bool { return c.events.Load() >= 1000 })
	return a
}

// ticks is the processor time of the process so far, in hundredths of a second.
func (a *agent) ticks(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.cmd.Process.Pid))
	if err != nil {
		t.Skip("there is no /proc: ", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		t.Fatal(err)
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		t.Fatal(err)
	}
	return user + system
}
