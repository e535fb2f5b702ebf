package prefectcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

const (
	maxMessage   = 4 << 20 // an event may have 1.5 MB
	streamQueue  = 1024    // events between the websocket and the journal
	streamBatch  = 500
	streamBack   = time.Minute          // how far before now the stream begins
	streamAhead  = 365 * 24 * time.Hour // its end; the service's default is now
	subprotocol  = "prefect"
	streamSteady = time.Minute // a connection that held this long resets the backoff
)

// stream brings a feed's events as they happen, for ever. Whatever goes wrong
// with it, polls bring them a little later.
func (r *run) stream(ctx context.Context, f feed) error {
	wait := r.pace.retry
	told := false
	for ctx.Err() == nil {
		began := time.Now()
		delivered, err := r.connect(ctx, f)
		if _, ok := errors.AsType[storeError](err); ok {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		r.deps.Monitor.Failed("stream", err)
		switch {
		case delivered:
			r.deps.Log.Debug("the stream was cut and is opened again; polls go on", "feed", f.name, "err", err)
			told = false
		case !told:
			told = true
			r.deps.Log.Warn("the stream cannot be used; polls go on, and it is tried again later", "feed", f.name, "err", err)
		}
		if time.Since(began) > streamSteady {
			wait = r.pace.retry
		}
		if !sleep(ctx, max(jitter(wait), fault.Wait(err))) {
			break
		}
		wait = min(2*wait, r.pace.retryMax)
	}
	return nil //nolint:nilerr // that is how a source ends
}

// connect opens a websocket and hands on what comes until it breaks. delivered
// says that it worked at first.
func (r *run) connect(ctx context.Context, f feed) (delivered bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := r.client.subscribe(ctx, f, r.names)
	if err != nil {
		return false, err
	}
	defer conn.CloseNow() //nolint:errcheck // it is broken, or of no use any more
	r.streaming(1)
	defer r.streaming(-1)
	r.deps.Log.Info("the stream delivers", "feed", f.name)

	items := make(chan item, streamQueue)
	ended := make(chan error, 3)
	go func() { ended <- r.receive(ctx, conn, items) }()
	go func() { ended <- r.keepAlive(ctx, conn) }()
	go func() { ended <- r.handOn(ctx, f, items) }()
	err = <-ended
	cancel()
	for range 2 {
		if e := <-ended; e != nil {
			if _, ok := errors.AsType[storeError](e); ok {
				err = e
			}
		}
	}
	return true, err
}

// streaming counts the streams that deliver.
func (r *run) streaming(change int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams += change
	yes := 0.0
	if r.streams == len(r.feeds) {
		yes = 1
	}
	r.deps.Monitor.Gauge(gaugeStream, yes)
}

// receive reads messages. It reads fast, because the service skips events for
// slow readers.
func (r *run) receive(ctx context.Context, conn *websocket.Conn, into chan<- item) error {
	for {
		_, message, err := conn.Read(ctx)
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		var m struct {
			Type  string          `json:"type"`
			Event json.RawMessage `json:"event"`
		}
		if json.Unmarshal(message, &m) != nil || m.Type != "event" || len(m.Event) == 0 {
			continue // of a kind that is not known
		}
		it := newItem(m.Event)
		if it.name != "" && !r.names.want(it.name) {
			continue
		}
		select {
		case into <- it:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keepAlive notices a connection that has fallen silent.
func (r *run) keepAlive(ctx context.Context, conn *websocket.Conn) error {
	for sleep(ctx, r.pace.ping) {
		ping, cancel := context.WithTimeout(ctx, 2*r.pace.ping)
		err := conn.Ping(ping)
		cancel()
		if err != nil {
			return fmt.Errorf("ping the stream: %w", err)
		}
	}
	return ctx.Err()
}

// handOn stores what came, in batches of what is there. It moves no watermark.
func (r *run) handOn(ctx context.Context, f feed, items <-chan item) error {
	for {
		var batch []item
		select {
		case it := <-items:
			batch = append(batch, it)
		case <-ctx.Done():
			return ctx.Err()
		}
		for more := true; more && len(batch) < streamBatch; {
			select {
			case it := <-items:
				batch = append(batch, it)
			default:
				more = false
			}
		}
		if err := r.store(ctx, r.records(f, batch, false), event.Position(nil)); err != nil {
			return storeError{err}
		}
	}
}

// subscribe opens the websocket, shows who we are, and says what we want. The
// handshake is that of Prefect's own client, src/prefect/events/clients.py.
func (c *client) subscribe(ctx context.Context, f feed, n names) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, resp, err := websocket.Dial( //nolint:bodyclose // Dial closes it, and keeps the beginning
		ctx, c.streamURL(f), &websocket.DialOptions{
			HTTPClient: c.http, Subprotocols: []string{subprotocol},
		})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			if refused := transport.ClassifyStatus(resp); refused != nil {
				return nil, refused
			}
		}
		return nil, transport.Classify(err)
	}
	conn.SetReadLimit(maxMessage)
	if err := c.shakeHands(ctx, conn, n); err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return conn, nil
}

func (c *client) streamURL(f feed) string {
	u := c.url(f, "/events/out")
	return (&url.URL{Scheme: "ws" + u.Scheme[len("http"):], Host: u.Host, Path: u.Path}).String()
}

func (c *client) shakeHands(ctx context.Context, conn *websocket.Conn, n names) error {
	type hello struct {
		Type  string  `json:"type"`
		Token *string `json:"token"`
	}
	if err := send(ctx, conn, hello{"auth", c.token()}); err != nil {
		return err
	}
	_, message, err := conn.Read(ctx)
	if err != nil {
		return fmt.Errorf("log in to the stream: %w", err)
	}
	var answer struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(message, &answer); err != nil || answer.Type != "auth_success" {
		return fault.New(fault.Credentials, "stream", fmt.Errorf("the stream does not let us in: %s", transport.Excerpt([]byte(answer.Type+" "+answer.Reason), c.secrets()...)))
	}
	now := c.now()
	return send(ctx, conn, struct {
		Type   string      `json:"type"`
		Filter eventFilter `json:"filter"`
	}{"filter", n.filter(now.Add(-streamBack), now.Add(streamAhead), orderAsc)})
}

func send(ctx context.Context, conn *websocket.Conn, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
		return fmt.Errorf("write to the stream: %w", err)
	}
	return nil
}
