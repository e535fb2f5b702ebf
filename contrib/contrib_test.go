// Package contrib_test holds what is shipped in contrib to the program: names of
// metrics, fields and detections, and links to the runbook.
package contrib_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/metrics"
)

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
	for _, file := range []string{"grafana/shiplog.json", "prometheus/shiplog.rules.yml", "prometheus/shiplog.rules.test.yml", "../docs/runbook.md"} {
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
	tests := read(t, "prometheus/shiplog.rules.test.yml")
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
