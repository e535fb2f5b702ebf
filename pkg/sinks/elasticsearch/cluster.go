package elasticsearch

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// maxAnswer bounds the answers that are read, in bytes. A bulk answer is some
// hundred bytes an event at most.
const maxAnswer = 64 << 20

// cluster sends requests to whichever node answers.
type cluster struct {
	nodes     *elastictransport.Client
	count     int
	authorize func() string // the Authorization header as of now, empty for none
	monitor   sinks.Monitor
}

// request is one call of the API.
type request struct {
	method string
	path   string
	query  string
	body   *transport.Body // nil: none
	json   []byte          // instead of body, for the small ones
}

// answer is what came back.
type answer struct {
	request string // method and path
	node    string
	status  int
	after   time.Duration // Retry-After
	product string        // Elasticsearch, or empty for everything else
	body    []byte
}

func newCluster(nodes []*url.URL, round http.RoundTripper, deps sinks.Deps, authorize func() string) (*cluster, error) {
	client, err := elastictransport.NewClient(
		elastictransport.WithURLs(nodes...),
		elastictransport.WithTransport(round),
		elastictransport.WithDisableRetry(),
		elastictransport.WithUserAgent(deps.UserAgent),
	)
	if err != nil {
		return nil, err
	}
	return &cluster{nodes: client, count: len(nodes), authorize: authorize, monitor: deps.Monitor}, nil
}

func authorization(c Config) func() string {
	return func() string {
		switch {
		case c.Username != "":
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password.Reveal()))
		case c.BearerToken.Reveal() != "":
			return "Bearer " + c.BearerToken.Reveal()
		case c.APIKey.Reveal() != "":
			return "ApiKey " + c.APIKey.Reveal()
		default:
			return ""
		}
	}
}

// do sends a request. A node that cannot be connected to is passed over for
// the next; any other failure is returned, as a fault, since the request may
// have had its effect. The answer's body is in buf.
func (c *cluster) do(ctx context.Context, r request, buf *bytes.Buffer) (answer, error) {
	var err error
	for range c.count {
		var a answer
		if a, err = c.once(ctx, r, buf); err == nil || !unconnected(err) || ctx.Err() != nil {
			return a, err
		}
	}
	return answer{}, err
}

func (c *cluster) once(ctx context.Context, r request, buf *bytes.Buffer) (answer, error) {
	req, err := c.prepare(ctx, r)
	if err != nil {
		return answer{}, err
	}
	sent := max(req.ContentLength, 0)
	started := time.Now()
	a, err := c.perform(req, buf)
	a.request, a.node = r.method+" "+r.path, req.URL.Host
	status := strconv.Itoa(a.status)
	if err != nil {
		status = "error"
		err = transport.Classify(fmt.Errorf("%s from %s: %w", a.request, a.node, err))
	}
	c.monitor.Request(status, time.Since(started), int(sent))
	return a, err
}

func (c *cluster) prepare(ctx context.Context, r request) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.path, bytes.NewReader(r.json))
	if err != nil {
		return nil, err
	}
	req.URL.RawQuery = r.query
	if r.body != nil {
		req.Header.Set("Content-Type", "application/x-ndjson")
		if err := r.body.Attach(req); err != nil {
			return nil, err
		}
	} else if len(r.json) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if auth := c.authorize(); auth != "" {
		req.Header.Set("Authorization", auth)
	}
	return req, nil
}

func (c *cluster) perform(req *http.Request, buf *bytes.Buffer) (answer, error) {
	res, err := c.nodes.Perform(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	a := answer{status: res.StatusCode, product: res.Header.Get("X-Elastic-Product"), after: transport.RetryAfter(res.Header, time.Now())}
	buf.Reset()
	if _, err := buf.ReadFrom(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	a.body = buf.Bytes()
	return a, nil
}

// unconnected says that no connection was made, so that nothing was sent.
func unconnected(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
