package prefectcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
)

// maxBuckets is how many hours Count asks for at once: the API refuses more than
// 1,000.
const maxBuckets = 240

// List implements sources.Lister. It keeps to the source's budget. An event may
// be given twice when the service failed midway.
func (s *source) List(ctx context.Context, since, until time.Time, each func(event.Record) error) error {
	r := &run{source: s, failing: make(map[string]bool)}
	if oldest, known := r.oldestKept(ctx); known && since.Before(oldest) {
		return fmt.Errorf("the plan's retention has ended: events before %s are deleted", oldest.Format(time.RFC3339))
	}
	for _, f := range s.client.feeds {
		w := r.window(f, since, until, func(items []item, _ time.Time) error {
			for _, record := range r.records(f, items, true) {
				if err := each(record); err != nil {
					return err
				}
			}
			return nil
		})
		if err := w.read(ctx, time.Duration(s.cfg.Window)); err != nil {
			if store, ok := errors.AsType[storeError](err); ok {
				return store.error
			}
			return err
		}
	}
	return nil
}

// oldestKept is the time of the oldest event that the service keeps, as far as it
// can be asked.
func (r *run) oldestKept(ctx context.Context) (oldest time.Time, known bool) {
	err := r.severally(ctx, "", func() error {
		p, err := r.client.kept(ctx)
		oldest, known = p.oldest(r.client.now())
		return err
	})
	return oldest, known && err == nil
}

// Count implements sources.Counter.
func (s *source) Count(ctx context.Context, since, until time.Time) (map[time.Time]int, error) {
	counts := make(map[time.Time]int)
	r := &run{source: s, failing: make(map[string]bool)}
	for _, f := range s.client.feeds {
		for at := since; at.Before(until); at = at.Add(maxBuckets * time.Hour) {
			end := at.Add(maxBuckets * time.Hour)
			if end.After(until) {
				end = until
			}
			if err := r.severally(ctx, f.name, func() error { return s.countHours(ctx, f, at, end, counts) }); err != nil {
				return nil, err
			}
		}
	}
	if oldest, known := r.oldestKept(ctx); known {
		for at := since; at.Before(until) && at.Before(oldest); at = at.Add(time.Hour) {
			counts[at] = -1
		}
	}
	return counts, nil
}

func (s *source) countHours(ctx context.Context, f feed, since, until time.Time, counts map[time.Time]int) error {
	answer, err := s.client.do(ctx, http.MethodPost, s.client.url(f, "/events/count-by/time"), struct {
		Filter   eventFilter `json:"filter"`
		Unit     string      `json:"time_unit"`
		Interval int         `json:"time_interval"`
	}{s.names.filter(since, until.Add(-time.Microsecond), ""), "hour", 1})
	if err != nil {
		return err
	}
	var buckets []struct {
		Count int       `json:"count"`
		Start time.Time `json:"start_time"`
	}
	if err := json.Unmarshal(answer, &buckets); err != nil {
		return fault.New(fault.Retry, "bad_answer", fmt.Errorf("read the counts: %w", err))
	}
	for _, b := range buckets {
		counts[b.Start.UTC().Truncate(time.Hour)] += b.Count
	}
	return nil
}
