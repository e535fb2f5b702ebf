package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// receiver takes in Splunk HEC events and Elasticsearch bulk requests, and
// counts what came by event number.
type receiver struct {
	srv *httptest.Server

	mu       sync.Mutex
	times    map[int]int // event number → how often it was taken in
	unknown  int         // events without an id of ours
	took     int         // events in all
	watchers []watcher
}

type watcher struct {
	at   int // distinct events
	done chan struct{}
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{times: map[int]int{}}
	r.srv = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.srv.Close)
	return r
}

func (r *receiver) url() string { return r.srv.URL }

// reached returns a channel that is closed once n distinct events have come.
func (r *receiver) reached(n int) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := make(chan struct{})
	if len(r.times) >= n {
		close(done)
		return done
	}
	r.watchers = append(r.watchers, watcher{n, done})
	return done
}

// counts gives how many different events have come, and how often one came
// again.
func (r *receiver) counts() (distinct, repeats int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.times), r.took - len(r.times)
}

// missing lists the first few of n events that have not come.
func (r *receiver) missing(n int) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var gone []int
	for i := range n {
		if r.times[i] == 0 && len(gone) < 10 {
			gone = append(gone, i)
		}
	}
	return gone
}

// take counts an event.
func (r *receiver) take(id []byte) {
	n, ok := numberOf(id)
	if !ok {
		r.unknown++
		return
	}
	r.took++
	r.times[n]++
	for i := 0; i < len(r.watchers); {
		if w := r.watchers[i]; len(r.times) >= w.at {
			close(w.done)
			r.watchers = append(r.watchers[:i], r.watchers[i+1:]...)
			continue
		}
		i++
	}
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := bodyOf(req)
	if err != nil {
		return // the client went away in the middle: nothing was taken in
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case strings.HasPrefix(req.URL.Path, "/services/collector"):
		r.hec(w, body)
	case strings.HasSuffix(req.URL.Path, "/_bulk"):
		r.bulk(w, body)
	default:
		elastic(w, req)
	}
}

func bodyOf(req *http.Request) ([]byte, error) {
	var from io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			return nil, err
		}
		from = z
	}
	return io.ReadAll(from)
}

func (r *receiver) hec(w http.ResponseWriter, body []byte) {
	dec := json.NewDecoder(bytes.NewReader(body))
	for {
		var e struct {
			Fields struct {
				EventID string `json:"shiplog_id"`
			} `json:"fields"`
		}
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"text":"Invalid data format","code":6}`)
			return
		}
		r.take([]byte(e.Fields.EventID))
	}
	_, _ = io.WriteString(w, `{"text":"Success","code":0}`)
}

func (r *receiver) bulk(w http.ResponseWriter, body []byte) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	var items []string
	failed := "false"
	for len(body) > 0 {
		var action []byte
		action, body, _ = bytes.Cut(body, []byte("\n"))
		_, body, _ = bytes.Cut(body, []byte("\n"))
		var a struct {
			Create struct {
				ID string `json:"_id"`
			} `json:"create"`
		}
		if err := json.Unmarshal(action, &a); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if n, ok := numberOf([]byte(a.Create.ID)); ok && r.times[n] > 0 {
			failed = "true" // as the real one does: nothing is stored twice
			items = append(items, `{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"exists"}}}`)
			continue
		}
		r.take([]byte(a.Create.ID))
		items = append(items, `{"create":{"status":201}}`)
	}
	_, _ = io.WriteString(w, `{"took":1,"errors":`+failed+`,"items":[`+strings.Join(items, ",")+`]}`)
}

// elastic answers what a client asks before it sends.
func elastic(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case req.URL.Path == "/":
		_, _ = io.WriteString(w, `{"name":"n","cluster_name":"c","version":{"number":"8.17.0","build_flavor":"default"},"tagline":"You Know, for Search"}`)
	case req.Method == http.MethodPut || req.Method == http.MethodPost:
		_, _ = io.WriteString(w, `{"acknowledged":true}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"type":"resource_not_found_exception","reason":"not here"},"status":404}`)
	}
}
