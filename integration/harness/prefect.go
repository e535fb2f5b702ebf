package harness

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

const (
	prefectVersion = "3.9.1"
	prefectStart   = 10 * time.Minute // until it answers; its first start makes a database
)

// Prefect is a Prefect server with a database of its own.
type Prefect struct {
	*Process // the one that runs, or ran last

	Base string // of its API; ends in /api

	t    testing.TB
	bin  string
	dir  string
	log  string
	port int
	auth string
}

// StartPrefect starts a Prefect server. auth is the user:password that it
// wants; empty: it wants none. It is ready when the call returns.
func StartPrefect(t testing.TB, auth string) *Prefect {
	t.Helper()
	dir := workDir(t, "prefect")
	p := &Prefect{
		t: t, bin: pip(t, "prefect-"+prefectVersion, "prefect=="+prefectVersion), dir: dir,
		log: filepath.Join(dir, "server.log"), port: Ports(t, 1)[0], auth: auth,
	}
	p.Base = fmt.Sprintf("http://127.0.0.1:%d/api", p.port)
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("end of the Prefect server's log:\n%s", tail(p.log))
		}
	})
	p.Start()
	return p
}

// Start starts the server, again after it has ended, and waits until it answers.
func (p *Prefect) Start() {
	p.t.Helper()
	p.Process = launch(p.t, p.log, "env",
		"PREFECT_HOME="+p.dir,
		"PREFECT_SERVER_DATABASE_CONNECTION_URL=sqlite+aiosqlite:///"+filepath.Join(p.dir, "prefect.db"),
		"PREFECT_SERVER_ANALYTICS_ENABLED=false", "DO_NOT_TRACK=1", "PREFECT_SERVER_UI_ENABLED=false",
		// Written in large batches, without what runs beside: ten thousand
		// events would take many minutes otherwise.
		"PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE=500", "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL=0.5",
		"PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED=false", "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED=false",
		"PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED=false", "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED=false",
		"PREFECT_SERVER_API_AUTH_STRING="+p.auth,
		filepath.Join(p.bin, "prefect"), "server", "start", "--host", "127.0.0.1", "--port", fmt.Sprint(p.port))
	deadline := time.Now().Add(prefectStart)
	for !p.answers() {
		if time.Now().After(deadline) {
			p.t.Fatalf("harness: the Prefect server does not answer:\n%s", tail(p.log))
		}
		select {
		case <-p.Ended():
			p.t.Fatalf("harness: the Prefect server ended:\n%s", tail(p.log))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *Prefect) answers() bool {
	resp, err := http.Get(p.Base + "/health")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Command is the path of Prefect's own command, and the environment that makes
// it talk to this server.
func (p *Prefect) Command() (path string, env []string) {
	return filepath.Join(p.bin, "prefect"), []string{
		"PREFECT_HOME=" + p.dir, "PREFECT_API_URL=" + p.Base, "PREFECT_API_AUTH_STRING=" + p.auth, "DO_NOT_TRACK=1",
	}
}
