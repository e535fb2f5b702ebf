package stdout

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// console is a destination for the contract suite.
type console struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

func (c *console) Open(_ *testing.T, deps sinks.Deps) sinks.Sink {
	return newSink(defaults(), deps, c)
}

func (c *console) Accepted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for line := range strings.Lines(c.buf.String()) {
		_, rest, _ := strings.Cut(line, `"id":"event-`)
		ids = append(ids, "event-"+rest[:4])
	}
	return ids
}

func (c *console) Meet(sinktest.Condition)    {}
func (c *console) Mark(string, sinks.Outcome) {}
func (c *console) Hang() <-chan struct{}      { return nil }

func TestContract(t *testing.T) {
	none := "a stream takes everything"
	sinktest.Run(t, sinktest.Suite{
		New: func(*testing.T) sinktest.Destination { return &console{} },
		Lacks: map[sinktest.Ability]string{
			sinktest.Retry: none, sinktest.Wait: none, sinktest.TooLarge: none, sinktest.Credentials: none, sinktest.Setup: none,
			sinktest.Refuse: none, sinktest.Partial: none, sinktest.Cancel: none, sinktest.Duplicates: none,
		},
	})
}

func TestPretty(t *testing.T) {
	var out bytes.Buffer
	c := defaults()
	yes := true
	c.Pretty = &yes
	b := sinktest.Batch(0, 1, nil)
	b.Items[0].Event.Actor = "ana\x1b[31m\u202e@example.com"
	if _, err := newSink(c, sinktest.Deps(t, nil), &out).Deliver(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{"medium", " api-key.created ", "ana·[31m·@example.com", "success", "API key created\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

func TestReaderHasGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	for name, out := range map[string]io.Writer{"a pipe": w, "closed": closed(t)} {
		s := newSink(defaults(), sinktest.Deps(t, nil), out)
		if _, err := s.Deliver(t.Context(), sinktest.Batch(0, 1, nil)); fault.KindOf(err) != fault.Setup {
			t.Errorf("%s: got %v of kind %v, want setup", name, err, fault.KindOf(err))
		}
	}
}

func closed(t *testing.T) *os.File {
	f, err := os.Create(t.TempDir() + "/closed")
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	return f
}
