//go:build integration

package contrib

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

var update = flag.Bool("update", false, "write the converted queries")

// Every rule is valid, can be converted to what the SIEMs ask, fires on its own
// sample in ECS and in CIM, and on no other.
func TestSigmaRules(t *testing.T) {
	dir := filepath.Join(shipped, "sigma")
	given, err := json.Marshal(map[string]any{
		"rules": filepath.Join(dir, "rules"), "pipelines": filepath.Join(dir, "pipelines"),
		"events": map[string]any{"ecs": samples(t, dir, "ecs"), "cim": samples(t, dir, "cim")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Problems []string                       `json:"problems"`
		Queries  map[string]map[string]string   `json:"queries"`
		Fired    map[string]map[string][]string `json:"fired"`
	}
	if err := json.Unmarshal(run(t, given, python(t, "python"), "check_sigma.py"), &got); err != nil {
		t.Fatal(err)
	}
	for _, p := range got.Problems {
		t.Error(p)
	}
	for form, rules := range got.Fired {
		if len(rules) < 12 {
			t.Errorf("%s: %d rules ran", form, len(rules))
		}
		for rule, fired := range rules {
			if !slices.Equal(fired, []string{rule}) {
				t.Errorf("%s: %s fires on the samples %q", form, rule, fired)
			}
		}
	}
	for language, queries := range got.Queries {
		compare(t, filepath.Join(dir, "queries", language+".md"), queriesText(language, queries))
	}
}

func queriesText(language string, queries map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The rules in %s\n\nConverted by a test; do not edit.\n", map[string]string{
		"lucene": "Lucene, for ECS", "esql": "ES|QL, for ECS", "spl": "SPL, for CIM with TA-shiplog",
	}[language])
	for _, rule := range slices.Sorted(maps.Keys(queries)) {
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s\n```\n", rule, queries[rule])
	}
	return b.String()
}

func compare(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the rules convert to; write it with -update. Want:\n%s", file, want)
	}
}

// samples gives the sample events of the pack, flat, each with the name of its
// file.
func samples(t *testing.T, dir, form string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, s := range sampleEvents(t, dir, form) {
		var doc map[string]any
		if err := json.Unmarshal(s.body, &doc); err != nil {
			t.Fatal(err)
		}
		flat := map[string]any{"sample": s.name}
		flatten(flat, "", doc)
		if form == "ecs" {
			flat["timestamp"] = flat["@timestamp"]
		} else {
			addOn(flat)
		}
		all = append(all, flat)
	}
	return all
}

// A sample is an event that a rule fires on.
type sample struct {
	name string // of its file, and of the rule
	body []byte
}

// sampleEvents normalizes the sample events of the pack, with detections as an
// agent has them, and encodes them.
func sampleEvents(t *testing.T, dir, form string) []sample {
	t.Helper()
	section, err := config.ParseSection("detect", []byte("[{detect: {learn: 0s}}]"))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := encode.New(form)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "samples", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatal("no samples", err)
	}
	var all []sample
	for _, file := range files {
		processors, err := normalize.CompileProcessors(section) // one memory a file
		if err != nil {
			t.Fatal(err)
		}
		n, err := normalize.New(normalize.Options{Source: "samples", Processors: processors})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			e, _, verdict, reason, err := n.Normalize(&event.Record{Raw: []byte(strings.TrimSpace(line))}, time.Now().UTC(), nil)
			if verdict != normalize.Keep {
				t.Fatalf("%s: %s %v: %s", file, reason, err, line)
			}
			e.Sequence = uint64(len(all) + 1)
			body, err := enc.Append(nil, &e, event.Delivery{Number: e.Sequence})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, sample{strings.TrimSuffix(filepath.Base(file), ".jsonl"), body})
		}
	}
	return all
}

// flatten makes one level of it. Of a list the first counts: the samples have no
// longer ones that a rule asks for.
func flatten(into map[string]any, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, below := range v {
			flatten(into, strings.TrimPrefix(path+"."+name, "."), below)
		}
	case []any:
		if len(v) > 0 {
			flatten(into, path, v[0])
		}
	default:
		into[path] = v
	}
}

// addOn does what the add-on's props.conf does.
func addOn(flat map[string]any) {
	flat["sourcetype"] = "prefect:audit"
	for _, field := range []string{"", "_id", "_type"} {
		from := "user" + field
		if flat["cim_dataset"] == "Account_Management" {
			from = "src_user" + field
		}
		flat["actor"+field] = flat[from]
	}
}
