package pipeline

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// Between batches nothing of one may be held, so that a source at rest takes no
// memory.
func TestFanoutHoldsNoDocuments(t *testing.T) {
	f, err := newFanout(normalize.Options{Source: "spool"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../configs/samples/audit.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var records []event.Record
	for line := range strings.Lines(string(text)) {
		records = append(records, event.Record{Raw: []byte(strings.TrimSpace(line))})
	}
	var held []weak.Pointer[byte]
	for _, out := range f.run(records, time.Now()) {
		held = append(held, weak.Make(&out.event.Doc[0]))
	}
	f.done()
	for range 3 { // a pool keeps what it has for one collection more
		runtime.GC()
	}
	for i, doc := range held {
		if doc.Value() != nil {
			t.Fatalf("the document of record %d is still held", i)
		}
	}
	runtime.KeepAlive(f)
}
