package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mounted is a config file as Kubernetes mounts one: a symbolic link into a
// directory that is replaced whole, by another link.
type mounted struct {
	t       *testing.T
	dir     string
	version int
}

func (m *mounted) file() string { return filepath.Join(m.dir, "shiplog.yaml") }

// put replaces the content.
func (m *mounted) put(text string) {
	m.t.Helper()
	m.version++
	version := fmt.Sprintf("..%d", m.version)
	write(m.t, m.dir, filepath.Join(version, "shiplog.yaml"), text)
	fresh, data := filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")
	must(m.t, os.Symlink(version, fresh))
	must(m.t, os.Rename(fresh, data))
	if m.version == 1 {
		must(m.t, os.Symlink(filepath.Join("..data", "shiplog.yaml"), m.file()))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type sinkPart struct {
	Name    string `json:"name"`
	Backlog uint64 `json:"backlog_events"`
}

// parts are the sinks of a status, and how the last reload went.
type parts struct {
	Sinks  []sinkPart `json:"sinks"`
	Reload struct {
		Time  time.Time `json:"time"`
		OK    bool      `json:"ok"`
		Error string    `json:"error"`
	} `json:"last_reload"`
}

func (p parts) names() string {
	var names []string
	for _, s := range p.Sinks {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func statusOf(t *testing.T, listen string) (p parts, ok bool) {
	t.Helper()
	resp, err := http.Get("http://" + listen + "/api/status")
	if err != nil {
		return p, false
	}
	defer resp.Body.Close()
	return p, json.NewDecoder(resp.Body).Decode(&p) == nil
}

// until asks for the status until it is as wanted.
func until(t *testing.T, a *agent, listen, what string, wanted func(parts) bool) parts {
	t.Helper()
	limit := time.After(patience)
	for {
		p, ok := statusOf(t, listen)
		if ok && wanted(p) {
			return p
		}
		select {
		case <-a.ended:
			t.Fatalf("%s: the agent ended:\n%s", what, a.stderr.String())
		case <-limit:
			a.kill()
			t.Fatalf("%s: not so: %+v\n%s", what, p, a.stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// feed appends events to a spool file, a few at a time, until all are there.
func feed(t *testing.T, path string, n int) <-chan struct{} {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		defer f.Close()
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		g := newGenerator(11)
		for i := 0; i < n; {
			var lines []byte
			for range min(100, n-i) {
				lines = append(lines, g.line(i)...)
				i++
			}
			if _, err := f.Write(lines); err != nil {
				t.Errorf("feed the spool: %v", err)
				return
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return done
}

// While events come in and one sink is down all the time, sinks are added,
// changed and removed, and bad configs refused. Nobody else notices: nothing is
// lost, and nothing waits.
func TestReloadUnderLoadLosesAndStallsNothing(t *testing.T) {
	const n = 40_000
	dir := t.TempDir()
	listen := freeAddress(t)
	hec, es := newReceiver(t), newReceiver(t)
	config := func(extra string, batch int, sinks ...string) string {
		kinds := map[string]string{
			"hec":  fmt.Sprintf("{type: splunk_hec, url: %q, token: t, batch: {max_events: %d, linger: 10ms}}", hec.url(), batch),
			"es":   fmt.Sprintf("{type: elasticsearch, urls: [%q], index: audit, batch: {linger: 10ms}}", es.url()),
			"down": `{type: elasticsearch, urls: ["http://127.0.0.1:1"], index: audit, retry: {initial: 10ms, max: 50ms}}`,
		}
		text := fmt.Sprintf("data_dir: %q\nsources:\n  spool: {type: spool, paths: [%q]}\nadmin: {listen: %q, write: true}\n%s\nsinks:\n",
			filepath.Join(dir, "data"), filepath.Join(dir, "spool", "audit.jsonl"), listen, extra)
		for _, name := range sinks {
			text += "  " + name + ": " + kinds[name] + "\n"
		}
		return text
	}
	m := &mounted{t: t, dir: filepath.Join(dir, "etc")}
	m.put(config("", 200, "hec", "down"))
	fed := feed(t, filepath.Join(dir, "spool", "audit.jsonl"), n)
	a := start(t, m.file())
	until(t, a, listen, "the start", func(p parts) bool { return p.names() == "down hec" })
	if good, ok := metric(t.Context(), listen, "shiplog_config_reload_success"); !ok || good != 1 {
		t.Errorf("config_reload_success is %v (there: %t) after a start, want 1: an alert stands on it", good, ok)
	}

	flows := func(what string) { // hec goes on getting events, or has them all
		t.Helper()
		had, _ := hec.counts()
		select {
		case <-hec.reached(min(n, had+500)):
		case <-time.After(patience):
			t.Fatalf("after %s hec gets nothing more: it has %d\n%s", what, had, a.logged())
		}
	}
	applied := func(what, sinks string) {
		t.Helper()
		until(t, a, listen, what, func(p parts) bool { return p.names() == sinks && p.Reload.OK })
		flows(what)
	}
	refused := func(what, why string) {
		t.Helper()
		p := until(t, a, listen, what, func(p parts) bool {
			return !p.Reload.Time.IsZero() && !p.Reload.OK && strings.Contains(p.Reload.Error, why)
		})
		if !strings.Contains(p.names(), "hec") {
			t.Errorf("%s: the sinks are %s", what, p.names())
		}
		flows(what)
	}
	flows("the start")
	m.put(config("", 200, "hec", "es", "down"))
	applied("a sink added", "down es hec")
	m.put(config("sourcess: {}", 200, "hec", "es", "down"))
	refused("an unknown key", "sourcess")
	m.put(config("", 300, "hec", "es", "down"))
	applied("a sink changed", "down es hec")
	m.put(config("journal: {segment_size: 1MiB}", 300, "hec", "es", "down"))
	refused("what needs a restart", "restart")
	m.put(config("logging: {level: debug}", 300, "hec", "es"))
	applied("the sink that is down removed", "es hec")
	m.put(config("", 300, "hec", "es", "down"))
	applied("it comes back", "down es hec")
	must(t, a.cmd.Process.Signal(syscall.SIGHUP))
	flows("SIGHUP")
	before, _ := statusOf(t, listen)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listen+"/api/reload", strings.NewReader("{}"))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Shiplog", "1")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		t.Errorf("POST /api/reload: %s", resp.Status)
	}
	if after, _ := statusOf(t, listen); !after.Reload.Time.After(before.Reload.Time) {
		t.Error("POST /api/reload did not reload")
	}

	<-fed
	for name, r := range map[string]*receiver{"hec": hec, "es": es} {
		select {
		case <-r.reached(n):
		case <-time.After(patience):
			gone := r.missing(n)
			t.Fatalf("%s lacks %d events, such as %v", name, len(gone), gone[:min(5, len(gone))])
		}
	}
	// The sink that was always down has everything still to come.
	p, _ := statusOf(t, listen)
	if i := slices.IndexFunc(p.Sinks, func(s sinkPart) bool { return s.Name == "down" }); i < 0 || p.Sinks[i].Backlog < n {
		t.Errorf("the sink that is down has a backlog of %+v, want at least %d", p.Sinks, n)
	}
	if !strings.Contains(a.logged(), "reload refused") {
		t.Error("the log says nothing of the refused configs")
	}
}

// logged is the agent's log, once it has ended.
func (a *agent) logged() string {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.ended:
	case <-time.After(patience):
		a.kill()
	}
	return a.stderr.String()
}
