package prefectcloud

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/pipeline"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
)

// What was hidden from the first pass is found by reconcile, and mended: by the
// agent that runs, and without one.
func TestReconcileFindsAndRepairs(t *testing.T) {
	for name, running := range map[string]bool{"beside a running agent": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
			old := time.Now().Add(-20 * time.Hour)
			server.Add(cloudtest.Events(0, 400, old, time.Minute)...)
			site := newSite(t, server, quick)
			site.once()
			site.exactly(server.IDs())

			hidden := cloudtest.Events(1000, 700, old.Add(3*time.Hour), time.Second)
			server.Add(hidden...)
			if running {
				defer site.run()()
			}
			o := agent.ReconcileOptions{
				Options: site.options(), Source: "cloud", Wait: patience,
				Since: time.Now().Add(-24 * time.Hour), Until: time.Now().Add(-10 * time.Minute),
			}
			found, err := agent.Reconcile(t.Context(), site.plan(), o)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, h := range found.Hours {
				ids = append(ids, h.Missing...)
				if want := agent.HourMissing; len(h.Missing) > 0 && h.State != want {
					t.Errorf("%s: state %s, want %s", h.Start, h.State, want)
				}
			}
			if kept, err := pipeline.LastReconciled(site.plan().File.DataDir, "cloud"); err != nil || kept == nil ||
				kept.Missing != found.Missing || kept.Whole() || kept.Complete >= kept.Hours {
				t.Errorf("for the status there is %+v, %v", kept, err)
			}
			slices.Sort(ids)
			if !slices.Equal(ids, cloudtest.IDs(hidden)) || found.Whole() {
				t.Errorf("%d events are found missing, want %d", len(ids), len(hidden))
			}

			o.Repair = true
			repaired, err := agent.Reconcile(t.Context(), site.plan(), o)
			if err != nil {
				t.Fatal(err)
			}
			if !repaired.Whole() || repaired.Repaired != len(hidden) {
				t.Errorf("%d of %d are repaired, %d hours unknown", repaired.Repaired, repaired.Missing, repaired.Unknown)
			}
			site.exactly(server.IDs())

			o.Repair = false
			if again, err := agent.Reconcile(t.Context(), site.plan(), o); err != nil || again.Missing != 0 {
				t.Errorf("after the repair: %+v, %v", again, err)
			}
		})
	}
}

// Frames of the journal are damaged while the agent runs, and remembers the ids
// that were in them: they are fetched again without a restart.
func TestReconcileRepairsDamage(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	server.Add(cloudtest.Events(0, 400, time.Now().Add(-40*time.Minute), time.Second)...)
	site := newSite(t, server, quick)
	defer site.run()()
	site.same(server)
	site.damage()
	o := agent.ReconcileOptions{
		Options: site.options(), Source: "cloud", Wait: patience, ByID: true, Repair: true,
		Since: time.Now().Add(-24 * time.Hour), Until: time.Now().Add(-10 * time.Minute),
	}
	repaired, err := agent.Reconcile(t.Context(), site.plan(), o)
	if err != nil {
		t.Fatal(err)
	}
	if repaired.Missing == 0 || !repaired.Whole() {
		t.Errorf("%d of %d are repaired, %d hours unknown", repaired.Repaired, repaired.Missing, repaired.Unknown)
	}
	again, err := agent.Reconcile(t.Context(), site.plan(), o)
	if err != nil {
		t.Fatal(err)
	}
	if again.Missing != 0 {
		t.Errorf("after the repair %d are missing", again.Missing)
	}
	site.exactly(server.IDs())
}

