//go:build integration

package kafkabroker

import (
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

func testRecords(t *testing.T, k *harness.Kafka) {
	for _, mode := range []string{"exactly_once: false", "exactly_once: true"} {
		name := strings.ReplaceAll(mode, ": ", "-")

		// The clock of a producer upstream is two days ahead.
		t.Run("future/"+mode, func(t *testing.T) {
			create(t, k, "future-"+name, 1)
			s := open(t, section(k.Plain(), "future-"+name, mode))
			b := sinktest.Batch(0, 5, nil)
			for i, item := range b.Items {
				item.Event.Occurred = time.Now().Add(-time.Duration(i) * time.Hour)
			}
			ahead := time.Now().Add(48 * time.Hour)
			b.Items[3].Event.Occurred = ahead
			settle(t, s, b)
			records := committed(t, k, "future-"+name)
			once(t, records, 5)
			for i, r := range records {
				if i != 3 && !r.Timestamp.Equal(b.Items[i].Event.Occurred.Truncate(time.Millisecond)) {
					t.Errorf("record %d has the time %v, want that of its event", i, r.Timestamp)
				}
			}
			if r := records[3]; r.Timestamp.After(time.Now()) || topic.Header(r, "ce_time") != ahead.UTC().Format(time.RFC3339Nano) {
				t.Errorf("the record from the future has the time %v and ce_time %s", r.Timestamp, topic.Header(r, "ce_time"))
			}
		})
	}

	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run("compression/"+compression, func(t *testing.T) {
			create(t, k, "with-"+compression, 3)
			s := open(t, section(k.Plain(), "with-"+compression, "compression: "+compression))
			settle(t, s, sinktest.Batch(0, 2000, nil))
			once(t, committed(t, k, "with-"+compression), 2000)
		})
	}
}
