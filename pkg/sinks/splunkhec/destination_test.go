package splunkhec

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
	"github.com/shiplog/shiplog/pkg/sinks/splunkhec/hectest"
)

const token = "0c4f2b9e-token-of-the-test"

// decode reads a sink's section as the config file has it.
func decode(t testing.TB, text string) (sinks.Spec, error) {
	t.Helper()
	section, err := config.ParseSection("shiplog.yaml", []byte("type: splunk_hec\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return Factory().Decode(section)
}

func open(t testing.TB, deps sinks.Deps, text string) *Sink {
	t.Helper()
	spec, err := decode(t, text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Open(deps)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range s.(*Sink).nodes.all {
		n.acks.first = time.Millisecond
	}
	return s.(*Sink)
}

// collector is a running hectest server, as a destination of the suite.
type collector struct {
	*hectest.Server
	url    string
	config string   // of its sinks, besides url and token
	marked []string // ids that are refused
}

func start(t testing.TB, cfg hectest.Config, config string) *collector {
	cfg.Token = token
	s := hectest.New(cfg)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return &collector{Server: s, url: h.URL, config: config}
}

func (c *collector) section() string {
	return "url: " + c.url + "\ntoken: " + token + "\n" + c.config
}

func (c *collector) Open(t *testing.T, deps sinks.Deps) sinks.Sink {
	t.Helper()
	return open(t, deps, c.section())
}

// sink is one that is closed with the test.
func (c *collector) sink(t *testing.T) *Sink {
	t.Helper()
	s := open(t, sinktest.Deps(t, nil), c.section())
	t.Cleanup(func() { s.Close(t.Context()) })
	return s
}

func (c *collector) Accepted() []string {
	var ids []string
	for _, e := range c.Events() {
		ids = append(ids, e.Field("shiplog_id"))
	}
	return ids
}

func (c *collector) Meet(condition sinktest.Condition) {
	c.Always(nil)
	switch condition {
	case sinktest.Healthy:
	case sinktest.Busy:
		c.Always(&hectest.Answer{Status: http.StatusServiceUnavailable, Code: 9, RetryAfter: fmt.Sprint(sinktest.BusyFor.Seconds())})
	case sinktest.Small:
		c.Configure(func(cfg *hectest.Config) { cfg.MaxContent = 1200 })
	case sinktest.Locked:
		c.Always(&hectest.Answer{Status: http.StatusForbidden, Code: 4})
	case sinktest.Unready:
		c.Always(&hectest.Answer{Status: http.StatusBadRequest, Code: 7})
	}
}

func (c *collector) Mark(id string, _ sinks.Outcome) {
	c.marked = append(slices.Clone(c.marked), id)
	marked := c.marked
	c.Refuse(func(e hectest.Event) int {
		if slices.Contains(marked, e.Field("shiplog_id")) {
			return 6
		}
		return 0
	})
}

func TestContract(t *testing.T) {
	sinktest.Run(t, sinktest.Suite{
		New: func(t *testing.T) sinktest.Destination { return start(t, hectest.Config{}, "") },
		Lacks: map[sinktest.Ability]string{
			sinktest.Duplicates: "HEC knows no ids",
			sinktest.Partial:    "HEC puts off requests, not events",
		},
	})
}

func TestContractWithAcknowledgement(t *testing.T) {
	sinktest.Run(t, sinktest.Suite{
		New: func(t *testing.T) sinktest.Destination {
			return start(t, hectest.Config{Ack: true, AckPolls: 1, Sticky: true}, "ack: true")
		},
		Lacks: map[sinktest.Ability]string{
			sinktest.Duplicates: "HEC knows no ids",
			sinktest.Partial:    "HEC puts off requests, not events",
			sinktest.Refuse:     "with ack, what came before a refused event is sent twice",
		},
	})
}
