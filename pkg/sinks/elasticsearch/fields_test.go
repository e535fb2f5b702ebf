package elasticsearch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// Every field of the normalizer's golden documents has its mapping: none is
// left to the first event that happens to have it.
func TestEveryFieldIsMapped(t *testing.T) {
	file, err := os.Open("../../normalize/testdata/samples.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mapped := map[string]string{"event.original": "keyword"}
	for kind, names := range fields() {
		for _, name := range strings.Fields(names) {
			if other, twice := mapped[name]; twice {
				t.Errorf("%s is both %s and %s", name, other, kind)
			}
			mapped[name] = kind
		}
	}
	documents := 0
	for decoder := json.NewDecoder(file); ; documents++ {
		var doc map[string]any
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		checkMapped(t, mapped, "", doc)
	}
	if documents == 0 {
		t.Error("no documents")
	}
}

func checkMapped(t *testing.T, mapped map[string]string, name string, value any) {
	t.Helper()
	if mapped[name] == flattened || strings.HasPrefix(name, "labels.") {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			checkMapped(t, mapped, strings.TrimPrefix(name+"."+key, "."), inner)
		}
	case []any:
		for _, inner := range v {
			checkMapped(t, mapped, name, inner)
		}
	case bool:
		if mapped[name] != "boolean" {
			t.Errorf("%s is a boolean, mapped as %q", name, mapped[name])
		}
	case float64:
		if mapped[name] != "long" && mapped[name] != "float" {
			t.Errorf("%s is a number, mapped as %q", name, mapped[name])
		}
	default:
		if mapped[name] == "" {
			t.Errorf("%s has no mapping", name)
		}
	}
}
