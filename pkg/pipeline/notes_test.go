package pipeline

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/shiplog/shiplog/pkg/sources"
)

// A cursor of a journal that is no more is told in the new one, once, and hides
// none of its events, also where that has got further by the time the sink comes
// back.
func TestCursorOfAnotherJournal(t *testing.T) {
	for name, grown := range map[string]bool{"at once": false, "grown meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			before, after, other := &collector{}, &collector{}, &collector{}
			w := newWorld(t, Config{})
			once := func(lines int, sink SinkSpec) {
				t.Helper()
				w.cfg.Sources = []SourceSpec{sourceSpec(t, "in", "1", sources.Traits{}, onceLines(audit(0, lines), 10))}
				w.cfg.Sinks = []SinkSpec{sink}
				if err := w.open().RunOnce(t.Context(), 0, func(Progress) {}); err != nil {
					t.Fatal(err)
				}
				w.close()
			}
			once(20, sinkSpec(t, "sink", "1", before, nil))
			if err := os.RemoveAll(filepath.Join(w.dir, "journal")); err != nil {
				t.Fatal(err)
			}
			if grown {
				once(50, sinkSpec(t, "other", "1", other, nil))
			}
			for range 2 {
				once(60, sinkSpec(t, "sink", "1", after, nil))
			}
			if told := after.find(`"action":"shiplog.cursor.reset"`); len(told) != 1 || len(after.find(`"sink":"sink"`)) != 1 {
				t.Errorf("it was told as %v, want once, with the sink", told)
			}
			if arrived, twice := after.counts(60); arrived != 60 || twice != 0 {
				t.Errorf("%d events arrived, %d of them twice, want 60 once", arrived, twice)
			}
		})
	}
}
