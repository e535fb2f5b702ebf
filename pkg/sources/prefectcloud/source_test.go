package prefectcloud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/leaktest"
	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

const (
	account  = "0a0a0a0a-0000-4000-8000-000000000001"
	key      = "pnu_not-a-real-key"
	patience = 5 * time.Minute // a net: how long something that must happen may take
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// fast are settings for tests; what a test adds comes after.
func fast(base string) string {
	return fmt.Sprintf(`
type: prefect_cloud
api_url: %s
account_id: %s
api_key: %s
mode: poll
poll_interval: 20ms
overlap: 1m
sweeps: []
start: 2h
timeout: 1m
requests_per_minute: 600000
`, base, account, key)
}

// with replaces settings of text by those of more.
func with(text, more string) string {
	var kept []string
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, ":")
		if !strings.Contains("\n"+more, "\n"+name+":") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "") + more + "\n"
}

func specOf(t *testing.T, text string) sources.Spec {
	t.Helper()
	section, err := config.ParseSection("source.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := prefectcloud.Factory().Decode(section)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func open(t *testing.T, text string, deps sources.Deps) sources.Source {
	t.Helper()
	deps.Name = "cloud"
	deps.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	if deps.Monitor == nil {
		deps.Monitor = new(sourcetest.Monitor)
	}
	src, err := specOf(t, text).Open(deps)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// dedup recognises ids as the pipeline does, whatever was stored before.
type dedup struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (d *dedup) wrap(src sources.Source) sources.Source { return deduplicated{src, d} }

type deduplicated struct {
	sources.Source
	*dedup
}

func (s deduplicated) Run(ctx context.Context, from event.Position, emit sources.Emit) error {
	return s.Source.Run(ctx, from, func(ctx context.Context, records []event.Record, next event.Position) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		var fresh []event.Record
		for _, r := range records {
			if !s.seen[idOf(r)] {
				fresh = append(fresh, r)
			}
		}
		if err := emit(ctx, fresh, next); err != nil {
			return err
		}
		for _, r := range fresh {
			s.seen[idOf(r)] = true
		}
		return nil
	})
}

func idOf(r event.Record) string {
	var head struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(r.Raw, &head); err != nil {
		panic(err)
	}
	return head.ID
}

func idsOf(store *sourcetest.Store) []string {
	var ids []string
	for _, r := range store.Records() {
		ids = append(ids, idOf(r))
	}
	slices.Sort(ids)
	return ids
}

// place is a Prefect Cloud for the contract suite.
type place struct {
	*cloudtest.Server
	dedup *dedup
}

func (p place) Add(t *testing.T, records []string) {
	t.Helper()
	for i, raw := range records {
		var head struct {
			ID    string `json:"id"`
			Event string `json:"event"`
		}
		if err := json.Unmarshal([]byte(raw), &head); err != nil {
			t.Fatal(err)
		}
		p.Server.Add(cloudtest.Event{ID: head.ID, Name: head.Event, Raw: []byte(raw), Occurred: time.Now().Add(time.Duration(i) * time.Microsecond)})
	}
}

func (p place) Open(t *testing.T, once bool) sources.Source {
	t.Helper()
	return p.dedup.wrap(open(t, fast(p.Base), sources.Deps{Once: once}))
}

func TestContract(t *testing.T) {
	// The suite looks for goroutines that a source leaves behind, so the
	// servers run before it begins.
	servers := make(chan *cloudtest.Server, 16)
	for range cap(servers) {
		servers <- cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	}
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		t.Helper()
		return place{<-servers, &dedup{seen: make(map[string]bool)}}
	})
}

// start runs a source until the returned function is called.
func start(t *testing.T, src sources.Source, store *sourcetest.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- src.Run(ctx, store.Position(), store.Emit) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func wait(t *testing.T, store *sourcetest.Store, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if !store.Wait(ctx, n) {
		t.Fatalf("got %d records, want %d", len(store.Records()), n)
	}
}

func once(t *testing.T, text string, store *sourcetest.Store) {
	t.Helper()
	d := &dedup{seen: make(map[string]bool)}
	if err := d.wrap(open(t, text, sources.Deps{Once: true})).Run(t.Context(), store.Position(), store.Emit); err != nil {
		t.Fatalf("Run: %v", err)
	}
}
