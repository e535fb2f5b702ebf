package elasticsearch

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// Sink writes to one data stream, or to one family of indices.
type Sink struct {
	cfg       Config
	deps      sinks.Deps
	cluster   *cluster
	client    *http.Client
	bodies    *transport.Bodies
	answers   sync.Pool // of *bytes.Buffer
	suspicion suspicion
	installer installer
	query     string // of bulk requests
	closed    sync.Once
}

func build(cfg Config, deps sinks.Deps) (sinks.Sink, error) {
	bodies, err := transport.NewBodies(cfg.Compression)
	if err != nil {
		return nil, err
	}
	client, err := transport.HTTPClient(transport.Options{TLS: cfg.TLS, UserAgent: deps.UserAgent, Connections: cfg.Concurrency + 1})
	if err != nil {
		return nil, err
	}
	nodes, err := newCluster(cfg.nodes, client.Transport, deps, authorization(cfg))
	if err != nil {
		return nil, err
	}
	query := url.Values{"filter_path": {wanted}}
	if cfg.Pipeline != "" {
		query.Set("pipeline", cfg.Pipeline)
	}
	return &Sink{
		cfg: cfg, deps: deps, cluster: nodes, client: client, bodies: bodies,
		answers: sync.Pool{New: func() any { return new(bytes.Buffer) }}, query: query.Encode(),
		installer: newInstaller(cfg, nodes, deps),
	}, nil
}

// Deliver writes a batch with one bulk request. A replay into a data stream
// searches it first.
func (s *Sink) Deliver(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	if len(b.Items) == 0 {
		return sinks.Report{}, nil
	}
	if err := s.installer.ready(ctx); err != nil {
		return sinks.Report{}, err
	}
	if b.Replay && s.cfg.target.stream {
		return s.replay(ctx, b)
	}
	return s.write(ctx, b)
}

func (s *Sink) write(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	body := s.bodies.New()
	defer body.Release()
	index := writeBulk(body, s.cfg.target, b)
	buf := s.answers.Get().(*bytes.Buffer) //nolint:errcheck // the pool holds nothing else
	defer s.answers.Put(buf)
	a, err := s.cluster.do(ctx, request{method: http.MethodPost, path: "/" + index + "/_bulk", query: s.query, body: body}, buf)
	switch {
	case err != nil:
		return sinks.Report{}, err
	case a.status < 200 || a.status > 299:
		return sinks.Report{}, requestFault(a)
	}
	items, err := parseBulk(a.body, len(b.Items))
	if err != nil {
		return sinks.Report{}, fault.New(fault.Retry, "bad_answer", err)
	}
	if items == nil {
		s.suspicion.accepted()
		return sinks.Report{}, nil
	}
	return s.triage(items)
}

// Close closes the connections.
func (s *Sink) Close(ctx context.Context) error {
	var err error
	s.closed.Do(func() {
		err = s.cluster.nodes.Close(ctx)
		s.client.CloseIdleConnections()
	})
	return err
}
