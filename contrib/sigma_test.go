package contrib_test

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// There is one Sigma rule for each detection of the agent, as grave, and a sample
// that both fire on.
func TestSigmaRulesAreTheDetections(t *testing.T) {
	files, err := filepath.Glob("sigma/rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	detections := normalize.Detections()
	if len(files) != len(detections) {
		t.Errorf("%d rules for %d detections", len(files), len(detections))
	}
	for _, d := range detections {
		if level := lastLevel(t, "sigma/rules/"+d.ID+".yml"); level != d.Severity {
			t.Errorf("%s: level %s, but the agent says %s", d.ID, level, d.Severity)
		}
		if fired := firedOn(t, "sigma/samples/"+d.ID+".jsonl"); !slices.Contains(fired, d.ID) {
			t.Errorf("on the sample of %s the agent finds %q", d.ID, fired)
		}
	}
}

// lastLevel is the level of the last rule of a file: the correlation, where there
// is one.
func lastLevel(t *testing.T, file string) string {
	t.Helper()
	var rule struct {
		Level string `yaml:"level"`
	}
	for d := yaml.NewDecoder(strings.NewReader(read(t, file))); ; {
		err := d.Decode(&rule)
		if errors.Is(err, io.EOF) {
			return rule.Level
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

// firedOn is what the agent's detections find in a file of events.
func firedOn(t *testing.T, file string) []string {
	t.Helper()
	section, err := config.ParseSection("test.yaml", []byte("[{detect: {learn: 0s}}]"))
	if err != nil {
		t.Fatal(err)
	}
	processors, err := normalize.CompileProcessors(section)
	if err != nil {
		t.Fatal(err)
	}
	n, err := normalize.New(normalize.Options{Source: "samples", Processors: processors})
	if err != nil {
		t.Fatal(err)
	}
	var fired []string
	for line := range strings.Lines(read(t, file)) {
		now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
		e, _, verdict, _, err := n.Normalize(&event.Record{Raw: []byte(line)}, now, nil)
		if verdict != normalize.Keep {
			t.Fatalf("%s: %v: %s", file, err, line)
		}
		for _, d := range normalize.Detections() {
			if strings.Contains(string(e.Doc), `"shiplog.detection.`+d.ID+`"`) {
				fired = append(fired, d.ID)
			}
		}
	}
	return fired
}
