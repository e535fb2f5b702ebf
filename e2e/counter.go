package e2e

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
)

// counter takes in HEC and bulk requests as fast as it can, so that a benchmark
// measures the agent: it looks for ids, and parses nothing.
type counter struct {
	events  atomic.Int64 // runs of the same id
	down    atomic.Bool  // it answers that it is busy
	buffers sync.Pool

	// arrived, where it is set, is told of every event, by one request at a time.
	arrived func(n int, at time.Time)
	mu      sync.Mutex
}

func (c *counter) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	bulk := strings.HasSuffix(req.URL.Path, "/_bulk")
	if !bulk && !strings.HasPrefix(req.URL.Path, "/services/collector") {
		elastic(w, req)
		return
	}
	if c.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"text":"Server is busy","code":9}`)
		return
	}
	buf, _ := c.buffers.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	defer c.buffers.Put(buf)
	buf.Reset()
	if !receive(buf, req) {
		return
	}
	n := c.take(buf.Bytes(), time.Now())
	c.events.Add(int64(n))
	if bulk {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		item := `{"create":{"status":201}}`
		items := strings.Repeat(item+",", max(n-1, 0)) + item[:len(item)*min(n, 1)]
		_, _ = io.WriteString(w, `{"took":1,"errors":false,"items":[`+items+`]}`)
		return
	}
	_, _ = io.WriteString(w, `{"text":"Success","code":0}`)
}

// receive reads a request's content; false where it does not come whole.
func receive(into *bytes.Buffer, req *http.Request) bool {
	var from io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			return false
		}
		from = z
	}
	_, err := into.ReadFrom(from)
	return err == nil || errors.Is(err, io.EOF)
}

// take counts runs of the same id.
func (c *counter) take(body []byte, at time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, last := 0, []byte(nil)
	for {
		i := bytes.Index(body, []byte(idHead))
		if i < 0 || i+idLen > len(body) {
			return n
		}
		if id := body[i : i+idLen]; !bytes.Equal(id, last) {
			n++
			last = id
			if number, ok := numberOf(id); ok && c.arrived != nil {
				c.arrived(number, at)
			}
		}
		body = body[i+idLen:]
	}
}
