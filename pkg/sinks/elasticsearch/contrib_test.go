package elasticsearch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What contrib/elasticsearch has for those who install templates by hand is what
// the sink installs on a current server. -update writes it.
func TestContribHasTheTemplates(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "contrib", "elasticsearch")
	s := server{major: 9, number: "9.0.0"}
	stream, err := parseTarget("logs-prefect.audit-default", true)
	if err != nil {
		t.Fatal(err)
	}
	assets := append([]asset{policy(), mappingsTemplate(nil)}, templates(stream, s, true)...)
	script := "#!/bin/sh\n" +
		"# Installs what the elasticsearch sink installs by itself with template: true, in its\n" +
		"# order. ES_URL and ES_API_KEY say where; the key needs manage_ilm and\n" +
		"# manage_index_templates.\n" +
		"set -eu\ncd \"$(dirname \"$0\")\"\n" +
		"put() {\n\tcurl --fail-with-body -sS -X PUT -H \"Authorization: ApiKey $ES_API_KEY\" \\\n" +
		"\t\t-H 'Content-Type: application/json' \"$ES_URL$1\" --data-binary \"@$2\"\n\techo\n}\n"
	for _, a := range assets {
		name := strings.ReplaceAll(strings.TrimPrefix(a.path, "/_"), "/", "-") + ".json"
		text, err := json.MarshalIndent(a.body, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		shipped(t, filepath.Join(dir, name), append(text, '\n'), 0o644)
		script += "put " + a.path + " " + name + "\n"
	}
	shipped(t, filepath.Join(dir, "install.sh"), []byte(script), 0o755)
}

// shipped compares a file of contrib with what it must be.
func shipped(t *testing.T, file string, want []byte, mode os.FileMode) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, want, mode); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not what the sink installs; write it with -update", filepath.Base(file))
	}
}
