package elasticsearch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// fake answers as a node does, as far as the sink asks. It is strict: what a
// real node would refuse, it refuses.
type fake struct {
	*httptest.Server

	mu        sync.Mutex // guards what follows
	about     string     // the answer to GET /
	ids       []string
	indices   map[string]string // id → index
	templates map[string]json.RawMessage
	bodies    [][]byte // of bulk requests, plain
	headers   []http.Header
	paths     []string // method and path of every request
	condition sinktest.Condition
	marked    map[string]sinks.Outcome
	item      map[string]string // id → the item's whole answer
	reply     map[string]reply  // "METHOD /path" → a scripted answer
	lacks     []string          // types that the server does not have
	hang      chan struct{}
}

type reply struct {
	status int
	body   string
}

const (
	aboutElastic    = `{"version":{"number":"8.19.7","build_flavor":"default"},"tagline":"You Know, for Search"}`
	aboutOpenSearch = `{"version":{"distribution":"opensearch","number":"2.19.1"},"tagline":"The OpenSearch Project: https://opensearch.org/"}`
)

func newFake(t *testing.T) *fake {
	f := &fake{
		about: aboutElastic, indices: map[string]string{}, templates: map[string]json.RawMessage{},
		marked: map[string]sinks.Outcome{}, item: map[string]string{}, reply: map[string]reply{},
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := plainBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if f.hangs(r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths = append(f.paths, r.Method+" "+r.URL.Path)
	f.headers = append(f.headers, r.Header.Clone())
	if f.about == aboutElastic {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
	}
	w.Header().Set("Content-Type", "application/json")
	if a, ok := f.reply[r.Method+" "+r.URL.Path]; ok {
		w.WriteHeader(a.status)
		io.WriteString(w, a.body)
		return
	}
	switch {
	case f.condition == sinktest.Locked:
		refuse(w, 401, "security_exception", "unable to authenticate")
	case f.condition == sinktest.Busy:
		w.Header().Set("Retry-After", fmt.Sprint(int(sinktest.BusyFor.Seconds())))
		refuse(w, 429, "circuit_breaking_exception", "too much")
	case r.URL.Path == "/" && r.Method == http.MethodGet:
		io.WriteString(w, f.about)
	case strings.HasSuffix(r.URL.Path, "/_bulk"):
		f.bulk(w, r, body)
	case strings.HasSuffix(r.URL.Path, "/_search"):
		f.search(w, body)
	default:
		f.object(w, r, body)
	}
}

func (f *fake) hangs(r *http.Request) bool {
	f.mu.Lock()
	hang := f.hang
	f.mu.Unlock()
	if hang == nil {
		return false
	}
	select {
	case hang <- struct{}{}:
	default:
	}
	<-r.Context().Done()
	return true
}

func plainBody(r *http.Request) ([]byte, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = zip
	}
	return io.ReadAll(body)
}

func refuse(w http.ResponseWriter, status int, kind, reason string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"root_cause":[],"type":%q,"reason":%q},"status":%d}`, kind, reason, status)
}

// object keeps what is put, by path.
func (f *fake) object(w http.ResponseWriter, r *http.Request, body []byte) {
	switch r.Method {
	case http.MethodPut:
		if !json.Valid(body) {
			refuse(w, 400, "parse_exception", "not JSON")
			return
		}
		for _, kind := range f.lacks {
			if bytes.Contains(body, []byte(`"type":"`+kind+`"`)) {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"error":{"type":"illegal_argument_exception","reason":"invalid","caused_by":{"reason":"wrapped","caused_by":{"reason":"Failed to parse mapping: The mapper type [%s] declared on field [path] does not exist."}}}}`, kind)
				return
			}
		}
		f.templates[r.URL.Path] = slices.Clone(body)
		io.WriteString(w, `{"acknowledged":true}`)
	case http.MethodGet:
		body, ok := f.templates[r.URL.Path]
		if !ok {
			refuse(w, 404, "resource_not_found_exception", "not found")
			return
		}
		fmt.Fprintf(w, `{"index_templates":[{"name":"x","index_template":%s}]}`, body)
	default:
		refuse(w, 405, "", "Incorrect HTTP method for uri")
	}
}

