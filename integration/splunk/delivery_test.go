package splunk

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/sinks/splunkhec/hectest"
)

// Events arrive once each, in envelopes as documented.
func TestEveryEvent(t *testing.T) {
	const n = 50_000
	c := start(t, hectest.Config{Indexes: []string{"security"}})
	a := agent(t, []string{c.http.URL}, "host: bastion-1")
	for from := 0; from < n; from += n / 5 {
		harness.Spool(t, a.Spool, from, n/5)
	}
	a.Settled(n)
	once(t, n, 0, c)
	noDeadLetters(t, a)

	deliveries := make(map[string]bool)
	for _, e := range c.Events() {
		deliveries[e.Field("shiplog_delivery")] = true
		i, err := strconv.ParseInt(e.Field("shiplog_id")[24:], 16, 64)
		if err != nil || !strings.HasPrefix(e.Field("shiplog_id"), "5e9a0d17") {
			continue // the agent's own
		}
		if want := float64(harness.EventTime(int(i)).UnixMilli()) / 1000; e.Time != want || e.Host != "bastion-1" ||
			e.Index != "security" || e.Source != "prefect-cloud" || e.Sourcetype != "prefect:audit" {
			t.Fatalf("event %d came as %+v, want time %f and the names of the documentation", i, e, want)
		}
	}
	for i := range n {
		if !deliveries[strconv.Itoa(i+1)] {
			t.Fatalf("no event has the delivery %d", i+1)
		}
	}
}

// A restart of the collector loses the ids that it was to acknowledge. What
// hung on them is sent again at once, and nothing else.
func TestAcknowledgement(t *testing.T) {
	const n, batch, flights, restarts = 6_000, 100, 8, 2
	c := start(t, hectest.Config{Ack: true, AckPolls: 2, Sticky: true})
	a := agent(t, []string{c.http.URL}, "ack: true\nbatch: {max_events: 100}\nconcurrency: 8")
	const part = n / (restarts + 1)
	harness.Spool(t, a.Spool, 0, part)
	for i := range restarts {
		a.Until("a part is acknowledged", func() bool { return a.Outcome("delivered") >= i*part+batch })
		must(t, c.http.Listener.Close()) // first: who was cut off must not come back to the old one
		c.http.CloseClientConnections()
		c.http.Close()
		c.Restart()
		harness.Spool(t, a.Spool, (i+1)*part, part)
		a.Until("the sink noticed", func() bool { return a.Metric("sink_up") == 0 })
		c.http = reopen(t, a, c)
	}
	a.Settled(n)
	once(t, n, restarts*batch*flights, c)
	noDeadLetters(t, a)
	if left := c.Pending(); left > flights {
		t.Errorf("%d ids were never asked for", left)
	}
}

// reopen serves a collector again where it was.
func reopen(t *testing.T, a *harness.Agent, c collector) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(c.Server)
	must(t, s.Listener.Close())
	a.Until("its port is free", func() (free bool) {
		l, err := net.Listen("tcp", c.http.Listener.Addr().String())
		s.Listener = l
		return err == nil
	})
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// One collector of two ends, the other takes all.
func TestFailover(t *testing.T) {
	const n = 20_000
	first, second := start(t, hectest.Config{}), start(t, hectest.Config{})
	a := agent(t, []string{first.http.URL, second.http.URL}, "batch: {max_events: 200}")
	harness.Spool(t, a.Spool, 0, n/2)
	a.Until("both work", func() bool { return len(first.Events()) > 0 && len(second.Events()) > 0 })
	first.http.CloseClientConnections()
	first.http.Close()
	harness.Spool(t, a.Spool, n/2, n/2)
	a.Settled(n)
	once(t, n, 2*200, first, second)
	noDeadLetters(t, a)
}

