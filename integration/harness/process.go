package harness

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// stopTimeout is how long a server may take to stop before it is killed.
const stopTimeout = time.Minute

// Process is a server that runs. It ends with the process that started it.
type Process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it has ended; err is set then
	err   error
}

// launch starts a command, with its output at the end of the file log.
func launch(t testing.TB, log, name string, args ...string) *Process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	p := &Process{cmd: exec.Command(name, args...), log: log, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = endWithParent()
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the child is told of the end of this thread
		defer close(p.ended)
		defer out.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
	}()
	must(t, <-started)
	return p
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Kill ends the process at once, as a power cut does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Stop asks the process to end, and kills it if it does not.
func (p *Process) Stop() {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return
	}
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		p.Kill()
	}
}

// Pause stops the process from running; Continue lets it go on.
func (p *Process) Pause() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }

// Continue ends a Pause.
func (p *Process) Continue() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }
