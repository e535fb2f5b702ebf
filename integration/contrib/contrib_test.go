//go:build integration

package contrib

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The alert rules parse, and every one fires when it should and not otherwise.
func TestAlertRules(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		install(t, "prometheus")
	}
	dir := filepath.Join(shipped, "prometheus")
	run(t, nil, "promtool", "check", "rules", filepath.Join(dir, "shiplog.rules.yml"))
	run(t, nil, "promtool", "test", "rules", filepath.Join(dir, "shiplog.rules.test.yml"), filepath.Join(dir, "shiplog.rules.long.test.yml"))
}

// Every query of the dashboard is one that Prometheus understands.
func TestDashboardQueries(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		install(t, "prometheus")
	}
	text, err := os.ReadFile(filepath.Join(shipped, "grafana", "shiplog.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Record string            `json:"record"`
		Expr   string            `json:"expr"`
		Labels map[string]string `json:"labels"`
	}
	var rules []rule
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			rules = append(rules, rule{"panel", expr, map[string]string{"title": p.Title, "number": strconv.Itoa(len(rules))}})
		}
	}
	if len(rules) < 20 {
		t.Fatalf("the dashboard has %d queries", len(rules))
	}
	// JSON is YAML, too.
	file, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "promtool", "check", "rules", name)
}

// Splunk's own inspection finds nothing to object to, not even a warning.
func TestSplunkAddOn(t *testing.T) {
	inspect := python(t, "splunk-appinspect")
	dir := t.TempDir()
	archive, report := filepath.Join(dir, "TA-shiplog.tgz"), filepath.Join(dir, "report.json")
	run(t, nil, "tar", "-C", filepath.Join(shipped, "splunk"), "--exclude=.*", "-czf", archive, "TA-shiplog")
	run(t, nil, inspect, "inspect", archive, "--mode", "precert", "--data-format", "json", "--output-file", report)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Summary map[string]int `json:"summary"`
		Reports []struct {
			Groups []struct {
				Checks []struct {
					Name     string `json:"name"`
					Result   string `json:"result"`
					Messages []struct {
						Message string `json:"message"`
					} `json:"messages"`
				} `json:"checks"`
			} `json:"groups"`
		} `json:"reports"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Summary["success"] < 50 {
		t.Fatalf("only %d checks passed: %v", got.Summary["success"], got.Summary)
	}
	for _, r := range got.Reports {
		for _, g := range r.Groups {
			for _, c := range g.Checks {
				switch c.Result {
				case "error", "failure", "future_failure", "future", "warning", "manual_check":
					t.Errorf("%s: %s: %v", c.Result, c.Name, c.Messages)
				}
			}
		}
	}
}