// Busy, nearly full and shutting down are no loss.
func TestPushedBack(t *testing.T) {
	const n = 2_000
	c := start(t, hectest.Config{})
	c.Always(&hectest.Answer{Status: http.StatusServiceUnavailable, Code: 9})
	a := agent(t, []string{c.http.URL}, "batch: {max_events: 500}")
	harness.Spool(t, a.Spool, 0, n)
	a.Until("it is pushed back", func() bool { return a.Metric("sink_requests_total", `status="503"`) >= 3 })
	c.Script(
		hectest.Answer{Status: http.StatusServiceUnavailable, Code: 23},
		hectest.Answer{Status: http.StatusTooManyRequests, Code: 26, RetryAfter: "1"},
		hectest.Answer{Status: http.StatusOK, Code: 24, Accept: true},
	)
	c.Always(nil)
	a.Settled(n)
	once(t, n, 0, c)
	noDeadLetters(t, a)
}

// An event that the collector refuses is cut out of its batch.
func TestPartialAcceptance(t *testing.T) {
	const n, bad = 3_000, 1_234
	c := start(t, hectest.Config{})
	c.Refuse(func(e hectest.Event) int {
		if e.Field("shiplog_id") == harness.EventID(bad) {
			return 6
		}
		return 0
	})
	a := agent(t, []string{c.http.URL}, "")
	harness.Spool(t, a.Spool, 0, n)
	a.Settled(n)
	count := times(c)
	for i := range n {
		if want := 1; i != bad && count[harness.EventID(i)] != want || i == bad && count[harness.EventID(i)] != 0 {
			t.Errorf("event %d came %d times", i, count[harness.EventID(i)])
		}
	}
	if dead := a.Outcome("deadletter"); dead != 1 {
		t.Errorf("%d dead letters, want 1", dead)
	}
	if list, err := a.Command("deadletters", "list", "siem"); err != nil || !strings.Contains(list, "Invalid data format") {
		t.Errorf("the dead letters are\n%s\nerror %v; want Splunk's reason", list, err)
	}
}

// A token that is rotated in its file is used without a restart.
func TestRotatedToken(t *testing.T) {
	const n = 500
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, token)
	c := start(t, hectest.Config{})
	a := harness.NewAgent(t, section([]string{c.http.URL}, "token: ${file:"+file+"}")).Start()
	harness.Spool(t, a.Spool, 0, n)
	a.Settled(n)
	const next = "1d5f3ca0-8a5e-4bad-c0de-5e9a0d170002"
	c.Configure(func(cfg *hectest.Config) { cfg.Token = next })
	harness.Spool(t, a.Spool, n, n)
	a.Until("the old token is refused", func() bool { return a.Metric("sink_requests_total", `status="403"`) > 0 })
	write(t, file, next)
	a.Settled(2 * n)
	once(t, 2*n, 0, c)
	noDeadLetters(t, a)
	if log := a.Log(); strings.Contains(log, token) || strings.Contains(log, next) {
		t.Error("the log has a token")
	}
}

// A link that stalls, and one that is cut, cost repeats and nothing else.
func TestBadLink(t *testing.T) {
	const n = 4_000
	c := start(t, hectest.Config{})
	link := harness.NewLink(t, c.http.Listener.Addr().String())
	a := agent(t, []string{"http://" + link.Address}, "timeout: 2s\nbatch: {max_events: 100}")
	harness.Spool(t, a.Spool, 0, n/2)
	a.Settled(n / 2)
	link.Stall()
	harness.Spool(t, a.Spool, n/2, n/2)
	a.Until("requests time out", func() bool { return a.Metric("sink_requests_total", `status="error"`) >= 2 })
	link.Cut()
	link.Flow()
	a.Settled(n)
	once(t, n, n, c)
	noDeadLetters(t, a)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file+".new", []byte(text+"\n"), 0o600))
	must(t, os.Rename(file+".new", file))
}

// far is an end of validity that no test reaches.
func far() time.Time { return time.Now().Add(24 * time.Hour) }
