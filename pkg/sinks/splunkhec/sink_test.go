package splunkhec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
	"github.com/shiplog/shiplog/pkg/sinks/splunkhec/hectest"
)

// golden compares got with a file that -update rewrites.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestBodies(t *testing.T) {
	for _, c := range []struct{ name, config string }{
		{"json", "index: security\nhost: agent-1"},
		{"text", "format: cef\nhost: \"quoted \\\"host\\\"\"\nsource: s\nsourcetype: cef\ncompression: none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := start(t, hectest.Config{}, c.config)
			b := sinktest.Batch(0, 3, nil)
			b.Items[1].Event.ID = "with \"quotes\", \\ and \n and \xff"
			b.Items[2].Event.Occurred = time.Unix(-5, 0)
			if c.name == "text" {
				b.Items[0].Body = []byte("CEF:0|Prefect|a \"b\" \\|c=\td\x01")
			}
			report, err := d.sink(t).Deliver(t.Context(), b)
			if err != nil || len(report.Results) > 0 {
				t.Fatalf("report %v, error %v", report, err)
			}
			golden(t, c.name+".hec", d.Requests()[0].Body)
			if got := d.Events(); len(got) != 3 || got[0].Time != 1793606400.123456 {
				t.Errorf("events %v", got)
			}
		})
	}
}

