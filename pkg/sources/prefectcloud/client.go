package prefectcloud

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/transport"
)

const (
	cloudPage  = 200      // the API's most, by its OpenAPI document
	serverPage = 50       // a self-hosted server's most
	maxBody    = 16 << 20 // bytes of an answer that are kept in memory: ten events of the largest size
	clockSlack = 5 * time.Second
)

// errTooMuch says that an answer is larger than what is kept in memory.
var errTooMuch = errors.New("the answer is too large")

// client calls the API: within the budget, with credentials, with deadlines. It
// may be used from many goroutines.
type client struct {
	target
	http    *http.Client
	budget  *rate.Limiter
	timeout time.Duration
	most    int // bytes of an answer

	size atomic.Int64 // of pages
	skew atomic.Int64 // the service's clock minus ours, ns

	asked atomic.Pointer[plan] // nil: not yet

	closed atomic.Int64 // until then the service wants no requests, Unix ns
}

func newClient(c Config, t target, deps sources.Deps) (*client, error) {
	h, err := transport.HTTPClient(transport.Options{TLS: c.TLS, UserAgent: deps.UserAgent, HeaderTimeout: time.Duration(c.Timeout)})
	if err != nil {
		return nil, err
	}
	cl := &client{
		target: t, http: h, timeout: time.Duration(c.Timeout), most: maxBody,
		budget: newBudget(c.RequestsPerMinute),
	}
	cl.size.Store(serverPage)
	if t.account != "" {
		cl.size.Store(cloudPage)
	}
	return cl, nil
}

// newBudget allows some requests at once, and no more than perMinute in any
// minute.
func newBudget(perMinute int) *rate.Limiter {
	atOnce := max(1, perMinute/6)
	return rate.NewLimiter(rate.Limit(float64(perMinute-atOnce+1)/60), atOnce)
}

// admit waits until a request may be made: by the budget, and by what the service
// asked for, whichever request it was that it answered so.
func (c *client) admit(ctx context.Context) error {
	closed := time.Unix(0, c.closed.Load())
	if end, ok := ctx.Deadline(); ok && closed.After(end) {
		return fault.New(fault.Retry, "closed", fmt.Errorf("by its Retry-After the service wants no requests before %s", closed.UTC().Format(time.RFC3339)))
	}
	if wait := time.Until(closed); wait > 0 && !sleep(ctx, wait) {
		return fault.New(fault.Retry, "canceled", fmt.Errorf("wait as the service asked: %w", ctx.Err()))
	}
	if err := c.budget.Wait(ctx); err != nil {
		return fault.New(fault.Retry, "canceled", fmt.Errorf("wait for the request budget: %w", err))
	}
	return nil
}

// heed takes in how long the service wants to be left alone, if it says so.
func (c *client) heed(err error) error {
	if d := fault.Wait(err); d > 0 {
		c.closed.Store(time.Now().Add(d).UnixNano())
	}
	return err
}

// now is the time that has come by both clocks, the service's and ours. No mark
// goes beyond it: what one clock that is ahead passes over, nobody would read.
func (c *client) now() time.Time {
	return time.Now().Add(min(0, time.Duration(c.skew.Load()))).UTC().Truncate(time.Microsecond)
}

// latest is the time by the clock that is ahead. Events may have it.
func (c *client) latest() time.Time {
	return time.Now().Add(max(0, time.Duration(c.skew.Load()))).UTC().Truncate(time.Microsecond)
}

// query asks for the first page of a range.
func (c *client) query(ctx context.Context, f feed, filter eventFilter) (page, error) {
	for {
		size := c.size.Load()
		p, err := c.ask(ctx, f, filter, size)
		switch {
		case errors.Is(err, errTooMuch) && size > 1:
			c.shrink(size)
		case fault.ReasonOf(err) == "status_422" && size > serverPage:
			c.size.CompareAndSwap(size, serverPage) // a server of the other kind
		default:
			return p, err
		}
	}
}

// total asks how many events a range holds.
func (c *client) total(ctx context.Context, f feed, filter eventFilter) (int, error) {
	p, err := c.ask(ctx, f, filter, 1)
	return p.total, err
}

func (c *client) ask(ctx context.Context, f feed, filter eventFilter, limit int64) (page, error) {
	return c.page(ctx, http.MethodPost, c.url(f, "/events/filter"), struct {
		Limit  int64       `json:"limit"`
		Filter eventFilter `json:"filter"`
	}{limit, filter})
}

// shrink makes pages smaller after one of this size was too large.
func (c *client) shrink(size int64) { c.size.CompareAndSwap(size, max(1, size/4)) }

// grow lets pages become larger again after one was too large.
func (c *client) grow() {
	most := int64(serverPage)
	if c.account != "" {
		most = cloudPage
	}
	if size := c.size.Load(); size < serverPage {
		c.size.CompareAndSwap(size, min(size*2, most))
	}
}

