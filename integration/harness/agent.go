package harness

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a condition may take to come true on a slow machine.
const patience = 5 * time.Minute

// binary builds the agent once for a test binary, into the cache. A file that
// others run is replaced, not written to.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "agent")
	half := fmt.Sprintf("%s.%d", file, os.Getpid())
	cmd := exec.Command("go", "build", "-o", half, "github.com/shiplog/shiplog/cmd/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the agent: %w\n%s", err, out)
	}
	return file, os.Rename(half, file)
})

// Agent is the built binary with a config file, a spool and a data directory of
// its own.
type Agent struct {
	*Process
	Dir   string
	Spool string   // files *.jsonl in here are read
	Env   []string // name=value, beside those of the test

	t      testing.TB
	config string
	admin  string
}

// NewAgent writes a config file whose sink is that section (the lines below its
// name). The agent does not run yet.
func NewAgent(t testing.TB, sink string) *Agent {
	t.Helper()
	a := &Agent{t: t, Dir: workDir(t, "agent"), admin: local(Ports(t, 1)[0])}
	a.Spool, a.config = filepath.Join(a.Dir, "spool"), filepath.Join(a.Dir, "shiplog.yaml")
	must(t, os.MkdirAll(a.Spool, 0o700))
	text := fmt.Sprintf("data_dir: %s\nsources:\n  spool:\n    type: spool\n    paths: [%q]\nadmin:\n  listen: %s\n  write: true\nlogging: {format: text}\nsinks:\n  siem:\n    %s\n",
		filepath.Join(a.Dir, "data"), filepath.Join(a.Spool, "*.jsonl"), a.admin,
		strings.ReplaceAll(strings.TrimSpace(sink), "\n", "\n    "))
	must(t, os.WriteFile(a.config, []byte(text), 0o600))
	t.Cleanup(a.end)
	return a
}

func (a *Agent) end() {
	if a.Process != nil {
		a.Kill()
	}
	if a.Process != nil && a.t.Failed() {
		a.t.Logf("agent, end of its log:\n%s", tail(a.log))
	}
}

// Start runs the agent, on the journal that it left if it ran before.
func (a *Agent) Start() *Agent {
	a.t.Helper()
	bin, err := binary()
	must(a.t, err)
	a.Process = launch(a.t, filepath.Join(a.Dir, "agent.log"), "env", append(a.Env, bin, "run", "-c", a.config)...)
	return a
}

// Command runs one of the agent's other commands, and returns all that it says.
func (a *Agent) Command(args ...string) (string, error) {
	a.t.Helper()
	bin, err := binary()
	must(a.t, err)
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, bin, append(args, "-c", a.config)...).CombinedOutput()
	return string(out), err
}

// Log is all that the agent has logged.
func (a *Agent) Log() string {
	a.t.Helper()
	b, err := os.ReadFile(a.log)
	must(a.t, err)
	return string(b)
}

// Metric sums the samples of a metric whose labels contain each of those
// (name="value"). It is 0 while the agent does not answer.
func (a *Agent) Metric(name string, labels ...string) float64 {
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, "http://"+a.admin+"/metrics", http.NoBody)
	must(a.t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return sum(res.Body, "shiplog_"+name, labels)
}

func sum(metrics io.Reader, name string, labels []string) (total float64) {
	lines := bufio.NewScanner(metrics)
next:
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(line, l) {
				continue next
			}
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err == nil {
			total += v
		}
	}
	return total
}

// Outcome is how many events have come to that end at the sink: delivered,
// duplicate, filtered or deadletter.
func (a *Agent) Outcome(outcome string) int {
	return int(a.Metric("sink_events_total", `outcome="`+outcome+`"`))
}

// Until waits for a condition, and fails the test if it does not come true.
func (a *Agent) Until(what string, ask func() bool) {
	a.t.Helper()
	if !eventually(a.t.Context(), ask) {
		a.t.Fatalf("never: %s (delivered %d, duplicate %d, dead letters %d)", what,
			a.Outcome("delivered"), a.Outcome("duplicate"), a.Outcome("deadletter"))
	}
}

// Settled waits until n records have been journalled since the agent's last
// start, and the sink is done with all that the journal has.
func (a *Agent) Settled(n int) {
	a.t.Helper()
	a.Until(fmt.Sprintf("%d events settled", n), func() bool {
		return int(a.Metric("source_records_total")) >= n && a.Metric("sink_backlog_events") == 0
	})
}

func eventually(ctx context.Context, ask func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if ask() {
			return true
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
}
