package journal

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// epoch is when the events of the tests begin to occur.
func epoch() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// makeEvent is an event that can be told from all others by n.
func makeEvent(n int) event.Event {
	doc := fmt.Sprintf(`{"event":{"original":"{\"n\":%d}"},"shiplog":{"x":1}}`, n)
	return event.Event{
		Envelope: event.Envelope{
			ID:       fmt.Sprintf("id-%d", n),
			Occurred: epoch().Add(time.Duration(n) * time.Second),
			Received: epoch().Add(time.Duration(n)*time.Second + 5*time.Millisecond),
			Action:   "prefect-cloud.api-key.created",
			Actor:    "ann@example.com",
			Account:  "acc",
			Resource: "res",
			Outcome:  event.Success,
			Severity: event.Medium,
			Source:   "spool",
			Hash:     sha256.Sum256([]byte(doc)),
		},
		Doc: []byte(doc),
	}
}

func makeEvents(from, n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		events[i] = makeEvent(from + i)
	}
	return events
}

func mustClose(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// mustAppend appends n events that begin with number from, with the position
// after them.
func mustAppend(t testing.TB, j *Journal, from, n int) uint64 {
	t.Helper()
	first, err := j.Append(context.Background(), Batch{
		Source:   "spool",
		Events:   makeEvents(from, n),
		Position: event.Position{"file": fmt.Append(nil, from+n)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// readIDs returns the ids of all events that a reader finds now.
func readIDs(t testing.TB, r *Reader) []string {
	t.Helper()
	defer func() { _ = r.Close() }()
	var ids []string
	for {
		f, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return ids
		}
		for _, e := range f.Events {
			ids = append(ids, e.ID)
		}
	}
}

// idRange is the ids of the events from number from up to before to.
func idRange(from, to int) []string {
	var ids []string
	for n := from; n < to; n++ {
		ids = append(ids, fmt.Sprintf("id-%d", n))
	}
	return ids
}

// cold makes all readers read from disk.
func cold(j *Journal) *Journal {
	j.recent.mu.Lock()
	defer j.recent.mu.Unlock()
	j.recent.frames, j.recent.bytes, j.recent.limit = nil, 0, 0
	return j
}

// bigEvents are events with documents of about 2.4 KB, of which a third is ids
// and tokens that do not compress.
func bigEvents(n int) []event.Event {
	events := makeEvents(0, n)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range events {
		doc := []byte(`{"event":{"original":"`)
		for doc = fmt.Appendf(doc, "%d", i); len(doc) < 2300; {
			doc = fmt.Appendf(doc, `","actor":{"email":"user-%d@example.com","id":"%016x%016x","type":"prefect-cloud.user"},"resource":"`,
				rnd.IntN(500), rnd.Uint64(), rnd.Uint64())
		}
		events[i].Doc = append(doc, `"},"shiplog":{"x":1}}`...)
	}
	return events
}

// patchHeaderChecksum makes a changed header sound again.
func patchHeaderChecksum(frame []byte) {
	binary.LittleEndian.PutUint32(frame[96:], checksum(frame[:96]))
}

// unsynced is a disk that does not sync, for tests that open hundreds of
// journals.
type unsynced struct{ osDisk }

type unsyncedFile struct{ file }

func (unsyncedFile) datasync() error { return nil }

func (unsynced) syncDir(string) error { return nil }

func (d unsynced) open(name string) (file, error) { return d.wrap(d.osDisk.open(name)) }

func (d unsynced) openWrite(name string) (file, error) { return d.wrap(d.osDisk.openWrite(name)) }

func (d unsynced) create(name string) (file, error) { return d.wrap(d.osDisk.create(name)) }

func (unsynced) wrap(f file, err error) (file, error) { return unsyncedFile{f}, err }

// mustOpen opens a journal on a disk that does not sync.
func mustOpen(t testing.TB, dir string, cfg Config, deps Deps) *Journal {
	t.Helper()
	j, err := open(dir, cfg, deps, unsynced{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}
