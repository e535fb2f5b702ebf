package splunkhec

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// The collector's paths.
const (
	eventPath  = "/services/collector/event"
	ackPath    = "/services/collector/ack"
	healthPath = "/services/collector/health"
)

// maxAnswer bounds the answers that are read, in bytes: the longest is that to
// a query for maxQuery ids.
const maxAnswer = 1 << 20

// down is how long a node that failed is passed over while others work.
const down = 30 * time.Second

// node is one collector, with the cookies that keep a balancer at one indexer,
// and a channel of its own.
type node struct {
	url     *url.URL
	client  *http.Client
	token   func() string
	agent   string // user agent
	channel string // empty without acknowledgement
	monitor sinks.Monitor
	timeout time.Duration
	acks    *acks

	mu      sync.Mutex // guards what follows
	until   time.Time  // passed over until then
	checked bool       // the token is known to have acknowledgement
}

func newNode(u *url.URL, c Config, client *http.Client, deps sinks.Deps) (*node, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	own := *client
	own.Jar = jar
	n := &node{
		url: u, client: &own, token: c.Token.Reveal, agent: deps.UserAgent,
		monitor: deps.Monitor, timeout: c.requestTimeout,
	}
	if c.Ack {
		n.channel = guid(deps.Agent, deps.Name, u.String())
	}
	n.acks = newAcks(n.query)
	return n, nil
}

// guid makes the same GUID of the same words for ever (RFC 9562, version 8: the
// bits are ours).
func guid(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		_, _ = io.WriteString(h, w+"\x00")
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// call sends one request; body or payload may be nil.
func (n *node) call(ctx context.Context, method, path string, body *transport.Body, payload []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, n.url.String()+path, bytes.NewReader(payload))
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		if err := body.Attach(req); err != nil {
			return answer{}, err
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", n.agent)
	req.Header.Set("Authorization", "Splunk "+n.token())
	if n.channel != "" {
		req.Header.Set("X-Splunk-Request-Channel", n.channel)
	}
	started := time.Now()
	a, err := n.perform(req)
	status := strconv.Itoa(a.status)
	if err != nil {
		status = "error"
	}
	n.monitor.Request(status, time.Since(started), int(max(req.ContentLength, 0)))
	return a, err
}

func (n *node) perform(req *http.Request) (answer, error) {
	res, err := n.client.Do(req)
	if err != nil {
		return answer{}, transport.Classify(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{}, transport.Classify(fmt.Errorf("read the answer: %w", err))
	}
	return parseAnswer(res.StatusCode, res.Header, body), nil
}

// query asks which of the ids are acknowledged.
func (n *node) query(ctx context.Context, ids []int64) (map[string]bool, error) {
	text, err := query(ids)
	if err != nil {
		return nil, err
	}
	a, err := n.call(ctx, http.MethodPost, ackPath, nil, text)
	switch {
	case err != nil:
		return nil, err
	case a.status != http.StatusOK || a.Acks == nil:
		return nil, a.fault()
	}
	return a.Acks, nil
}

// ready proves, once, that the token has acknowledgement: without it every
// event would be taken, and never be told to be there. The id is one that no
// request has: what is answered true is forgotten.
func (n *node) ready(ctx context.Context) error {
	if n.channel == "" || n.isChecked() {
		return nil
	}
	if _, err := n.query(ctx, []int64{math.MaxInt32}); err != nil {
		return fmt.Errorf("ask for acknowledgement: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.checked = true
	return nil
}

func (n *node) isChecked() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.checked
}

// failed passes the node over for a while.
func (n *node) failed(after time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.until = time.Now().Add(max(after, down))
}

func (n *node) worked() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.until = time.Time{}
}

func (n *node) downUntil() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.until
}

// nodes are the collectors, used in turn.
type nodes struct {
	all []*node

	mu   sync.Mutex // guards next
	next int
}

// pick returns the next node that is not down; if all are, the one that has
// been so for longest. Those in tried are left out; nil: there is no other.
func (ns *nodes) pick(tried []*node) *node {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	now := time.Now()
	var best *node
	for i := range ns.all {
		at := (ns.next + i) % len(ns.all)
		n := ns.all[at]
		if slices.Contains(tried, n) {
			continue
		}
		until := n.downUntil()
		if !until.After(now) {
			ns.next = at + 1
			return n
		}
		if best == nil || until.Before(best.downUntil()) {
			best = n
		}
	}
	return best
}

// passing says whether another node might do better: not where the content is
// at fault.
func passing(err error) bool {
	k := fault.KindOf(err)
	return k != fault.TooLarge && k != fault.Refused
}
