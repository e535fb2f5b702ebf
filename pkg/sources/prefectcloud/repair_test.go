package prefectcloud_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

func repairer(t *testing.T, src sources.Source) sources.Repairer {
	t.Helper()
	r, ok := src.(sources.Repairer)
	if !ok {
		t.Fatal("the source is no Repairer")
	}
	return r
}

// What is put down for repair is emitted once, exact and marked late, also when
// the agent dies between the emit and the removal of the file.
func TestRepairOnceAcrossACrash(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	state := t.TempDir()
	deps := sources.Deps{Once: true, StateDir: state}
	raw := "{\"id\": \"r1\",\n \"event\":\"prefect-cloud.user.logged-in\"}"
	feed := event.Origin{Name: "account/" + account, Offset: -1}
	if err := repairer(t, open(t, fast(server.Base), deps)).Repair([]event.Record{{Raw: []byte(raw), Origin: feed}, {Raw: []byte(`{"id":"r2"}`), Origin: feed}}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(state, "repair", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got files %v, %v, want one", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}

	store := sourcetest.NewStore()
	store.FailAfter(1) // the repair; the note that the file is gone fails
	if err := open(t, fast(server.Base), deps).Run(t.Context(), nil, store.Emit); err == nil {
		t.Fatal("Run did not fail")
	}
	store.FailAfter(-1)
	if err := os.WriteFile(files[0], content, 0o600); err != nil { // as if it had not been removed either
		t.Fatal(err)
	}
	src := open(t, fast(server.Base), deps)
	if err := src.Run(t.Context(), store.Position(), store.Emit); err != nil {
		t.Fatal(err)
	}
	if got, want := store.Lines(), []string{raw, `{"id":"r2"}`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, r := range store.Records() {
		if !r.Late || r.Scope == nil || r.Scope.Account != account {
			t.Errorf("got late %v, scope %+v", r.Late, r.Scope)
		}
	}
	if n, err := repairer(t, src).Unrepaired(); n != 0 || err != nil {
		t.Errorf("%d records are left, %v", n, err)
	}
	for part := range store.Position() {
		if filepath.Dir(part) == "repair" {
			t.Errorf("the position still has %s", part)
		}
	}
}

// Counts are by the hour, over all feeds.
func TestCount(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	hour := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	server.Add(cloudtest.Events(0, 7, hour, time.Second)...)
	server.Add(cloudtest.Events(100, 3, hour.Add(2*time.Hour-time.Microsecond), 0)...)
	counter, ok := open(t, fast(server.Base), sources.Deps{}).(sources.Counter)
	if !ok {
		t.Fatal("the source is no Counter")
	}
	got, err := counter.Count(t.Context(), hour, hour.Add(2*time.Hour))
	if err != nil || got[hour] != 7 || got[hour.Add(time.Hour)] != 3 {
		t.Errorf("got %v, %v", got, err)
	}
}
