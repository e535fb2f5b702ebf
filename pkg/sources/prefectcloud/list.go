package prefectcloud

import (
	"context"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// List implements sources.Lister. It keeps to the source's budget.
func (s *source) List(ctx context.Context, since, until time.Time, each func(event.Record) error) error {
	r := &run{source: s}
	for _, f := range s.client.feeds {
		w := r.window(f, since, until, func(items []item, _ time.Time) error {
			for _, record := range r.records(f, items, true) {
				if err := each(record); err != nil {
					return err
				}
			}
			return nil
		})
		if err := r.patiently(ctx, func(ctx context.Context) error {
			at, err := w.read(ctx, time.Duration(s.cfg.Window))
			w.since = at // what was read is not read again
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
