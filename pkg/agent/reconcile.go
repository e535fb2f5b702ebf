package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/pipeline"
	"github.com/shiplog/shiplog/pkg/sources"
)

// The states of an hour, the worst last.
const (
	HourComplete = "complete" // every event that the service has is in the journal
	HourUnknown  = "unknown"  // it could not be compared
	HourMissing  = "missing"  // the service has events that the journal lacks
)

// lateAfter is how long after it occurred an event that reaches the service
// counts as late: plain polls with the usual overlap would lose it.
const lateAfter = 5 * time.Minute

// ErrRange says that there is nothing to compare in a range of time.
var ErrRange = errors.New("nothing to compare")

// Hour is the comparison of one hour. Times are by when events occurred.
type Hour struct {
	Start time.Time `json:"start"`
	State string    `json:"state"`
	Why   string    `json:"why,omitempty"` // it is unknown

	Service int `json:"service"`           // events that the service has; -1: not known
	Journal int `json:"journal"`           // events of the source in the journal
	Late    int `json:"late"`              // of those, how many reached the service late
	Dropped int `json:"dropped,omitempty"` // left out on purpose, by a processor or as a dead letter

	Missing  []string `json:"missing,omitempty"`  // ids
	Repaired int      `json:"repaired,omitempty"` // of the missing, how many are in the journal now

	want map[string]int // of the missing: how many events the service has of an id
}

