package cloudtest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The limits of the service.
const (
	MaxOffset  = 5000
	MaxWindow  = 14 * 24 * time.Hour
	CloudPage  = 200
	ServerPage = 50
)

// Options is what an imitation is like.
type Options struct {
	Account       string // empty: a self-hosted server
	Key           string // the bearer token, or user:pass of a self-hosted server
	RetentionDays int    // of audit events; 0: the plan cannot be read

	// Shuffle changes the order of events of one instant from page to page.
	Shuffle bool

	// NoStream refuses websockets, as some proxies do.
	NoStream bool
}

// Server is a running imitation. It may be used from many goroutines.
type Server struct {
	Base string // ends in /api

	options Options
	http    *httptest.Server

	mu       sync.Mutex // guards what follows
	key      string
	events   []Event
	script   func(n int, r *http.Request) Fault
	requests int // of events, by HTTP
	refusals int // for want of the right key
	streams  map[*subscriber]bool
	stalled  bool
	permits  bool
	skew     time.Duration
	queries  []Query
}

// Query is what a client asked for.
type Query struct {
	Since, Until time.Time
	Order        string
	Limit        int
}

// Start starts an imitation that ends with the test.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := &Server{options: o, key: o.Key, permits: true, streams: make(map[*subscriber]bool)}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.Base = s.http.URL + "/api"
	tb.Cleanup(s.Close)
	return s
}

// Close ends it.
func (s *Server) Close() {
	s.CutStreams()
	s.http.CloseClientConnections()
	s.http.Close()
}

// Add makes events available: over HTTP and on the streams.
func (s *Server) Add(events ...Event) {
	for _, e := range s.add(events) {
		s.broadcast(e)
	}
}

// AddQuietly makes events available over HTTP alone, as if every stream had
// dropped them.
func (s *Server) AddQuietly(events ...Event) { s.add(events) }

func (s *Server) add(events []Event) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := slices.Clone(events)
	for i := range added {
		added[i].fill(s.options.Account)
	}
	s.events = append(s.events, added...)
	return added
}

// IDs lists the ids of all events, sorted.
func (s *Server) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := IDs(s.events)
	slices.Sort(ids)
	return ids
}

// Script sets what becomes of requests for events. n counts them from 1. Nil:
// all is well.
func (s *Server) Script(f func(n int, r *http.Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.requests = f, 0
}

// SetKey changes the key that is accepted.
func (s *Server) SetKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// Permit says whether the key may read audit events.
func (s *Server) Permit(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.permits = yes
}

// SetSkew changes the service's clock.
func (s *Server) SetSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// Requests is how many requests for events came since the last Script.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Refusals is how many requests did not have the right key.
func (s *Server) Refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusals
}

// Queries lists the queries so far.
func (s *Server) Queries() []Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queries)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	key, script, permits := s.key, s.script, s.permits
	w.Header().Set("Date", time.Now().Add(s.skew).UTC().Format(http.TimeFormat))
	s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/api")
	if s.options.Account != "" {
		if path == "/me/accounts/"+s.options.Account+"/has_permission" {
			writeJSON(w, http.StatusOK, permits)
			return
		}
		rest, ok := strings.CutPrefix(path, "/accounts/"+s.options.Account)
		if !ok {
			writeJSON(w, http.StatusNotFound, detail("Not Found"))
			return
		}
		path = rest
	}
	if path == "/events/out" || strings.HasSuffix(path, "/events/out") {
		s.serveStream(w, r, key)
		return
	}
	if path == "/health" {
		writeJSON(w, http.StatusOK, true)
		return
	}
	if !s.authorized(r, key) {
		s.mu.Lock()
		s.refusals++
		s.mu.Unlock()
		writeJSON(w, http.StatusUnauthorized, detail("Unauthorized"))
		return
	}
	workspace := ""
	if rest, ok := strings.CutPrefix(path, "/workspaces/"); ok {
		workspace, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	s.route(w, r, path, workspace, script, permits)
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, path, workspace string, script func(int, *http.Request) Fault, permits bool) {
	switch path {
	case "/usage_limits", "":
		if s.options.RetentionDays == 0 {
			writeJSON(w, http.StatusForbidden, detail("Forbidden"))
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"audit_log_retention_days": s.options.RetentionDays, "plan_type": "PRO"})
		return
	case "/events/filter", "/events/filter/next", "/events/count-by/time":
	default:
		writeJSON(w, http.StatusNotFound, detail("Not Found"))
		return
	}
	if !permits {
		writeJSON(w, http.StatusForbidden, detail("Forbidden"))
		return
	}
	s.mu.Lock()
	s.requests++
	n := s.requests
	s.mu.Unlock()
	fault := None
	if script != nil {
		fault = script(n, r)
	}
	if path == "/events/count-by/time" {
		s.count(w, r, workspace)
		return
	}
	s.answer(w, r, path, workspace, n, fault)
}

func (s *Server) authorized(r *http.Request, key string) bool {
	got := r.Header.Get("Authorization")
	switch {
	case key == "":
		return true
	case s.options.Account == "":
		return got == "Basic "+base64.StdEncoding.EncodeToString([]byte(key))
	default:
		return got == "Bearer "+key
	}
}

func detail(text string) any { return map[string]string{"detail": text} }

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a bug of the imitation
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
