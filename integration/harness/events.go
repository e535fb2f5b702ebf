package harness

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// EventID is the id of event n.
func EventID(n int) string { return fmt.Sprintf("5e9a0d17-c0de-4bad-8a5e-%012x", n) }

// EventTime is when event n occurred: one a second.
func EventTime(n int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
}

// Event is event n as Prefect tells of it, as one line: who made an API key of
// that name. Its payload has the text note.
func Event(n int, name, note string) []byte {
	const stamp = "2006-01-02T15:04:05.000000Z07:00"
	at := EventTime(n)
	return fmt.Appendf(nil, `{"id":%q,"occurred":%q,"event":"prefect-cloud.api-key.created",`+
		`"resource":{"prefect.resource.id":"prefect-cloud.api-key.%012x","prefect.resource.name":%q},`+
		`"related":[{"prefect.resource.id":"prefect-cloud.actor.7b1f1e2c-0d1c-4a2b-9a55-%012x","prefect.resource.role":"actor","prefect.resource.name":"jane.doe","prefect-cloud.email":"jane.doe@example.com"}],`+
		`"payload":{"ip":"10.1.%d.%d","note":%q},"account":"acc00000-0000-4000-8000-000000000001","workspace":null,"follows":null,"received":%q}`+"\n",
		EventID(n), at.Format(stamp), n, name, n%7, n>>8&255, n&255, note, at.Add(time.Second).Format(stamp))
}

// Spool writes events from to from+n-1 into a new file of a directory. It
// appears whole.
func Spool(t testing.TB, dir string, from, n int) {
	t.Helper()
	SpoolLines(t, dir, from, n, func(i int) []byte { return Event(i, fmt.Sprintf("key-%d", i), "by schedule") })
}

// SpoolLines is Spool with lines of another making.
func SpoolLines(t testing.TB, dir string, from, n int, line func(n int) []byte) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o700))
	half := filepath.Join(dir, fmt.Sprintf("audit-%08d.half", from))
	f, err := os.Create(half)
	must(t, err)
	w := bufio.NewWriter(f)
	for i := range n {
		_, err := w.Write(line(from + i))
		must(t, err)
	}
	must(t, w.Flush())
	must(t, f.Close())
	must(t, os.Rename(half, half[:len(half)-len("half")]+"jsonl"))
}
