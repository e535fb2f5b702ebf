package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

var processEvents = flag.Int("process.events", 200_000, "events of the whole-process benchmark")

// counter takes in HEC and bulk requests as fast as it can: it counts events by
// the change of the id that it sees, and parses nothing.
type counter struct {
	events  atomic.Int64
	buffers sync.Pool
}

func (c *counter) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if strings.HasSuffix(req.URL.Path, "/_bulk") {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
	} else if !strings.HasPrefix(req.URL.Path, "/services/collector") {
		elastic(w, req)
		return
	}
	buf, _ := c.buffers.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	defer c.buffers.Put(buf)
	buf.Reset()
	var from io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			return
		}
		from = z
	}
	if _, err := buf.ReadFrom(from); err != nil && !errors.Is(err, io.EOF) {
		return
	}
	c.events.Add(int64(distinct(buf.Bytes())))
	_, _ = io.WriteString(w, `{"text":"Success","code":0,"errors":false,"items":[]}`)
}

// distinct counts runs of the same id.
func distinct(body []byte) int {
	n, last := 0, []byte(nil)
	for {
		i := bytes.Index(body, []byte(idHead))
		if i < 0 || i+idLen > len(body) {
			return n
		}
		if id := body[i : i+idLen]; !bytes.Equal(id, last) {
			n++
			last = id
		}
		body = body[i+idLen:]
	}
}

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