// Reconciliation is the comparison of a source's service with the journal.
type Reconciliation struct {
	Source string    `json:"source"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Hours  []Hour    `json:"hours"`

	Missing  int `json:"missing"`  // events that were found missing
	Repaired int `json:"repaired"` // of those, in the journal now
	Unknown  int `json:"unknown"`  // hours that could not be compared
}

// Whole tells whether nothing is missing, or missing any more, as far as could
// be asked.
func (r *Reconciliation) Whole() bool { return r.Missing == r.Repaired && r.Unknown == 0 }

// ReconcileOptions say what to compare.
type ReconcileOptions struct {
	Options
	Source       string
	Since, Until time.Time // widened to whole hours, Until not beyond the time given, nor beyond now
	ByID         bool      // compare ids even where counts are equal
	Repair       bool
	Gone         bool          // take what the journal has let go of for missing, too
	Wait         time.Duration // for a running agent to take in what is missing

	Progress func(done, total int) // hours; nil: nobody looks
}

// reconciler is one comparison at work.
type reconciler struct {
	ReconcileOptions
	plan       *Plan
	spec       pipeline.SourceSpec
	source     sources.Source
	lister     sources.Lister
	view       *journal.View
	kept       time.Time // before it, the journal has let go of events; zero: it never has
	normalizer *normalize.Normalizer
	result     *Reconciliation
}

// Reconcile asks a source's service what it has and compares that with the
// journal, hour by hour. It works beside a running agent. With Repair, what is
// missing goes through the source into the journal, as everything else does.
func Reconcile(ctx context.Context, plan *Plan, o ReconcileOptions) (*Reconciliation, error) {
	r, err := newReconciler(plan, o)
	if err != nil {
		return nil, err
	}
	var counts map[time.Time]int
	if c, ok := r.source.(sources.Counter); ok && !o.ByID {
		counts, err = c.Count(ctx, r.result.Since, hourAfter(r.result.Until))
		if err != nil {
			o.Log.Debug("the service does not count; its ids are asked for", "err", err)
			counts = nil
		}
	}
	total := int(hourAfter(r.result.Until).Sub(r.result.Since) / time.Hour)
	for at := r.result.Since; at.Before(r.result.Until); at = at.Add(time.Hour) {
		if err := r.hour(ctx, at, counts); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(len(r.result.Hours), total)
		}
	}
	if o.Repair && r.result.Missing > 0 {
		if err := r.repair(ctx); err != nil {
			return r.result, errors.Join(err, r.keep())
		}
	}
	return r.result, errors.Join(r.prove(), r.keep())
}

// keep leaves the result in the data directory, for the status.
func (r *reconciler) keep() error {
	k := pipeline.Reconciled{
		Ended: time.Now().UTC(), Since: r.result.Since, Until: r.result.Until, Hours: len(r.result.Hours),
		Unknown: r.result.Unknown, Missing: r.result.Missing, Repaired: r.result.Repaired,
	}
	for _, h := range r.result.Hours {
		k.Late += h.Late
		if h.State != HourUnknown && len(h.Missing) == h.Repaired {
			k.Complete++
		}
	}
	return pipeline.KeepReconciled(r.plan.File.DataDir, r.Source, k)
}

func newReconciler(plan *Plan, o ReconcileOptions) (*reconciler, error) {
	now := time.Now()
	if !o.Since.Before(now) {
		return nil, fmt.Errorf("%w: it begins at %s, which is in the future", ErrRange, o.Since.Format(time.RFC3339))
	}
	if o.Until.After(now) {
		o.Until = now // what has yet to happen is not complete
	}
	i := slices.IndexFunc(plan.Pipeline.Sources, func(s pipeline.SourceSpec) bool { return s.Name == o.Source })
	if i < 0 {
		return nil, fmt.Errorf("there is no source %q in the config", o.Source)
	}
	r := &reconciler{ReconcileOptions: o, plan: plan, spec: plan.Pipeline.Sources[i]}
	r.result = &Reconciliation{Source: o.Source, Since: o.Since.UTC().Truncate(time.Hour), Until: o.Until.UTC()}
	var err error
	r.source, err = r.spec.Spec.Open(sources.Deps{
		Name: o.Source, Log: slog.New(slog.DiscardHandler), Monitor: noSourceMonitor{}, UserAgent: userAgent(o.Version),
		StateDir: filepath.Join(plan.File.DataDir, "sources", o.Source),
	})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", o.Source, err)
	}
	lister, ok := r.source.(sources.Lister)
	if !ok {
		return nil, fmt.Errorf("source %s: a source of type %s cannot say what its service has", o.Source, r.spec.Spec.Type)
	}
	r.lister = lister
	if r.view, err = journal.OpenReadOnly(plan.File.DataDir); err != nil {
		return nil, err
	}
	stats, err := r.view.Stats()
	if err != nil {
		return nil, err
	}
	if stats.First > 1 && !o.Gone {
		r.kept = stats.OldestTime
	}
	r.normalizer, err = normalize.New(normalize.Options{
		Source: o.Source, Decoder: r.spec.Spec.Decoder, Processors: plan.Pipeline.Processors,
	})
	return r, err
}

// hour compares one hour.
func (r *reconciler) hour(ctx context.Context, at time.Time, counts map[time.Time]int) error {
	h := Hour{Start: at, State: HourComplete, Service: -1}
	end := at.Add(time.Hour)
	whole := !end.After(r.result.Until)
	if !whole {
		end = r.result.Until
	}
	have, err := r.journalled(at, end)
	if err != nil {
		return err
	}
	h.Journal, h.Late = have.events, have.late
	switch {
	case counts != nil && whole && counts[at] == have.events:
		h.Service = have.events
	default:
		err = r.compare(ctx, &h, have.of, end)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err != nil:
		h.State, h.Why = HourUnknown, err.Error()
	case h.Service == 0 && h.Journal > 0:
		h.State, h.Why = HourUnknown, "the service has none of these events any more"
	case len(h.Missing) > 0 && at.Before(r.kept):
		h.State, h.Why, h.Missing = HourUnknown, "the journal may have let go of events of this hour: see journal.retain, and --gone", nil
	case len(h.Missing) > 0:
		h.State = HourMissing
	}
	if h.State == HourUnknown {
		r.result.Unknown++
	}
	r.result.Missing += len(h.Missing)
	r.result.Hours = append(r.result.Hours, h)
	return nil
}

// journalled is what the journal has of a range of time.
type journalled struct {
	events, late int
	of           map[string]int // events by id; two that say different things may share one
}

func (r *reconciler) journalled(since, until time.Time) (journalled, error) {
	have := journalled{of: make(map[string]int)}
	seen := make(map[string]bool) // by id and content: an id may come again long after, with another
	reader := r.view.ReadTime(0, since, until)
	defer func() { _ = reader.Close() }()
	for {
		frame, ok, err := reader.TryNext()
		if err != nil || !ok {
			return have, err
		}
		if frame.Source != r.Source {
			continue
		}
		for i := range frame.Events {
			e := &frame.Events[i]
			if e.Occurred.Before(since) || !e.Occurred.Before(until) {
				continue
			}
			key := e.ID + string(e.Hash[:])
			if seen[key] {
				continue
			}
			seen[key] = true
			have.of[string([]byte(pipeline.SharedID(e.ID)))]++ // the frame may go
			have.events++
			if e.Received.Sub(e.Occurred) > lateAfter {
				have.late++
			}
		}
	}
}

// compare lists what the service has of an hour. What is missing is put down for
// repair as it is found, where that is wanted.
func (r *reconciler) compare(ctx context.Context, h *Hour, have map[string]int, end time.Time) error {
	h.Service = 0
	given := make(map[[sha256.Size]byte]bool)
	listed := make(map[string]int)
	h.want = make(map[string]int)
	var missing []event.Record
	err := r.lister.List(ctx, h.Start, end, func(rec event.Record) error {
		e, _, verdict, _, _ := r.normalizer.Normalize(&rec, time.Now(), nil)
		if verdict != normalize.Keep {
			h.Dropped++
			h.Service++
			return nil
		}
		sum := sha256.Sum256(rec.Raw)
		if given[sum] {
			return nil
		}
		given[sum] = true
		id := string([]byte(e.ID))
		listed[id]++
		h.Service++
		if listed[id] > have[id] {
			h.Missing = append(h.Missing, id)
			h.want[id] = listed[id]
			rec.Raw = slices.Clone(rec.Raw)
			missing = append(missing, rec)
		}
		return nil
	})
	if err != nil || !r.Repair || len(missing) == 0 || h.Start.Before(r.kept) {
		return err
	}
	rep, ok := r.source.(sources.Repairer)
	if !ok {
		return errors.New("the source cannot be repaired")
	}
	return rep.Repair(missing)
}

func hourAfter(t time.Time) time.Time {
	if whole := t.Truncate(time.Hour); !whole.Equal(t) {
		return whole.Add(time.Hour)
	}
	return t
}
