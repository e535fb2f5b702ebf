//go:build integration

package elastic

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
)

// key makes an API key with that role, and returns it as the config wants it.
func key(t *testing.T, s *harness.Search, name, cluster, index string) (id, encoded string) {
	t.Helper()
	var made struct{ ID, Encoded string }
	s.Call("POST", "/_security/api_key", fmt.Sprintf(
		`{"name":%q,"role_descriptors":{"shiplog":{"cluster":[%s],"indices":[{"names":["logs-prefect.*"],"privileges":[%s]}]}}}`, name, cluster, index), &made)
	return made.ID, made.Encoded
}

func withKey(s *harness.Search, encoded, lines string) string {
	return fmt.Sprintf("type: elasticsearch\nurls: [%s]\nretry: {initial: 50ms, max: 500ms}\napi_key: %s\n%s", s.URL, encoded, lines)
}

// leastPrivileges tries the roles of the documentation, and what is said where
// one privilege is missing.
func leastPrivileges(t *testing.T, s *harness.Search) {
	t.Run("documented, with the template", func(t *testing.T) {
		_, k := key(t, s, "install", `"monitor","manage_index_templates","manage_ilm"`, `"create_doc","auto_configure"`)
		a := harness.NewAgent(t, withKey(s, k, "data_stream: logs-prefect.install-default")).Start()
		harness.Spool(t, a.Spool, 0, 10)
		a.Settled(10)
		whole(t, s, "logs-prefect.install-default", 10)
	})
	t.Run("documented, to append alone", func(t *testing.T) {
		_, k := key(t, s, "append", ``, `"create_doc","auto_configure"`)
		a := harness.NewAgent(t, withKey(s, k, "data_stream: logs-prefect.install-default\ntemplate: false")).Start()
		harness.Spool(t, a.Spool, 10, 10)
		a.Settled(10)
		if got := arrived(t, s, "logs-prefect.install-default"); got != 20 {
			t.Errorf("%d events are in, want 20", got)
		}
	})
	for _, c := range []struct{ name, cluster, index, missing string }{
		{"no template", `"monitor"`, `"create_doc","auto_configure"`, "manage_index_templates"},
		{"no lifecycle", `"monitor","manage_index_templates"`, `"create_doc","auto_configure"`, "manage_ilm"},
		{"no write", `"monitor","manage_index_templates","manage_ilm"`, `"auto_configure"`, "create_doc"},
		{"no stream", `"monitor","manage_index_templates","manage_ilm"`, `"create_doc"`, "auto_configure"},
	} {
		t.Run("check: "+c.name, func(t *testing.T) {
			_, k := key(t, s, "check", c.cluster, c.index)
			out, err := harness.NewAgent(t, withKey(s, k, "data_stream: logs-prefect.checked-default")).Command("check", "--connect")
			if err == nil || !strings.Contains(out, c.missing) {
				t.Errorf("check says %v:\n%s\nwant it to name %s", err, out, c.missing)
			}
		})
	}
}

// rotatedKey takes an API key away from a running agent, and gives it another
// in its file.
func rotatedKey(t *testing.T, s *harness.Search) {
	file := filepath.Join(t.TempDir(), "key")
	id, k := key(t, s, "old", `"all"`, `"all"`)
	writeKey(t, file, k)
	a := harness.NewAgent(t, withKey(s, "${file:"+file+"}", "data_stream: logs-prefect.rotated-default")).Start()
	harness.Spool(t, a.Spool, 0, 100)
	a.Settled(100)
	s.Call("DELETE", "/_security/api_key", fmt.Sprintf(`{"ids":[%q]}`, id), nil)
	harness.Spool(t, a.Spool, 100, 100)
	a.Until("the old key is refused", func() bool { return a.Metric("sink_requests_total", `status="401"`) > 0 })
	_, k = key(t, s, "new", `"all"`, `"all"`)
	writeKey(t, file, k)
	a.Settled(200)
	whole(t, s, "logs-prefect.rotated-default", 200)
	if dead := a.Outcome("deadletter"); dead != 0 {
		t.Errorf("%d dead letters, want none", dead)
	}
	if strings.Contains(a.Log(), k) {
		t.Error("the log has the key")
	}
}

func writeKey(t *testing.T, file, k string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(k+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}