func (f *fake) bulk(w http.ResponseWriter, r *http.Request, body []byte) {
	lines := bytes.Split(body, []byte("\n"))
	switch {
	case f.condition == sinktest.Unready:
		refuse(w, 403, "cluster_block_exception", "index blocked by: [FORBIDDEN/8/index write (api)];")
		return
	case f.condition == sinktest.Small && len(lines) > 3:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case len(lines) < 3 || len(lines)%2 == 0 || len(lines[len(lines)-1]) > 0 || r.Header.Get("Content-Type") != "application/x-ndjson":
		refuse(w, 400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
		return
	}
	f.bodies = append(f.bodies, body)
	target := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/_bulk")
	var out bytes.Buffer
	failed := false
	for i := 0; i+1 < len(lines); i += 2 {
		answer, ok := f.create(target, lines[i], lines[i+1])
		failed = failed || !ok
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"create":%s}`, answer)
	}
	buffered := bufio.NewWriter(w)
	defer buffered.Flush()
	fmt.Fprintf(buffered, `{"errors":%t,"items":[%s]}`, failed, out.Bytes())
}

// search answers an ids query. It also finds what is in older indices of a
// stream, in which create does not look.
func (f *fake) search(w http.ResponseWriter, body []byte) {
	var q struct {
		Query struct {
			IDs struct {
				Values []string `json:"values"`
			} `json:"ids"`
		} `json:"query"`
	}
	if err := json.Unmarshal(body, &q); err != nil || len(q.Query.IDs.Values) == 0 {
		refuse(w, 400, "parsing_exception", "no ids")
		return
	}
	hits := []map[string]string{}
	for _, id := range q.Query.IDs.Values {
		if slices.Contains(f.ids, id) {
			hits = append(hits, map[string]string{"_id": id})
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"timed_out": false, "hits": map[string]any{"hits": hits}})
}

// rollover begins a new backing index, which knows no id.
func (f *fake) rollover() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.indices = map[string]string{}
}

func (f *fake) create(target string, action, doc []byte) (answer string, ok bool) {
	var a struct {
		Create struct {
			ID    string `json:"_id"`
			Index string `json:"_index"`
		} `json:"create"`
	}
	decoder := json.NewDecoder(bytes.NewReader(action))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil || !json.Valid(doc) || len(a.Create.ID) > maxID {
		return `{"status":400,"error":{"type":"illegal_argument_exception","reason":"malformed"}}`, false
	}
	id := a.Create.ID
	if script, ok := f.item[id]; ok {
		return script, strings.Contains(script, `"status":20`)
	}
	switch f.marked[id] {
	case sinks.Refused:
		return `{"status":400,"error":{"type":"document_parsing_exception","reason":"[1:9] failed to parse","caused_by":{"reason":"not an IP string literal"}}}`, false
	case sinks.Again:
		delete(f.marked, id)
		return `{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue is full"}}`, false
	}
	if _, there := f.indices[id]; there {
		return `{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"document already exists"}}`, false
	}
	if a.Create.Index != "" {
		target = a.Create.Index
	}
	f.indices[id] = target
	f.ids = append(f.ids, id)
	return `{"status":201}`, true
}

func (f *fake) Accepted() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ids)
}

func (f *fake) Meet(c sinktest.Condition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.condition = c
}

func (f *fake) Mark(id string, o sinks.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marked[id] = o
}

func (f *fake) Hang() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hang = make(chan struct{}, 1)
	return f.hang
}

func (f *fake) Open(t *testing.T, deps sinks.Deps) sinks.Sink {
	t.Helper()
	return open(t, deps, "urls: ["+f.URL+"]")
}

// requests returns the method and path of every request so far, and forgets
// them.
func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.paths
	f.paths = nil
	return out
}
