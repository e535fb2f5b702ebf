package e2e

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkLive measures how long an event takes from the write to the spool
// until the receiver holds it, journal and sync included, at a hundred events a
// second. With linger 0 nothing is waited for.
func BenchmarkLive(b *testing.B) {
	for _, bench := range []struct{ name, batch string }{
		{"linger=0", "batch: {linger: 0s}"},
		{"linger=default", ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			const warmUp, measured = 50, 1000
			n := warmUp + measured*b.N
			took := make([]time.Duration, n)
			sent := make([]time.Time, n)
			left, done := n, make(chan struct{})
			c := &counter{arrived: func(k int, at time.Time) {
				if k < n && took[k] == 0 {
					took[k] = at.Sub(sent[k])
					if left--; left == 0 {
						close(done)
					}
				}
			}}
			srv := httptest.NewServer(c)
			defer srv.Close()
			dir := b.TempDir()
			f, err := os.Create(write(b, dir, "spool/audit.jsonl", ""))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			a := start(b, write(b, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/*.jsonl"]}}
sinks: {siem: {type: splunk_hec, url: %q, token: t, %s}}
admin: {listen: ""}
logging: {level: warn}
`, srv.URL, bench.batch)))

			g := newGenerator(9)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for k := range n {
				line := g.line(k)
				<-tick.C
				c.mu.Lock()
				sent[k] = time.Now()
				c.mu.Unlock()
				if _, err := f.Write(line); err != nil {
					b.Fatal(err)
				}
			}
			select {
			case <-done:
			case <-a.ended:
				b.Fatalf("the agent ended:\n%s", a.stderr.String())
			case <-time.After(time.Minute):
				b.Fatalf("%d events did not come; %s", left, filepath.Join(dir, "spool"))
			}
			took = took[warmUp:]
			slices.Sort(took)
			for _, p := range []int{50, 99} {
				b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1e3, fmt.Sprintf("ms-p%d", p))
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
