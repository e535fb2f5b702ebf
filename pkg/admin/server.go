// Package admin is the agent's own HTTP: metrics, health, status, search, and
// the page. It reads; what it changes it asks of the pipeline, and only where
// the config allows it. What events hold is hostile and leaves it escaped.
package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Deps is what the server shows, and what it may ask for.
type Deps struct {
	Pipeline *pipeline.Pipeline
	Letters  *deadletter.Store
	Metrics  prometheus.Gatherer
	Log      *slog.Logger
	DataDir  string

	// Write allows what changes something: replay, retry, drop, reload.
	Write bool

	// TLS is how the listener is secured. Nil: it is not.
	TLS *tls.Config

	// File returns the config that is in force. Its token is asked for by
	// everything but health.
	File func() *config.File

	// Reload applies the config file again and returns what is wrong with it.
	Reload func(ctx context.Context) error

	// LastReload tells how the last reload went.
	LastReload func() Reload
}

// Reload is how an attempt to apply a config went. Its zero value: none yet.
type Reload struct {
	Time  time.Time `json:"time,omitzero"`
	OK    bool      `json:"ok"`
	Error string    `json:"error,omitempty"`
}

// Server is a running listener. A nil Server is one that was not wanted.
type Server struct {
	http   *http.Server
	cancel context.CancelFunc
	h      *handlers
	ended  chan struct{}

	sampled chan struct{} // closed when the history is no longer kept
}

// handlers answers requests.
type handlers struct {
	Deps
	replays  *replays
	sessions *sessions
	guesses  *clients // of the token
	changes  *clients
	searcher *searcher
	history  *history
	verifier *verifier
	streams  chan struct{} // holds one for each that is open
	pages    pages
	actions  []string // event types that are known
}

// Serve answers on a listener until Close.
func Serve(l net.Listener, d Deps) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	h := newHandlers(ctx, d)
	s := &Server{
		http: &http.Server{
			Handler:           h.handler(onLoopback(l.Addr())),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      time.Minute,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug),
			BaseContext:       func(net.Listener) context.Context { return ctx },
		},
		cancel: cancel,
		h:      h,
		ended:  make(chan struct{}),

		sampled: make(chan struct{}),
	}
	if d.TLS != nil {
		l = tls.NewListener(l, d.TLS)
	}
	go func() {
		defer close(s.sampled)
		h.history.keep(ctx, d.Pipeline.Status)
	}()
	go func() {
		defer close(s.ended)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			d.Log.Error("admin listener ended", "err", err)
		}
	}()
	return s
}

func onLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// Close ends the listener, giving answers that are under way a moment, and
// replays, which can be asked for again.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.ended
	s.h.replays.ended.Wait()
	s.h.verifier.ended.Wait()
	<-s.sampled
	return err
}

func newHandlers(ctx context.Context, d Deps) *handlers {
	return &handlers{
		Deps:     d,
		replays:  &replays{pipeline: d.Pipeline, ctx: ctx},
		sessions: newSessions(),
		guesses:  newClients(0.1, 10),
		changes:  newClients(2, 10),
		searcher: newSearcher(d.DataDir),
		history:  newHistory(),
		verifier: &verifier{dir: d.DataDir, ctx: ctx},
		streams:  make(chan struct{}, maxStreams),
		pages:    parsePages(),
		actions:  knownActions(),
	}
}

func (h *handlers) handler(loopback bool) http.Handler {
	open := http.NewServeMux() // health is for probes, which carry no token
	open.HandleFunc("GET /healthz", h.healthz)
	open.HandleFunc("GET /readyz", h.readyz)

	guarded := http.NewServeMux()
	h.page(open, guarded)
	guarded.Handle("GET /metrics", promhttp.HandlerFor(h.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	h.api(guarded)
	open.Handle("/", h.authorized(guarded))
	limited := h.limited(newClients(50, 200), open)
	if loopback {
		return hardened(h.local(limited))
	}
	return hardened(limited)
}

func (h *handlers) api(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/status", h.status)
	mux.HandleFunc("GET /api/stream", h.stream)
	mux.HandleFunc("GET /api/history", h.showHistory)
	mux.HandleFunc("GET /api/events", h.searchEvents)
	mux.HandleFunc("GET /api/events/{sequence}", h.showEvent)
	mux.HandleFunc("POST /api/verify", h.meant(h.verify))
	mux.HandleFunc("GET /api/deadletters", h.listLetters)
	mux.HandleFunc("GET /api/deadletters/{owner}/{id}", h.showLetter)
	mux.HandleFunc("POST /api/deadletters/retry", h.acts(h.retryLetters))
	mux.HandleFunc("POST /api/deadletters/drop", h.acts(h.dropLetters))
	mux.HandleFunc("GET /api/replays", h.listReplays)
	mux.HandleFunc("GET /api/replays/{id}", h.showReplay)
	mux.HandleFunc("POST /api/replay", h.acts(h.beginReplay))
	mux.HandleFunc("POST /api/replays/{id}/stop", h.acts(h.stopReplay))
	mux.HandleFunc("GET /api/config", h.config)
	mux.HandleFunc("POST /api/reload", h.acts(h.reload))
}
