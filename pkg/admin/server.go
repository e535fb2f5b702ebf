// Package admin is the agent's own HTTP: metrics, health, status, and the page.
// It reads; what it changes it asks of the pipeline.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Config is what users set.
type Config struct {
	// Token is asked for by everything but health. Zero: nothing is asked for.
	Token config.Secret
}

// Deps is what the server shows.
type Deps struct {
	Pipeline *pipeline.Pipeline
	Journal  *journal.Journal
	Metrics  prometheus.Gatherer
	Log      *slog.Logger
}

// Server is a running listener. A nil Server is one that was not wanted.
type Server struct {
	http  *http.Server
	ended chan struct{}
}

// Serve answers on a listener until Close.
func Serve(l net.Listener, c Config, d Deps) *Server {
	s := &Server{
		http: &http.Server{
			Handler:           handler(c, d),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			d.Log.Error("admin listener ended", "err", err)
		}
	}()
	return s
}

// Close ends the listener, giving answers that are under way a moment.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.ended
	return err
}

func handler(c Config, d Deps) http.Handler {
	h := &handlers{d}
	open := http.NewServeMux() // health is for probes, which carry no token
	open.HandleFunc("GET /healthz", h.healthz)
	open.HandleFunc("GET /readyz", h.readyz)

	guarded := http.NewServeMux()
	guarded.Handle("GET /metrics", promhttp.HandlerFor(d.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	guarded.HandleFunc("GET /api/status", h.status)
	open.Handle("/", authorized(c.Token, guarded))
	return hardened(open)
}

// hardened sets what every answer needs so that a browser does nothing with it
// that we did not mean.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// authorized asks for the token, and compares in constant time: hashes, so that
// not even the length shows.
func authorized(token config.Secret, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token.IsZero() {
			next.ServeHTTP(w, r)
			return
		}
		want := token.Reveal() // empty while its file is: then nobody is let in
		got, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
		if want == "" || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="shiplog"`)
			http.Error(w, "a token is needed: Authorization: Bearer …", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the client is gone: nobody to tell
}
