package docs_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// generated are the pages that the program writes, each under a heading of ours.
var generated = []struct {
	file, heading string
	args          []string
}{
	{"config-reference.md", `# Config reference

Generated from the code: ` + "`agent schema --reference`" + `. What processors do is in
[processors.md](processors.md), how to write values in [config.md](config.md).
`, []string{"schema", "--reference"}},
	{"metrics.md", `# Metrics

Generated from the code: ` + "`agent schema --metrics`" + `. They are served at ` + "`/metrics`" + ` of
` + "`admin.listen`" + `. Alerts, a dashboard and rules
made of them are in [contrib](../contrib/README.md), what to do about an alert in
[runbook.md](runbook.md).
`, []string{"schema", "--metrics"}},
	{"config.schema.json", "", []string{"schema"}},
}

func TestGeneratedPagesAreCurrent(t *testing.T) {
	for _, g := range generated {
		t.Run(g.file, func(t *testing.T) {
			out, err := exec.Command("agent", g.args...).Output()
			if err != nil {
				t.Fatalf("agent %s: %v", strings.Join(g.args, " "), err)
			}
			want := string(out)
			if g.heading != "" {
				want = g.heading + "\n" + want
			}
			if *update {
				if err := os.WriteFile(g.file, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			got, err := os.ReadFile(g.file)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != want {
				t.Errorf("%s is not what the code generates: run make generate", g.file)
			}
		})
	}
}
