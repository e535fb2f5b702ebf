package splunkhec

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// breather is how long nothing is sent to a collector that took a batch and
// said that it is nearly full.
const breather = 2 * time.Second

// Sink sends to one set of collectors.
type Sink struct {
	cfg      Config
	deps     sinks.Deps
	client   *http.Client
	nodes    *nodes
	envelope envelope
	bodies   *transport.Bodies
	unacked  sync.Once // tells that a collector gives no ids
	unasked  sync.Once // tells that a collector gives ids that nobody asks for

	mu    sync.Mutex // guards quiet
	quiet time.Time  // nothing is sent until then
}

func build(cfg Config, deps sinks.Deps) (sinks.Sink, error) {
	client, err := transport.HTTPClient(transport.Options{TLS: cfg.TLS, UserAgent: deps.UserAgent, Connections: cfg.Concurrency + 1})
	if err != nil {
		return nil, err
	}
	bodies, err := transport.NewBodies(cfg.Compression)
	if err != nil {
		return nil, err
	}
	host := cfg.Host
	if host == "" {
		host, _ = os.Hostname() // unknown: the collector's default
	}
	s := &Sink{cfg: cfg, deps: deps, client: client, nodes: &nodes{}, envelope: newEnvelope(cfg, host, deps), bodies: bodies}
	for _, u := range cfg.nodes {
		n, err := newNode(u, cfg, client, deps)
		if err != nil {
			return nil, err
		}
		s.nodes.all = append(s.nodes.all, n)
	}
	return s, nil
}

// Deliver sends a batch as one request, and with ack waits until it is
// indexed.
func (s *Sink) Deliver(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	if len(b.Items) == 0 {
		return sinks.Report{}, nil
	}
	if wait := s.mustWait(); wait > 0 {
		return sinks.Report{}, &fault.Error{Kind: fault.Retry, Reason: "near_full", After: wait,
			Err: fmt.Errorf("the collector said that it is nearly full: nothing is sent for %s", wait.Round(time.Millisecond))}
	}
	body := s.bodies.New()
	defer body.Release()
	s.envelope.write(body, b.Items)
	n, a, err := s.send(ctx, body)
	if err != nil {
		return sinks.Report{}, err
	}
	return s.settle(ctx, n, a, len(b.Items))
}

// send gives the body to a node. One that is down, busy, shutting down or set
// up wrongly is passed over for the next at once.
func (s *Sink) send(ctx context.Context, body *transport.Body) (*node, answer, error) {
	var last error
	tried := make([]*node, 0, len(s.nodes.all))
	for n := s.nodes.pick(nil); n != nil; n = s.nodes.pick(tried) {
		a, err := n.collect(ctx, body)
		if err == nil {
			n.worked()
			return n, a, nil
		}
		last = err
		if ctx.Err() != nil || !passing(err) {
			break
		}
		n.failed(fault.Wait(err))
		tried = append(tried, n)
	}
	return nil, answer{}, last
}

// collect sends events to one node. An answer that is about the content is no
// error here.
func (n *node) collect(ctx context.Context, body *transport.Body) (answer, error) {
	if err := n.ready(ctx); err != nil {
		return answer{}, fmt.Errorf("%s: %w", n.url.Host, err)
	}
	before := n.acks.seen()
	a, err := n.call(ctx, http.MethodPost, eventPath, body, nil)
	a.before = before
	if err == nil && !a.accepted() {
		if f := a.fault(); passing(f) {
			err = f
		}
	}
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", n.url.Host, err)
	}
	return a, nil
}

// settle makes the report of an answer.
func (s *Sink) settle(ctx context.Context, n *node, a answer, events int) (sinks.Report, error) {
	if a.accepted() {
		if a.crowded() {
			s.slowDown(a.after)
		}
		return sinks.Report{}, s.acknowledged(ctx, n, a)
	}
	err := fmt.Errorf("%s: %w", n.url.Host, a.fault())
	if bad, ok := a.isolated(events); ok {
		return s.cutOut(bad, events, err), nil
	}
	return sinks.Report{}, err
}

// cutOut reports one event as refused and those after it, which Splunk has not
// read, as to come again. Those before it are in; with ack they come again all
// the same, since nobody will say whether they were indexed.
func (s *Sink) cutOut(bad, events int, err error) sinks.Report {
	var r sinks.Report
	unread := fault.New(fault.Retry, "after_refused", fmt.Errorf("sent in one request with an event that was refused: %w", err))
	for i := range events {
		switch {
		case i == bad:
			refused := fault.New(fault.Refused, fault.ReasonOf(err), err)
			r.Results = append(r.Results, sinks.Result{Index: i, Outcome: sinks.Refused, Err: refused})
		case i > bad || s.cfg.Ack:
			r.Results = append(r.Results, sinks.Result{Index: i, Outcome: sinks.Again, Err: unread})
		}
	}
	return r
}

// acknowledged waits, with ack, until the node says that the request is
// indexed.
func (s *Sink) acknowledged(ctx context.Context, n *node, a answer) error {
	switch {
	case !s.cfg.Ack && a.AckID != nil:
		s.unasked.Do(func() {
			s.deps.Log.Warn("the token has indexer acknowledgement, which is not used; set ack to true", "url", n.url.Redacted())
		})
		return nil
	case !s.cfg.Ack:
		return nil
	case a.AckID == nil:
		s.unacked.Do(func() {
			s.deps.Log.Warn("the collector gives no acknowledgement ids; its 200 is taken for delivered", "url", n.url.Redacted())
		})
		return nil
	}
	limit := time.Duration(s.cfg.AckTimeout)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := n.acks.expect(*a.AckID, a.before)
	s.tellWaiting()
	defer s.tellWaiting()
	if err := n.acks.wait(ctx, *a.AckID, done); err != nil {
		return fmt.Errorf("%s: %w", n.url.Host, ackFault(err, limit))
	}
	return nil
}

// tellWaiting says for how many requests the sink waits.
func (s *Sink) tellWaiting() {
	var waits []string
	for _, n := range s.nodes.all {
		if c := n.acks.count(); c > 0 {
			waits = append(waits, fmt.Sprintf("acknowledgement of %d requests by %s", c, n.url.Host))
		}
	}
	s.deps.Monitor.Waiting(strings.Join(waits, ", "))
}

func (s *Sink) slowDown(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = time.Now().Add(max(after, breather))
}

func (s *Sink) mustWait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Until(s.quiet)
}

// Close closes the connections.
func (s *Sink) Close(context.Context) error {
	s.client.CloseIdleConnections()
	return nil
}
