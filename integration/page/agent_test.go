//go:build integration

package page

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shiplog/shiplog/integration/harness"
)

// The records of the spool. The last one would like to be markup.
const records = `{"id":"00000000-0000-4000-8000-000000000001","occurred":"2026-11-17T08:00:00Z","event":"prefect-cloud.api-key.created","resource":{"prefect.resource.id":"prefect-cloud.api-key.k1","prefect.resource.name":"ci"},"related":[{"prefect.resource.id":"prefect-cloud.actor.a1","prefect.resource.role":"actor","prefect.resource.name":"alice","prefect-cloud.email":"alice@example.com"}],"payload":{}}
{"id":"00000000-0000-4000-8000-000000000002","occurred":"2026-11-17T09:00:00Z","event":"prefect-cloud.user.logged-in","resource":{"prefect.resource.id":"prefect-cloud.user.u2","prefect.resource.name":"bob"},"related":[{"prefect.resource.id":"prefect-cloud.actor.a2","prefect.resource.role":"actor","prefect.resource.name":"bob"}],"payload":{}}
{"id":"00000000-0000-4000-8000-000000000003","occurred":"2026-11-18T09:00:00Z","event":"prefect-cloud.api-key.deleted","resource":{"prefect.resource.id":"prefect-cloud.api-key.k3","prefect.resource.name":"exe.\u202egnp<script>alert(1)</script>"},"related":[{"prefect.resource.id":"prefect-cloud.actor.a3","prefect.resource.role":"actor","prefect.resource.name":"\"><img src=x onerror=alert(1)>"}],"payload":{}}
this is no JSON
`

const config = `
data_dir: ./data
sources:
  spool: {type: spool, paths: [in/*.jsonl]}
sinks:
  archive: {type: file, path: out/audit.jsonl}
  elastic: {type: elasticsearch, urls: ["http://127.0.0.1:1"], api_key: c2VjcmV0OnNlY3JldA==}
admin: {listen: %q, token: %q, write: true}
`

// serve runs the real agent with one sink that works and one that does not, and
// returns the host and port of its page.
func serve(t *testing.T, token string) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "agent")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "github.com/shiplog/shiplog/cmd/agent")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the agent: %v\n%s", err, out)
	}
	host := fmt.Sprintf("127.0.0.1:%d", harness.Ports(t, 1)[0])
	for name, text := range map[string]string{"in/audit.jsonl": records, "shiplog.yaml": fmt.Sprintf(config, host, token)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin, "run", "-c", "shiplog.yaml")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(patience); !holds(t, host, token); {
		if time.Now().After(deadline) {
			t.Fatal("the agent has not read its spool")
		}
		<-time.After(50 * time.Millisecond)
	}
	return host
}

// holds says whether the agent's journal has the last record.
func holds(t *testing.T, host, token string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/api/events?text=onerror", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false // not yet
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return err == nil && strings.Contains(string(body), `"sequence"`)
}