// follow asks for the page after one. The credentials go nowhere but to our own
// host: what next names of it is the token.
func (c *client) follow(ctx context.Context, f feed, next string) (page, error) {
	u, err := url.Parse(next)
	if err != nil {
		return page{}, fault.New(fault.Retry, "bad_cursor", errors.New("the address of the next page is malformed"))
	}
	own := c.url(f, "/events/filter/next")
	if u.Scheme != own.Scheme || u.Host != own.Host || u.User != nil || !strings.HasPrefix(u.Path, c.base.Path) {
		token := u.Query().Get("page-token")
		if token == "" {
			return page{}, fault.New(fault.Retry, "bad_cursor", fmt.Errorf("the next page is said to be at another host, %s, and has no page-token", u.Host))
		}
		own.RawQuery = url.Values{"page-token": {token}}.Encode()
		u = own
	}
	size := c.size.Load()
	p, err := c.page(ctx, http.MethodGet, u, nil)
	if errors.Is(err, errTooMuch) {
		c.shrink(size) // a cursor has its page size in it: the range is asked for anew
	}
	if fault.ReasonOf(err) == "status_403" && c.account == "" {
		// What a self-hosted server says of a token that it does not know.
		return p, fault.New(fault.Retry, "bad_cursor", err)
	}
	return p, err
}

func (c *client) page(ctx context.Context, method string, u *url.URL, body any) (page, error) {
	answer, err := c.do(ctx, method, u, body)
	if err != nil {
		return page{}, err
	}
	return decodePage(answer, c.secrets()...)
}

// get reads a small JSON answer.
func (c *client) get(ctx context.Context, path string, into any) error {
	answer, err := c.do(ctx, http.MethodGet, c.base.JoinPath(path), nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fault.New(fault.Retry, "bad_answer", fmt.Errorf("read the answer of %s: %w", path, err))
	}
	return nil
}

func (c *client) url(f feed, path string) *url.URL { return c.base.JoinPath(f.path, path) }

// do sends one request and reads its answer.
func (c *client) do(ctx context.Context, method string, u *url.URL, body any) ([]byte, error) {
	if err := c.admit(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(ctx, method, u, body)
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, transport.Classify(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Prefect-Maintenance") == "true" {
		return nil, c.heed(&fault.Error{Kind: fault.Retry, Reason: "maintenance", After: transport.RetryAfter(resp.Header, time.Now()), Err: errors.New("the service is under maintenance")})
	}
	if err := transport.ClassifyStatus(resp); err != nil {
		return nil, c.explain(resp.StatusCode, c.heed(err))
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, int64(c.most)+1))
	switch {
	case err != nil:
		return nil, transport.Classify(fmt.Errorf("read the answer of %s: %w", u.Path, err))
	case len(answer) > c.most:
		return nil, fault.New(fault.Retry, "too_large", errTooMuch)
	}
	c.readClock(resp, sent)
	return answer, nil
}

func (c *client) request(ctx context.Context, method string, u *url.URL, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the query: %w", err)
		}
		content = bytes.NewReader(text) // its length is known: the Cloud wants it
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	c.authorize(req.Header)
	return req, nil
}

// authorize adds the credentials, as they are now.
func (c *client) authorize(h http.Header) {
	basic, key := c.basic.Reveal(), c.key.Reveal()
	switch {
	case c.account == "" && basic != "":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(basic)))
	case key != "":
		h.Set("Authorization", "Bearer "+key)
	}
}

// token is the credential as a websocket wants it; nil: none.
func (c *client) token() *string {
	token := c.key.Reveal()
	if basic := c.basic.Reveal(); c.account == "" && basic != "" {
		token = basic
	}
	if token == "" {
		return nil
	}
	return &token
}

func (c *client) secrets() []string { return []string{c.key.Reveal(), c.basic.Reveal()} }

// readClock learns the difference between the clocks. The Date header has whole
// seconds and may be a few old, so that a small difference is none.
func (c *client) readClock(resp *http.Response, sent time.Time) {
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || !strings.Contains(resp.Header.Get("Content-Type"), "json") { // not the service, but a proxy
		return
	}
	skew := at.Sub(sent)
	if at.After(sent.Add(-clockSlack)) && at.Before(time.Now().Add(clockSlack)) {
		skew = 0
	}
	c.skew.Store(int64(skew))
}

// explain says what to do about a refusal.
func (c *client) explain(status int, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	var hint string
	switch {
	case status == http.StatusUnauthorized && c.account == "":
		hint = "the server does not accept the credentials: set auth_string to its user:password"
	case status == http.StatusUnauthorized:
		hint = "the API key is wrong, expired or revoked: put a new one in its place"
	case status == http.StatusForbidden && c.account != "":
		hint = "the key's account role needs the permission read:audit_event (for a workspace's feed: see_events), and where the account has an IP allowlist, this machine's address must be on it"
	case status == http.StatusNotFound:
		hint = "check api_url, account_id and workspace_ids"
	default:
		return err
	}
	return &fault.Error{Kind: f.Kind, Reason: f.Reason, After: f.After, Err: fmt.Errorf("%w; %s", f.Err, hint)}
}
