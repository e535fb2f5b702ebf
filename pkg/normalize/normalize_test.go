package normalize_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

var update = flag.Bool("update", false, "write the golden files anew")

var readAt = time.Date(2026, 11, 3, 9, 0, 0, 123456000, time.UTC)

func newNormalizer(t testing.TB, o normalize.Options) *normalize.Normalizer {
	t.Helper()
	if o.Source == "" {
		o.Source = "spool"
	}
	n, err := normalize.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// normalized normalizes a record that must become an event, and checks what is
// true of every event's document.
func normalized(t testing.TB, n *normalize.Normalizer, rec *event.Record) event.Event {
	t.Helper()
	e, _, v, reason, err := n.Normalize(rec, readAt, nil)
	if v != normalize.Keep {
		t.Fatalf("got verdict %d, %s, %v for %.300q", v, reason, err, rec.Raw)
	}
	checkFrame(t, &e, rec.Raw)
	return e
}

func checkFrame(t testing.TB, e *event.Event, raw []byte) map[string]any {
	t.Helper()
	if !bytes.HasPrefix(e.Doc, []byte(`{"event":{"original":"`)) || !bytes.HasSuffix(e.Doc, []byte(`}}`)) {
		t.Fatalf("not in the frame: %s", e.Doc)
	}
	if bytes.ContainsAny(e.Doc, "\n\r") {
		t.Fatalf("the document has line breaks: %q", e.Doc)
	}
	doc := decode(t, e.Doc)
	if got := at(doc, "event.original"); got != string(raw) {
		t.Fatalf("event.original: got %q, want %q", got, raw)
	}
	if want := sha256.Sum256(raw); e.Hash != want || at(doc, "event.hash") != hex.EncodeToString(want[:]) {
		t.Fatalf("the hash %v is not that of the record", at(doc, "event.hash"))
	}
	if e.ID == "" || at(doc, "event.id") != e.ID {
		t.Fatalf("event.id: got %v, envelope %q", at(doc, "event.id"), e.ID)
	}
	if got := at(doc, "event.action"); got != e.Action {
		t.Fatalf("event.action: got %v, envelope %q", got, e.Action)
	}
	if at(doc, "shiplog.source") == nil {
		t.Fatal("no shiplog.source")
	}
	return doc
}

func decode(t testing.TB, doc []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, doc)
	}
	return v
}

// at gives the value at a dotted path, nil where there is none.
func at(doc map[string]any, path string) any {
	var v any = doc
	for _, name := range bytes.Split([]byte(path), []byte(".")) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[string(name)]
	}
	return v
}

func lines(t testing.TB, name string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
}

func TestSamplesGolden(t *testing.T) {
	n := newNormalizer(t, normalize.Options{})
	var got bytes.Buffer
	for _, line := range lines(t, "samples.jsonl") {
		e := normalized(t, n, &event.Record{Raw: line})
		doc := decode(t, e.Doc)
		if original, ok := doc["event"].(map[string]any); ok && len(line) > 64<<10 {
			delete(original, "original") // one line is 85 KB, and twice that in the golden file
			delete(doc, "prefect")
		}
		enc := json.NewEncoder(&got)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		if err := enc.Encode(doc); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "samples.golden.json", got.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s (run with -update to accept):\n%s", path, firstDifference(got, want))
	}
}

func firstDifference(got, want []byte) string {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range g {
		if i >= len(w) || !bytes.Equal(g[i], w[i]) {
			wanted := "nothing"
			if i < len(w) {
				wanted = string(w[i])
			}
			return "got " + string(g[i]) + "\nwant " + wanted
		}
	}
	return "it is shorter"
}

func BenchmarkNormalize(b *testing.B) {
	records := lines(b, "bench.jsonl")
	n := newNormalizer(b, normalize.Options{})
	size := 0
	for _, r := range records {
		size += len(r)
	}
	b.SetBytes(int64(size / len(records)))
	b.ReportAllocs()
	buf := make([]byte, 0, 1<<20)
	rec := event.Record{Received: readAt}
	for i := 0; b.Loop(); i++ {
		rec.Raw = records[i%len(records)]
		_, grown, v, _, err := n.Normalize(&rec, readAt, buf[:0])
		if v != normalize.Keep {
			b.Fatal(err)
		}
		buf = grown
	}
}
