package splunk

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/sinks/splunkhec/hectest"
)

const token = "0c4f2b9e-8a5e-4bad-c0de-5e9a0d170001"

// collector is a collector on a loopback port.
type collector struct {
	*hectest.Server
	http *httptest.Server
}

func start(t *testing.T, cfg hectest.Config) collector {
	t.Helper()
	cfg.Token = token
	c := collector{Server: hectest.New(cfg)}
	c.http = httptest.NewServer(c.Server)
	t.Cleanup(c.http.Close)
	return c
}

// agent runs the agent with a sink for those addresses, and lines of its own.
func agent(t *testing.T, urls []string, lines string) *harness.Agent {
	t.Helper()
	return harness.NewAgent(t, section(urls, "token: "+token+"\n"+lines)).Start()
}

func section(urls []string, lines string) string {
	return fmt.Sprintf("type: splunk_hec\nurls: [%s]\nindex: security\nretry: {initial: 20ms, max: 200ms}\n%s", strings.Join(urls, ", "), lines)
}

// times counts how often each event of a test has come; the agent's own are
// left out.
func times(collectors ...collector) map[string]int {
	count := make(map[string]int)
	for _, c := range collectors {
		for _, e := range c.Events() {
			count[e.Field("shiplog_id")]++
		}
	}
	return count
}

// once checks that events 0 to n-1 have come once each, but for those of one
// batch's worth of repeats.
func once(t *testing.T, n, repeats int, collectors ...collector) {
	t.Helper()
	count := times(collectors...)
	missing, twice := 0, 0
	for i := range n {
		switch times := count[harness.EventID(i)]; times {
		case 0:
			missing++
		default:
			twice += times - 1
		}
	}
	if missing > 0 || twice > repeats {
		t.Errorf("%d of %d events are missing, %d repeated; want none missing and at most %d repeated", missing, n, twice, repeats)
	}
}

func noDeadLetters(t *testing.T, a *harness.Agent) {
	t.Helper()
	if dead := a.Outcome("deadletter"); dead != 0 {
		t.Errorf("%d dead letters, want none", dead)
	}
}
