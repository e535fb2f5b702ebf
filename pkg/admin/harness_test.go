package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/pipeline"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// The machine is far from Greenwich, as most are: times are told in UTC anyway.
func TestMain(m *testing.M) {
	time.Local = time.FixedZone("", 5*3600+45*60)
	os.Exit(m.Run())
}

// shelf is a sink that keeps what it is given.
type shelf struct {
	mu    sync.Mutex // guards what follows
	items []string
	fail  error
}

func (s *shelf) Deliver(_ context.Context, b sinks.Batch) (sinks.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return sinks.Report{}, s.fail
	}
	for _, item := range b.Items {
		s.items = append(s.items, string(item.Body))
	}
	return sinks.Report{}, nil
}

func (s *shelf) Close(context.Context) error { return nil }

// set makes it fail, or take events again.
func (s *shelf) set(fail error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items)
}

type shelfConfig struct {
	sinks.Common `yaml:",inline"`
}

func (*shelfConfig) Validate() error { return nil }

const secretToken = "correct-horse-battery-staple"

const configText = `
data_dir: /nowhere
sources:
  feed: {type: spool, paths: ["/nowhere/*"]}
sinks:
  shelf: {type: shelf}
admin:
  listen: 127.0.0.1:9464
  token: ` + "TOKEN" + `
`

// bench is an admin listener over a journal of its own.
type bench struct {
	t       *testing.T
	handler http.Handler
	h       *handlers
	shelf   *shelf
	letters *deadletter.Store

	mu        sync.Mutex // guards what follows
	reloads   int
	reloadErr error
}

type options struct {
	write bool
	token string
	far   bool // not on loopback
}

func newBench(t *testing.T, o options) *bench {
	t.Helper()
	dir := t.TempDir()
	file, err := config.Parse("test.yaml", []byte(strings.Replace(configText, "TOKEN", `"`+o.token+`"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, shelf: &shelf{}}
	kind := sinks.Define("shelf", func() shelfConfig { return shelfConfig{sinks.Defaults("ecs")} },
		func(shelfConfig, sinks.Deps) (sinks.Sink, error) { return b.shelf, nil })
	section, _ := file.Sinks.Get("shelf")
	spec, err := kind.Decode(section)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(dir, journal.Config{}, journal.Deps{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if b.letters, err = deadletter.Open(filepath.Join(dir, "deadletters")); err != nil {
		t.Fatal(err)
	}
	fill(t, j)
	p, err := pipeline.New(pipeline.Config{Sinks: []pipeline.SinkSpec{{Name: "shelf", Spec: spec}}},
		pipeline.Deps{Journal: j, Letters: b.letters, Log: log, DataDir: dir, Agent: "a", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.h = newHandlers(ctx, Deps{
		Pipeline: p, Letters: b.letters, Metrics: prometheus.NewRegistry(), Log: log, DataDir: dir, Write: o.write,
		File: func() *config.File { return file },
		Reload: func(context.Context) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.reloads++
			return b.reloadErr
		},
		LastReload: func() Reload { return Reload{} },
	})
	b.handler = b.h.handler(!o.far)
	t.Cleanup(func() {
		cancel()
		b.h.replays.ended.Wait()
		b.h.verifier.ended.Wait()
		p.Close()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// The records: two that are plain, one that is hostile.
var records = []string{
	`{"id":"00000000-0000-4000-8000-000000000001","occurred":"2026-11-17T08:00:00Z","event":"prefect-cloud.api-key.created","resource":{"prefect.resource.id":"prefect-cloud.api-key.k1","prefect.resource.name":"ci"},"related":[{"prefect.resource.id":"prefect-cloud.actor.a1","prefect.resource.role":"actor","prefect.resource.name":"alice","prefect-cloud.email":"alice@example.com"}],"payload":{}}`,
	`{"id":"00000000-0000-4000-8000-000000000002","occurred":"2026-11-17T09:00:00Z","event":"prefect-cloud.user.logged-in","resource":{"prefect.resource.id":"prefect-cloud.user.u2","prefect.resource.name":"bob"},"related":[{"prefect.resource.id":"prefect-cloud.actor.a2","prefect.resource.role":"actor","prefect.resource.name":"bob","prefect-cloud.email":"bob@example.com"}],"payload":{}}`,
	`{"id":"00000000-0000-4000-8000-000000000003","occurred":"2026-11-18T09:00:00Z","event":"prefect-cloud.api-key.deleted","resource":{"prefect.resource.id":"prefect-cloud.api-key.k3","prefect.resource.name":"exe.\u202egnp<script>alert(1)</script>"},"related":[{"prefect.resource.id":"prefect-cloud.actor.a3","prefect.resource.role":"actor","prefect.resource.name":"\"><img src=x onerror=alert(1)>"}],"payload":{}}`,
}

func fill(t *testing.T, j *journal.Journal) {
	t.Helper()
	n, err := normalize.New(normalize.Options{Source: "feed", Decoder: "prefect"})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)
	batch := journal.Batch{Source: "feed"}
	for _, raw := range records {
		e, _, verdict, _, err := n.Normalize(&event.Record{Raw: []byte(raw)}, at, nil)
		if verdict != normalize.Keep {
			t.Fatal(err)
		}
		batch.Events = append(batch.Events, e.Clone())
	}
	if _, err := j.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// request is one to the listener, on loopback and with nothing that vouches for it.
func (b *bench) request(method, target, body string, header ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost:9464"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func (b *bench) get(target string, header ...string) *httptest.ResponseRecorder {
	return b.request(http.MethodGet, target, "", header...)
}

// post sends JSON as the command line does.
func (b *bench) post(target, body string) *httptest.ResponseRecorder {
	return b.request(http.MethodPost, target, body, "Content-Type", "application/json", "X-Shiplog", "1")
}

// form sends a form as the page in a browser does.
func (b *bench) form(target, body string, header ...string) *httptest.ResponseRecorder {
	return b.request(http.MethodPost, target, body, append([]string{
		"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Accept", "text/html"}, header...)...)
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	dec := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	if err := dec.Decode(&v); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return v
}

// wait polls until a replay has ended.
func (b *bench) wait(id string) Replay {
	b.t.Helper()
	b.h.replays.ended.Wait()
	return decode[Replay](b.t, b.get("/api/replays/"+id))
}
