//go:build integration

package kafkaagent

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bin is the agent that TestMain has built.
var bin string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "shiplog-agent-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "agent")
	build := exec.Command("go", "build", "-o", bin, "github.com/shiplog/shiplog/cmd/agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the agent: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// user is somebody who runs an agent in a directory of their own.
type user struct {
	t   *testing.T
	dir string
}

// newUser writes the config file shiplog.yaml. Paths in it are relative to the
// directory.
func newUser(t *testing.T, config string) *user {
	t.Helper()
	u := &user{t: t, dir: t.TempDir()}
	u.write("shiplog.yaml", config+"\nadmin: {listen: \"\"}\n")
	return u
}

func (u *user) path(name string) string { return filepath.Join(u.dir, name) }

func (u *user) write(name, text string) {
	u.t.Helper()
	if err := os.MkdirAll(filepath.Dir(u.path(name)), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(u.path(name), []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// append adds to a file, as a collector does to a spool.
func (u *user) append(name, text string) {
	u.t.Helper()
	if err := os.MkdirAll(filepath.Dir(u.path(name)), 0o700); err != nil {
		u.t.Fatal(err)
	}
	f, err := os.OpenFile(u.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(text); err != nil {
		u.t.Fatal(err)
	}
}

// read returns a file's content, empty where it does not exist.
func (u *user) read(name string) []byte {
	u.t.Helper()
	b, err := os.ReadFile(u.path(name))
	if err != nil && !os.IsNotExist(err) {
		u.t.Fatal(err)
	}
	return b
}

// command runs the agent to its end and returns what it said.
func (u *user) command(args ...string) (out string, code int) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Dir = u.dir
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		u.t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// once runs the agent until everything is delivered.
func (u *user) once() {
	u.t.Helper()
	if out, code := u.command("run", "--once", "--timeout", patience.String()); code != 0 {
		u.t.Fatalf("run --once: exit code %d:\n%s", code, out)
	}
}

// running is an agent that runs.
type running struct {
	cmd   *exec.Cmd
	log   output
	ended chan struct{}
}

// start runs the agent until it is killed, at the latest with the test.
func (u *user) start() *running {
	u.t.Helper()
	a := &running{ended: make(chan struct{})}
	a.cmd = exec.CommandContext(context.WithoutCancel(u.t.Context()), bin, "run")
	a.cmd.Dir, a.cmd.Stderr = u.dir, &a.log
	if err := a.cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	go func() {
		_ = a.cmd.Wait()
		close(a.ended)
	}()
	u.t.Cleanup(func() {
		wanted := !closed(a.ended) // a killed one has nothing to say
		a.kill()
		if wanted && u.t.Failed() {
			u.t.Logf("an agent said:\n%s", a.log.tail())
		}
	})
	return a
}

// kill ends the agent as a power cut would, as far as a process can.
func (a *running) kill() {
	_ = a.cmd.Process.Kill()
	<-a.ended
}

// stop asks the agent to end.
func (a *running) stop(t *testing.T) {
	t.Helper()
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-a.ended
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the agent ended with exit code %d:\n%s", code, a.log.tail())
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// output is what a process says; it may be read while it speaks.
type output struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) contains(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Contains(o.buf.Bytes(), []byte(text))
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buf.Bytes()
	return string(b[max(0, len(b)-4<<10):])
}

// patience is how long something that must happen may take on the slowest machine.
const patience = 5 * time.Minute

// eventually asks until the answer is yes, the agent has ended, or its patience
// is. A nil agent never ends.
func eventually(t *testing.T, a *running, ask func() bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var ended <-chan struct{}
	if a != nil {
		ended = a.ended
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ask() {
		select {
		case <-again.C:
		case <-ended:
			t.Errorf("the agent ended by itself")
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}
