package prefectcloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/leaktest"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
)

const (
	account  = "0a0a0a0a-0000-4000-8000-000000000001"
	key      = "pnu_not-a-real-key"
	patience = 5 * time.Minute
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// null is a sink that takes everything and tells a channel how much.
type null struct{ took chan<- int }

type nullConfig struct {
	sinks.Common `yaml:",inline"`
}

func (*nullConfig) Validate() error { return nil }

func (n null) Deliver(_ context.Context, b sinks.Batch) (sinks.Report, error) {
	if n.took != nil {
		n.took <- len(b.Items)
	}
	return sinks.Report{}, nil
}

func (null) Close(context.Context) error { return nil }

func kinds(took chan<- int) agent.Kinds {
	k := agent.Builtin()
	k.Sinks = append(k.Sinks, sinks.Define("null",
		func() nullConfig { return nullConfig{Common: sinks.Defaults("ecs")} },
		func(nullConfig, sinks.Deps) (sinks.Sink, error) { return null{took}, nil }))
	return k
}

// site is an agent's configuration and data directory.
type site struct {
	t      testing.TB
	dir    string
	config string
	took   chan<- int
}

// newSite writes a config whose source has the given settings besides its
// address and key.
func newSite(t testing.TB, server *cloudtest.Server, settings string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "shiplog.yaml")
	s.set(server, settings)
	return s
}

func (s *site) set(server *cloudtest.Server, settings string) {
	s.t.Helper()
	text := fmt.Sprintf(`
data_dir: %s
admin: {listen: ""}
shutdown_timeout: 1s
sources:
  cloud: {type: prefect_cloud, api_url: %q, account_id: %s, api_key: %s, requests_per_minute: 600000, %s}
sinks:
  out: {type: "null", batch: {linger: 0s}}
`, filepath.Join(s.dir, "data"), server.Base, account, key, settings)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) plan() *agent.Plan {
	s.t.Helper()
	plan, err := agent.Load(s.config, kinds(s.took))
	if err != nil {
		s.t.Fatal(err)
	}
	return plan
}

func (s *site) options() agent.Options {
	return agent.Options{Version: "test", Kinds: kinds(s.took), Log: slog.New(slog.NewTextHandler(s.t.Output(), nil))}
}

// run runs the agent until the returned function is called.
func (s *site) run() (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	plan := s.plan()
	go func() { ended <- agent.Run(ctx, plan, s.options()) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("run: %v", err)
		}
	}
	s.t.Cleanup(stop)
	return stop
}

// once runs the agent until it has read and delivered all there is.
func (s *site) once() {
	s.t.Helper()
	if err := agent.RunOnce(s.t.Context(), s.plan(), s.options(), patience, nil); err != nil {
		s.t.Fatalf("run --once: %v", err)
	}
}

// ids lists the ids in the journal of the source's events, repeats included.
func (s *site) ids() []string {
	s.t.Helper()
	view, err := journal.OpenReadOnly(filepath.Join(s.dir, "data"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		s.t.Fatal(err)
	}
	r := view.Read(1)
	defer r.Close()
	var ids []string
	for {
		frame, ok, err := r.TryNext()
		if err != nil {
			s.t.Fatal(err)
		}
		if !ok {
			break
		}
		if frame.Source == "cloud" {
			for i := range frame.Events {
				ids = append(ids, frame.Events[i].ID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// same waits until the journal has as many events as the server, and compares.
func (s *site) same(server *cloudtest.Server) {
	s.t.Helper()
	want := server.IDs()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	s.grow(ctx, len(want))
	s.exactly(want)
}

// grow waits until the journal has n events of the source.
func (s *site) grow(ctx context.Context, n int) {
	s.t.Helper()
	view, err := journal.OpenReadOnly(filepath.Join(s.dir, "data"))
	for errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
		view, err = journal.OpenReadOnly(filepath.Join(s.dir, "data"))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	r := view.Read(1)
	defer r.Close()
	for have := 0; have < n; {
		frame, err := r.Next(ctx)
		if err != nil {
			s.t.Fatalf("the journal has %d events, want %d: %v", have, n, err)
		}
		if frame.Source == "cloud" {
			have += len(frame.Events)
		}
	}
}

func (s *site) exactly(want []string) {
	s.t.Helper()
	got := s.ids()
	if slices.Equal(got, want) {
		return
	}
	unique := slices.Compact(slices.Clone(got))
	s.t.Errorf("the journal has %d events, %d different ones, want %d", len(got), len(unique), len(want))
}

// damage flips a bit in the middle of the journal's last segment.
func (s *site) damage() {
	s.t.Helper()
	segments, err := filepath.Glob(filepath.Join(s.dir, "data", "journal", "*.seg"))
	if err != nil || len(segments) == 0 {
		s.t.Fatalf("got segments %v, %v", segments, err)
	}
	f, err := os.OpenFile(segments[len(segments)-1], os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		s.t.Fatal(err)
	}
	at := len(bytes.TrimRight(text, "\x00")) / 2
	if _, err := f.WriteAt([]byte{text[at] ^ 0x10}, int64(at)); err != nil {
		s.t.Fatal(err)
	}
}

// append adds a section to the config.
func (s *site) append(text string) {
	s.t.Helper()
	f, err := os.OpenFile(s.config, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
