package e2e

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

var processEvents = flag.Int("process.events", 200_000, "events of the whole-process benchmark")

// BenchmarkProcess runs the built agent over a spool of -process.events events:
// read, normalize, journal with sync, ship with gzip, on the cores that it
// shares with the receiver. It reports events a second and the agent's own CPU
// seconds a million events.
func BenchmarkProcess(b *testing.B) {
	for _, bench := range []struct{ name, sink string }{
		{"hec", "type: splunk_hec, url: %q, token: t, format: ecs"},
		{"hec_cim", "type: splunk_hec, url: %q, token: t, format: cim"},
		{"hec_raw", "type: splunk_hec, url: %q, token: t, format: raw"},
		{"elasticsearch", "type: elasticsearch, urls: [%q], data_stream: logs-prefect.audit-default"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			n := *processEvents
			dir := b.TempDir()
			spool(b, filepath.Join(dir, "spool"), n, n/4+1)
			binary(b)
			var cpu, wall time.Duration
			var peak int64
			for i := range b.N {
				c := new(counter)
				srv := httptest.NewServer(c)
				config := write(b, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data-%d
sources: {spool: {type: spool, paths: ["spool/audit.jsonl*"]}}
sinks: {siem: {%s}}
admin: {listen: ""}
logging: {level: warn}
`, i, fmt.Sprintf(bench.sink, srv.URL)))
				began := time.Now()
				a := start(b, config, "--once", "--timeout", "5m")
				<-a.ended
				wall += time.Since(began)
				srv.Close()
				if code := a.cmd.ProcessState.ExitCode(); code != 0 || c.events.Load() < int64(n) {
					b.Fatalf("exit code %d, %d of %d events:\n%s", code, c.events.Load(), n, a.stderr.String())
				}
				cpu += a.cmd.ProcessState.UserTime() + a.cmd.ProcessState.SystemTime()
				if use, ok := a.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
					peak = max(peak, use.Maxrss)
				}
			}
			events := float64(n) * float64(b.N)
			b.ReportMetric(events/wall.Seconds(), "events/s")
			b.ReportMetric(cpu.Seconds()/events*1e6, "cpu-s/Mevents")
			b.ReportMetric(float64(peak)/1024, "MiB-peak")
			b.ReportMetric(0, "ns/op")
		})
	}
}
