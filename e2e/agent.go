package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// built is where the agent was built to, by the first test that needs it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func build() error {
	dir, err := os.MkdirTemp("", "shiplog-e2e-")
	if err != nil {
		return err
	}
	built.dir = dir
	cmd := exec.Command("go", "build", "-o", dir, "../cmd/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// binary builds the agent once and returns its path.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() { built.err = build() })
	if built.err != nil {
		t.Fatalf("build the agent: %v", built.err)
	}
	return filepath.Join(built.dir, "agent")
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

// stop asks the agent to end, waits until it has, and returns its exit code.
func (a *agent) stop() int {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	<-a.ended
	return a.cmd.ProcessState.ExitCode()
}

// finish runs the agent until it ends by itself, and returns its exit code and
// what it wrote.
func finish(t testing.TB, config string, args ...string) (int, string) {
	t.Helper()
	a := start(t, config, args...)
	<-a.ended
	return a.cmd.ProcessState.ExitCode(), a.stderr.String()
}

// command runs another command of the agent, and returns its exit code and what
// it wrote.
func command(t testing.TB, config, name string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t), name, "-c", config)
	cmd.Dir = filepath.Dir(config)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}
