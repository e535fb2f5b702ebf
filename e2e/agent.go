package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "shiplog-e2e-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "agent")
	cmd := exec.Command("go", "build", "-o", bin, "../cmd/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return bin, nil
})

// binary builds the agent once and returns its path.
func binary(t testing.TB) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatalf("build the agent: %v", err)
	}
	return bin
}

// agent is a running agent.
type agent struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan struct{}
}

// start runs the agent with a config file.
func start(t testing.TB, config string, args ...string) *agent {
	t.Helper()
	a := &agent{ended: make(chan struct{})}
	a.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary(t), append([]string{"run", "-c", config}, args...)...)
	a.cmd.Stderr = &a.stderr
	a.cmd.Dir = filepath.Dir(config)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = a.cmd.Wait()
		close(a.ended)
	}()
	t.Cleanup(a.kill)
	return a
}

// kill ends the agent as a power cut would, as far as a process can.
func (a *agent) kill() {
	_ = a.cmd.Process.Kill()
	<-a.ended
}

// write makes a file in dir and returns its path.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