// Every documented answer, and those of what may stand between.
func TestAnswers(t *testing.T) {
	code := func(status, code int) hectest.Answer { return hectest.Answer{Status: status, Code: code} }
	page := func(status int) hectest.Answer {
		return hectest.Answer{Status: status, Code: -1, Body: "<html>a page</html>"}
	}
	const good fault.Kind = 255
	for _, c := range []struct {
		answer hectest.Answer
		want   fault.Kind
	}{
		{code(200, 0), good},
		{code(403, 1), fault.Credentials},
		{code(401, 2), fault.Credentials},
		{code(401, 3), fault.Credentials},
		{code(403, 4), fault.Credentials},
		{code(400, 5), fault.Refused},
		{code(400, 6), fault.Refused},
		{code(400, 7), fault.Setup},
		{code(500, 8), fault.Retry},
		{code(503, 9), fault.Retry},
		{code(400, 10), fault.Setup},
		{code(400, 11), fault.Setup},
		{code(400, 12), fault.Refused},
		{code(400, 13), fault.Refused},
		{code(400, 14), fault.Setup},
		{code(400, 15), fault.Refused},
		{code(400, 16), fault.Setup},
		{code(503, 18), fault.Retry},
		{code(503, 19), fault.Retry},
		{code(503, 20), fault.Retry},
		{code(400, 21), fault.Credentials},
		{code(400, 22), fault.Credentials},
		{code(503, 23), fault.Retry},
		{code(200, 24), good},
		{code(200, 25), good},
		{code(429, 26), fault.Retry},
		{code(429, 27), fault.Retry},
		{code(400, 28), fault.Refused},
		{code(200, 17), fault.Retry},
		{page(200), fault.Retry},
		{page(400), fault.Setup},
		{page(401), fault.Credentials},
		{page(403), fault.Credentials},
		{page(404), fault.Setup},
		{page(405), fault.Setup},
		{page(407), fault.Credentials},
		{page(408), fault.Retry},
		{page(413), fault.TooLarge},
		{page(415), fault.Setup},
		{page(429), fault.Retry},
		{page(500), fault.Retry},
		{page(502), fault.Retry},
		{page(503), fault.Retry},
		{page(504), fault.Retry},
	} {
		d := start(t, hectest.Config{}, "")
		d.Always(&c.answer)
		report, err := d.sink(t).Deliver(t.Context(), sinktest.Batch(0, 2, nil))
		kind := fault.KindOf(err)
		if err == nil {
			kind = good
		}
		if kind != c.want || len(report.Results) > 0 {
			t.Errorf("status %d, code %d: kind %v (%v), want %v", c.answer.Status, c.answer.Code, kind, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("the error shows the token: %v", err)
		}
	}
}

// Splunk has indexed what came before a bad event and has not read the rest.
// With ack nobody says that the first part is indexed: it comes again.
func TestPoisonIsCutOut(t *testing.T) {
	for _, c := range []struct {
		name   string
		server hectest.Config
		config string
		again  []int
	}{
		{"without ack", hectest.Config{}, "", []int{3, 4}},
		{"with ack", hectest.Config{Ack: true}, "ack: true", []int{0, 1, 3, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := start(t, c.server, c.config)
			d.Mark("event-0002", sinks.Refused)
			report, err := d.sink(t).Deliver(t.Context(), sinktest.Batch(0, 5, nil))
			if err != nil {
				t.Fatal(err)
			}
			var again []int
			for _, r := range report.Results {
				switch {
				case r.Outcome == sinks.Again && fault.KindOf(r.Err) == fault.Retry:
					again = append(again, r.Index)
				case r.Outcome != sinks.Refused || r.Index != 2 || fault.KindOf(r.Err) != fault.Refused:
					t.Errorf("result %v", r)
				}
			}
			if !slices.Equal(again, c.again) {
				t.Errorf("again %v, want %v", again, c.again)
			}
		})
	}
}

// A collector that is nearly full keeps what it took, and is left alone for a
// moment.
func TestNearlyFull(t *testing.T) {
	d := start(t, hectest.Config{}, "")
	d.Script(hectest.Answer{Status: 200, Code: 24, Accept: true, RetryAfter: "3600"})
	s := d.sink(t)
	if _, err := s.Deliver(t.Context(), sinktest.Batch(0, 2, nil)); err != nil {
		t.Fatalf("taken all the same: %v", err)
	}
	_, err := s.Deliver(t.Context(), sinktest.Batch(2, 2, nil))
	if w := fault.Wait(err); fault.KindOf(err) != fault.Retry || w <= 50*time.Minute || w > time.Hour {
		t.Errorf("got %v with a wait of %v, want a retry after an hour", err, w)
	}
	if got := len(d.Accepted()); got != 2 {
		t.Errorf("%d events arrived, want 2", got)
	}
}

func TestSeveralCollectors(t *testing.T) {
	one, two := start(t, hectest.Config{}, ""), start(t, hectest.Config{}, "")
	s := open(t, sinktest.Deps(t, nil), "urls: [http://127.0.0.1:1, "+one.url+", "+two.url+"]\ntoken: "+token)
	defer s.Close(t.Context())
	deliver := func(first int) {
		t.Helper()
		if _, err := s.Deliver(t.Context(), sinktest.Batch(first, 1, nil)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 4 {
		deliver(n)
	}
	if a, b := len(one.Accepted()), len(two.Accepted()); a != 2 || b != 2 {
		t.Errorf("%d and %d events, want them in turn", a, b)
	}
	one.Always(&hectest.Answer{Status: 503, Code: 23})
	for n := range 4 {
		deliver(4 + n)
	}
	if a, b := len(one.Accepted()), len(two.Accepted()); a != 2 || b != 6 {
		t.Errorf("%d and %d events, want the second to take over", a, b)
	}
	two.Always(&hectest.Answer{Status: 503, Code: 9})
	if _, err := s.Deliver(t.Context(), sinktest.Batch(8, 1, nil)); fault.KindOf(err) != fault.Retry || err == nil {
		t.Errorf("all down: %v", err)
	}
	one.Always(nil)
	deliver(8)
}

// Nothing is taken as delivered before it is indexed; what a restart of the
// collector loses is sent again.
func TestUnacknowledgedComesAgain(t *testing.T) {
	d := start(t, hectest.Config{Ack: true, AckPolls: 1 << 30}, "ack: true\nack_timeout: 50ms")
	s := d.sink(t)
	_, err := s.Deliver(t.Context(), sinktest.Batch(0, 2, nil))
	if fault.ReasonOf(err) != "ack_timeout" || fault.KindOf(err) != fault.Retry {
		t.Errorf("got %v, want a retry for want of an acknowledgement", err)
	}
	d.Restart()
	d.Configure(func(c *hectest.Config) { c.AckPolls = 0 })
	s.cfg.AckTimeout = defaults().AckTimeout
	if _, err := s.Deliver(t.Context(), sinktest.Batch(0, 2, nil)); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if d.Pending() != 0 {
		t.Errorf("%d ids were never asked for", d.Pending())
	}
}

// With ack: true against a token without it, not one event is sent.
func TestTokenWithoutAcknowledgement(t *testing.T) {
	d := start(t, hectest.Config{}, "ack: true")
	_, err := d.sink(t).Deliver(t.Context(), sinktest.Batch(0, 2, nil))
	if fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), "ack: false") {
		t.Errorf("got %v, want a set-up fault that says what to do", err)
	}
	if got := len(d.Accepted()); got != 0 {
		t.Errorf("%d events were sent", got)
	}
}

func TestChannelIsStablePerNode(t *testing.T) {
	const text = "urls: [https://a:8088, https://b:8088]\ntoken: t\nack: true"
	one, two := open(t, sinktest.Deps(t, nil), text), open(t, sinktest.Deps(t, nil), text)
	if a, b := one.nodes.all[0].channel, two.nodes.all[0].channel; a != b || len(a) != 36 {
		t.Errorf("channels %s and %s of one node", a, b)
	}
	if a, b := one.nodes.all[0].channel, one.nodes.all[1].channel; a == b {
		t.Errorf("two nodes share channel %s", a)
	}
}

func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"nothing", "ack: false", "token"},
		{"no address", "token: t", "url"},
		{"two ways", "token: t\nurl: http://a\nurls: [http://b]", "give one"},
		{"no scheme", "token: t\nurl: splunk:8088", "https://splunk:8088"},
		{"token in the URL", "token: t\nurl: 'https://x:hidden@splunk:8088'", "its own key"},
		{"second address", "token: t\nurls: ['http://a', 'ftp://b']", "urls[1]"},
		{"compression", "token: t\nurl: http://a\ncompression: zstd", "gzip or none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(t, c.config)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
}

