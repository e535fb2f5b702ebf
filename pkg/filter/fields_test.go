package filter_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/filter"
)

// Every field of a normalized event is one that an expression may use, and of
// the type that is said.
func TestFieldsOfEventsAreKnown(t *testing.T) {
	text, err := os.ReadFile("../encode/testdata/golden/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]any{}
	for line := range bytes.SplitSeq(bytes.TrimSpace(text), []byte("\n")) {
		var event struct{ Doc string }
		var doc map[string]any
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(event.Doc), &doc); err != nil {
			t.Fatal(err)
		}
		leaves("", doc, seen)
	}
	if len(seen) < 20 {
		t.Fatalf("there are only %d fields", len(seen))
	}
	fields := filter.Fields()
	for name, value := range seen {
		if name == "@timestamp" {
			continue // no name of the expression language
		}
		root, _, _ := strings.Cut(name, ".")
		want := "text"
		switch value.(type) {
		case []any:
			want = "list"
		case float64:
			want = "number"
		}
		known := slices.ContainsFunc(fields, func(f filter.Field) bool {
			return f.Name == name && f.Type == want || f.Name == root && f.Type == "open"
		})
		if !known {
			t.Errorf("%s, %s, is no known field", name, want)
		}
	}
}

func leaves(path string, object map[string]any, into map[string]any) {
	for name, value := range object {
		if path != "" {
			name = path + "." + name
		}
		if inner, ok := value.(map[string]any); ok {
			leaves(name, inner, into)
			continue
		}
		into[name] = value
	}
}