// What a processor drops is no loss.
func TestReconcileKnowsWhatWasDropped(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	events := cloudtest.Events(0, 10, time.Now().Add(-2*time.Hour), time.Second)
	for i := range events[:4] {
		events[i].Name = "prefect-cloud.webhook.received"
	}
	server.Add(events...)
	site := newSite(t, server, quick)
	site.append("processors:\n  - drop: event.action == \"prefect-cloud.webhook.received\"\n")
	site.once()
	got, err := agent.Reconcile(t.Context(), site.plan(), agent.ReconcileOptions{
		Options: site.options(), Source: "cloud", Since: time.Now().Add(-3 * time.Hour), Until: time.Now().Add(-10 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	dropped := 0
	for _, h := range got.Hours {
		dropped += h.Dropped
	}
	if !got.Whole() || dropped != 4 {
		t.Errorf("dropped %d, missing %d, unknown %d; want 4, 0, 0", dropped, got.Missing, got.Unknown)
	}
}

// An hour that the service does not answer for is unknown, not complete.
func TestReconcileSaysWhatItDoesNotKnow(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	server.Add(cloudtest.Events(0, 10, time.Now().Add(-2*time.Hour), time.Second)...)
	site := newSite(t, server, quick)
	site.once()
	server.Permit(false)
	got, err := agent.Reconcile(t.Context(), site.plan(), agent.ReconcileOptions{
		Options: site.options(), Source: "cloud", Since: time.Now().Add(-3 * time.Hour), Until: time.Now().Add(-10 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Whole() || got.Unknown != len(got.Hours) {
		t.Errorf("unknown %d of %d hours, want all", got.Unknown, len(got.Hours))
	}
}

// Nothing is called complete that the service has let go of, or that has yet to
// happen.
func TestReconcileClaimsNoMoreThanItKnows(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key, RetentionDays: 2})
	server.Add(cloudtest.Events(0, 10, time.Now().Add(-3*time.Hour), time.Second)...)
	site := newSite(t, server, quick)
	site.once()
	now := time.Now()
	o := agent.ReconcileOptions{Options: site.options(), Source: "cloud", Since: now.Add(-50 * time.Hour), Until: now.Add(10 * time.Hour)}
	found, err := agent.Reconcile(t.Context(), site.plan(), o)
	if err != nil {
		t.Fatal(err)
	}
	if found.Until.After(time.Now()) {
		t.Errorf("it compared up to %s, which has yet to happen", found.Until)
	}
	for _, h := range found.Hours {
		want := agent.HourComplete
		if h.Start.Before(now.Add(-48 * time.Hour)) {
			want = agent.HourUnknown
		}
		if h.State != want {
			t.Errorf("%s is %s, want %s", h.Start, h.State, want)
		}
	}
	if found.Whole() {
		t.Error("it is called whole")
	}
	o.Since = now.Add(time.Hour)
	if _, err := agent.Reconcile(t.Context(), site.plan(), o); !errors.Is(err, agent.ErrRange) {
		t.Errorf("a range in the future: got %v", err)
	}
}

// Events that say different things under one id are told apart: none is missing
// because of its name, and one that is missing is found beside its twin.
func TestReconcileTellsTwinsApart(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	at := time.Now().Add(-3 * time.Hour)
	twin := func(first int, at time.Time) []cloudtest.Event { return cloudtest.Events(first, 5, at, time.Second) }
	server.Add(twin(0, at)...)
	server.Add(twin(0, at.Add(-2*time.Hour))...)
	site := newSite(t, server, quick)
	site.once()
	o := agent.ReconcileOptions{Options: site.options(), Source: "cloud", ByID: true, Repair: true, Wait: patience, Since: at.Add(-5 * time.Hour), Until: time.Now()}
	found, err := agent.Reconcile(t.Context(), site.plan(), o)
	if err != nil || !found.Whole() || found.Missing > 0 {
		t.Fatalf("%d are called missing, %v, want none", found.Missing, err)
	}
	server.Add(twin(0, at.Add(time.Millisecond))...)
	found, err = agent.Reconcile(t.Context(), site.plan(), o)
	if err != nil || found.Missing != 5 || found.Repaired != 5 {
		t.Errorf("%d are missing and %d repaired, %v, want 5", found.Missing, found.Repaired, err)
	}
}