func TestAddressMayHaveThePath(t *testing.T) {
	for text, want := range map[string]string{
		"https://splunk:8088":                           "https://splunk:8088",
		"https://splunk:8088/services/collector/event":  "https://splunk:8088",
		"https://proxy/splunk/":                         "https://proxy/splunk",
		"https://proxy/splunk/services/collector/event": "https://proxy/splunk",
	} {
		u, err := parseNode(text)
		if err != nil || u.String() != want {
			t.Errorf("%s: got %v, %v, want %s", text, u, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		server hectest.Config
		config string
		change func(*collector)
		want   string // in the error; empty: none
	}{
		{"good", hectest.Config{}, "", nil, ""},
		{"good with ack", hectest.Config{Ack: true}, "ack: true", nil, ""},
		{"wrong token", hectest.Config{}, "", func(c *collector) { c.Configure(func(h *hectest.Config) { h.Token = "other" }) }, "check token"},
		{"unhealthy", hectest.Config{}, "", func(c *collector) { c.Health(hectest.Answer{Status: 503, Code: 18}) }, "queues are full"},
		{"ack is missing", hectest.Config{}, "ack: true", nil, "ack: false"},
		{"ack is needed", hectest.Config{Ack: true}, "", nil, "ack: true"},
		{"wrong index", hectest.Config{}, "index: x", func(c *collector) { c.Always(&hectest.Answer{Status: 400, Code: 7}) }, "index"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := start(t, c.server, c.config)
			if c.change != nil {
				c.change(d)
			}
			var lines []string
			err := d.sink(t).Check(t.Context(), func(line string) { lines = append(lines, line) })
			switch {
			case c.want == "" && (err != nil || len(lines) < 3):
				t.Errorf("error %v, lines %q", err, lines)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want something about %q", err, c.want)
			}
			if len(d.Events()) > 0 {
				t.Error("the check sent an event")
			}
		})
	}
}
