//go:build integration

package prefect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/journal"
)

const (
	total    = 10_000
	chunk    = 250
	patience = 5 * time.Minute
)

// Ten thousand events come by HTTP and by websocket while the server is stopped
// and started and the agent is killed, again and again. In the end the journal
// has each of them once.
func TestEveryEventOnce(t *testing.T) {
	server := harness.StartPrefect(t, credentials)
	e := &emitter{t: t, server: server}
	site := newSite(t, server)
	agent := site.start()

	var unsure [][]byte // whether the server took them is not known
	for n := 0; n < total; n += chunk {
		events := make([][]byte, chunk)
		for i := range events {
			events[i] = eventText(n+i, time.Now())
		}
		send := e.post
		if n/chunk%2 == 1 {
			send = e.stream
		}
		var during chan struct{}
		switch n / chunk % 10 {
		case 3: // the agent dies in the middle
			agent.kill()
			agent = site.start()
		case 6: // the server goes away while events come
			during = make(chan struct{})
			go func() {
				defer close(during)
				server.Stop()
			}()
		}
		if err := send(t.Context(), events); err != nil {
			t.Logf("events %d to %d: %v", n, n+chunk-1, err)
		}
		unsure = append(unsure, events...)
		if during != nil {
			<-during
			server.Start()
		}
	}
	e.complete(unsure)
	agent.kill()
	agent = site.start()
	site.grow(total)
	site.exactly()
	agent.kill()

	if out, err := exec.CommandContext(t.Context(), site.bin, "reconcile", "-c", site.config, "--source", "server", "--since", "2h", "--until", "0s", "--ids").CombinedOutput(); err != nil {
		t.Errorf("reconcile: %v\n%s", err, out)
	}
}

// complete waits until the server has them all. It loses what it had accepted
// but not written when it was stopped, so that is sent again once it writes no
// more.
func (e *emitter) complete(events [][]byte) {
	e.t.Helper()
	deadline := time.Now().Add(patience)
	for last := -1; ; {
		n, err := e.total(e.t.Context())
		if err == nil && n == total {
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("the server has %d events, want %d: %v", n, total, err)
		}
		if err == nil && n == last {
			if err := e.resend(e.t.Context(), events); err != nil {
				e.t.Log(err)
			}
		}
		last = n
		select {
		case <-time.After(3 * time.Second):
		case <-e.t.Context().Done():
		}
	}
}

// site is the agent's binary, configuration and data directory.
type site struct {
	t                testing.TB
	bin, dir, config string
}

func newSite(t testing.TB, server *harness.Prefect) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.bin = filepath.Join(s.dir, "agent")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.bin, "github.com/shiplog/shiplog/cmd/agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the agent: %v\n%s", err, out)
	}
	s.config = filepath.Join(s.dir, "shiplog.yaml")
	text := fmt.Sprintf(`
data_dir: %s
admin: {listen: ""}
sources:
  server: {type: prefect_cloud, api_url: %q, auth_string: %q, events: ["prefect-cloud.*"], poll_interval: 1s, overlap: 1h, start: 1h, requests_per_minute: 60000}
sinks:
  archive: {type: file, path: %s}
`, filepath.Join(s.dir, "data"), server.Base, credentials, filepath.Join(s.dir, "archive.jsonl"))
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

type process struct {
	cmd *exec.Cmd
	log bytes.Buffer
}

func (s *site) start() *process {
	s.t.Helper()
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(s.t.Context()), s.bin, "run", "-c", s.config)}
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			s.t.Logf("the agent's log:\n%s", p.log.String())
		}
	})
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// grow waits until the journal has n events of the server.
func (s *site) grow(n int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	view, err := journal.OpenReadOnly(filepath.Join(s.dir, "data"))
	for errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
		view, err = journal.OpenReadOnly(filepath.Join(s.dir, "data"))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	r := view.Read(1)
	defer r.Close()
	for have := 0; have < n; {
		frame, err := r.Next(ctx)
		if err != nil {
			s.t.Fatalf("the journal has %d events, want %d: %v", have, n, err)
		}
		if frame.Source == "server" {
			have += len(frame.Events)
		}
	}
}

// exactly wants each event once.
func (s *site) exactly() {
	s.t.Helper()
	view, err := journal.OpenReadOnly(filepath.Join(s.dir, "data"))
	if err != nil {
		s.t.Fatal(err)
	}
	r := view.Read(1)
	defer r.Close()
	times := make(map[string]int)
	for {
		frame, ok, err := r.TryNext()
		if err != nil {
			s.t.Fatal(err)
		}
		if !ok {
			break
		}
		for i := range frame.Events {
			if frame.Source == "server" {
				times[strings.Clone(frame.Events[i].ID)]++
			}
		}
	}
	lost, repeated := 0, 0
	for n := range total {
		switch times[eventID(n)] {
		case 0:
			lost++
		case 1:
		default:
			repeated++
		}
	}
	if lost > 0 || repeated > 0 || len(times) != total {
		s.t.Errorf("%d events are lost, %d repeated, %d different ids", lost, repeated, len(times))
	}
}
