// Package contrib_test holds what is shipped in contrib to the program: names of
// metrics, fields and detections, and links to the runbook.
package contrib_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/metrics"
)

var update = flag.Bool("update", false, "write generated files anew")

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every metric in the dashboard, the rules and their runbook exists.
func TestMetricsExist(t *testing.T) {
	known := map[string]bool{}
	for _, i := range append(metrics.Instruments(), agent.Builtin().Instruments()...) {
		known[metrics.Prefix+i.Name] = true
		if i.Type == "histogram" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				known[metrics.Prefix+i.Name+suffix] = true
			}
		}
	}
	name := regexp.MustCompile(`\bshiplog_[a-z0-9_]+`)
	for _, file := range []string{"grafana/shiplog.json", "prometheus/shiplog.rules.yml", "prometheus/shiplog.rules.test.yml", "prometheus/shiplog.rules.long.test.yml", "../docs/runbook.md"} {
		found := name.FindAllString(read(t, file), -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric: the test looks in the wrong place", file)
		}
		for _, metric := range found {
			if !known[metric] {
				t.Errorf("%s: there is no metric %s", file, metric)
			}
		}
	}
	recorded := regexp.MustCompile(`\bshiplog:[a-z0-9_:]+`)
	rules := read(t, "prometheus/shiplog.rules.yml")
	for _, series := range recorded.FindAllString(read(t, "grafana/shiplog.json"), -1) {
		if !strings.Contains(rules, "record: "+series+"\n") {
			t.Errorf("the dashboard asks for %s, which no rule records", series)
		}
	}
}

type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

// Every alert has a section in the runbook, a link to it, and a test; and the
// runbook has no others.
func TestAlertsHaveARunbook(t *testing.T) {
	var file ruleFile
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/shiplog.rules.yml")), &file); err != nil {
		t.Fatal(err)
	}
	tests := read(t, "prometheus/shiplog.rules.test.yml") + read(t, "prometheus/shiplog.rules.long.test.yml")
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(read(t, "../docs/runbook.md"), -1) {
		sections = append(sections, m[1])
	}
	alerts := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			alerts++
			if !slices.Contains(sections, r.Alert) {
				t.Errorf("the runbook has no section %s", r.Alert)
			}
			if !strings.HasSuffix(r.Annotations["runbook_url"], "/docs/runbook.md#"+strings.ToLower(r.Alert)) {
				t.Errorf("%s links to %s", r.Alert, r.Annotations["runbook_url"])
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s does not say what is wrong", r.Alert)
			}
			if !slices.Contains([]string{"page", "ticket", "info"}, r.Labels["severity"]) {
				t.Errorf("%s has severity %q", r.Alert, r.Labels["severity"])
			}
			if !strings.Contains(tests, `alertname="`+r.Alert+`"`) {
				t.Errorf("no test lets %s fire", r.Alert)
			}
		}
	}
	if alerts != len(sections) {
		t.Errorf("the runbook has %d sections for %d alerts", len(sections), alerts)
	}
}

// What Grafana imports: no two panels of one number or one place.
func TestDashboardIsSound(t *testing.T) {
	type place struct{ X, Y, W, H int }
	var d struct {
		UID    string `json:"uid"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			GridPos place  `json:"gridPos"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join("grafana", "shiplog.json"))), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || len(d.Panels) < 10 {
		t.Fatalf("got %d panels", len(d.Panels))
	}
	for i, p := range d.Panels {
		if p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d: %+v", p.ID, p)
		}
		for _, q := range d.Panels[:i] {
			a, b := p.GridPos, q.GridPos
			if p.ID == q.ID || a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q are in each other's way", p.Title, q.Title)
			}
		}
	}
}

// Every reference of the saved objects leads to one of them, and every field in
// them is one that the index template maps.
func TestSavedObjectsHoldTogether(t *testing.T) {
	type object struct {
		Type       string         `json:"type"`
		ID         string         `json:"id"`
		Attributes map[string]any `json:"attributes"`
		References []struct {
			Type string `json:"type"`
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"references"`
	}
	mapped := mappedFields(t)
	known := map[string]bool{}
	var all []object
	for line := range strings.Lines(read(t, "kibana/shiplog.ndjson")) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if known[o.Type+"/"+o.ID] {
			t.Errorf("%s/%s is there twice", o.Type, o.ID)
		}
		known[o.Type+"/"+o.ID] = true
		all = append(all, o)
	}
	field := regexp.MustCompile(`"field":"([^"]+)"|(?:^|[ (])([a-z_]+(?:\.[a-z_]+)+|tags): `)
	for _, o := range all {
		for _, r := range o.References {
			if !known[r.Type+"/"+r.ID] {
				t.Errorf("%s/%s refers to %s/%s, which is not there", o.Type, o.ID, r.Type, r.ID)
			}
		}
		var used []string
		columns, _ := o.Attributes["columns"].([]any)
		for _, c := range columns {
			name, _ := c.(string)
			used = append(used, name)
		}
		var meta struct {
			Query struct {
				Query string `json:"query"`
			} `json:"query"`
		}
		if m, ok := o.Attributes["kibanaSavedObjectMeta"].(map[string]any); ok {
			text, _ := m["searchSourceJSON"].(string)
			if err := json.Unmarshal([]byte(text), &meta); err != nil {
				t.Errorf("%s/%s: %v", o.Type, o.ID, err)
			}
		}
		state, _ := o.Attributes["visState"].(string)
		state = strings.ReplaceAll(state, `": "`, `":"`)
		for _, m := range field.FindAllStringSubmatch(state+" "+meta.Query.Query, -1) {
			used = append(used, m[1]+m[2])
		}
		if o.Type == "search" && len(used) == 0 || o.Type == "visualization" && len(used) == 0 {
			t.Errorf("%s/%s names no field: the test looks in the wrong place", o.Type, o.ID)
		}
		for _, name := range used {
			if !mapped[name] {
				t.Errorf("%s/%s: no event has the field %s", o.Type, o.ID, name)
			}
		}
	}
}

// mappedFields are the fields of the index template.
func mappedFields(t *testing.T) map[string]bool {
	t.Helper()
	type property struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var file struct {
		Template struct {
			Mappings property `json:"mappings"`
		} `json:"template"`
	}
	if err := json.Unmarshal([]byte(read(t, "elasticsearch/component_template-shiplog-mappings.json")), &file); err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	var walk func(path string, p property)
	walk = func(path string, p property) {
		for name, raw := range p.Properties {
			var below property
			if err := json.Unmarshal(raw, &below); err != nil {
				t.Fatal(err)
			}
			fields[path+name] = true
			walk(path+name+".", below)
		}
	}
	walk("", file.Template.Mappings)
	return fields
}

// The lookup of the Splunk add-on is the catalogue, names before patterns. -update
// writes it.
func TestAddOnHasTheCatalogue(t *testing.T) {
	const name = "splunk/TA-shiplog/lookups/prefect_audit_events.csv"
	rows := [][]string{{"event", "name", "meaning"}}
	var patterns [][]string
	for _, e := range catalog.Default().Entries() {
		row := []string{e.Event, e.Name, e.Meaning}
		if strings.Contains(e.Event, "*") {
			patterns = append(patterns, row)
			continue
		}
		rows = append(rows, row)
	}
	var want bytes.Buffer
	if err := csv.NewWriter(&want).WriteAll(append(rows, patterns...)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(name, want.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, name) != want.String() {
		t.Errorf("%s is not what the catalogue says: go test ./contrib -update", name)
	}
}
