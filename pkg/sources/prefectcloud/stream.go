package prefectcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

const (
	maxMessage   = 4 << 20 // an event may have 1.5 MB
	streamQueue  = 1024    // events between the websocket and the journal
	streamHeld   = 8 << 20 // bytes of them, before reading waits: what the service then skips, polls bring
	streamBatch  = 500
	streamBack   = time.Minute          // how far before now the stream begins
	streamAhead  = 365 * 24 * time.Hour // its end; the service's default is now
	subprotocol  = "prefect"
	streamSteady = 10 * time.Second // a connection that held this long resets the backoff; the Cloud cuts them every half minute
)

// stream brings a feed's events as they happen, for ever. Whatever goes wrong
// with it, polls bring them a little later.
func (r *run) stream(ctx context.Context, f *feedRun) error {
	wait := r.pace.retry
	told := false
	level := slog.LevelInfo
	for ctx.Err() == nil {
		began := time.Now()
		delivered, err := r.connect(ctx, f, level)
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
			told, level = false, slog.LevelDebug
		case !told:
			told, level = true, slog.LevelInfo
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
func (r *run) connect(ctx context.Context, f *feedRun, level slog.Level) (delivered bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := r.client.subscribe(ctx, f.feed, r.names)
	if err != nil {
		return false, err
	}
	defer conn.CloseNow() //nolint:errcheck // it is broken, or of no use any more
	r.streaming(f, true)
	defer r.streaming(f, false)
	r.deps.Log.Log(ctx, level, "the stream delivers", "feed", f.name)

	q := queue{items: make(chan item, streamQueue), room: make(chan struct{}, 1)}
	ended := make(chan error, 3)
	go func() { ended <- r.receive(ctx, conn, &q) }()
	go func() { ended <- r.keepAlive(ctx, conn) }()
	go func() { ended <- r.handOn(ctx, f.feed, &q) }()
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

// streaming takes in whether the stream of a feed delivers.
func (r *run) streaming(f *feedRun, delivers bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.streamed = delivers
	all := 1.0
	for _, f := range r.feeds {
		if !f.streamed {
			all = 0
		}
	}
	r.deps.Monitor.Gauge(gaugeStream, all)
}

// receive reads messages. It reads fast, because the service skips events for
// slow readers.
func (r *run) receive(ctx context.Context, conn *websocket.Conn, into *queue) error {
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
		if err := into.put(ctx, it); err != nil {
			return err
		}
	}
}

// queue is what the websocket brought and the journal does not have yet. It is
// bounded in events and in bytes.
type queue struct {
	items chan item
	held  atomic.Int64  // bytes
	room  chan struct{} // says that some bytes went
}

func (q *queue) put(ctx context.Context, it item) error {
	for q.held.Load() > streamHeld {
		select {
		case <-q.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	q.held.Add(int64(len(it.raw)))
	select {
	case q.items <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stored takes in that items are in the journal.
func (q *queue) stored(items []item) {
	for _, it := range items {
		q.held.Add(-int64(len(it.raw)))
	}
	select {
	case q.room <- struct{}{}:
	default:
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
func (r *run) handOn(ctx context.Context, f feed, q *queue) error {
	for {
		var batch []item
		select {
		case it := <-q.items:
			batch = append(batch, it)
		case <-ctx.Done():
			return ctx.Err()
		}
		for more := true; more && len(batch) < streamBatch; {
			select {
			case it := <-q.items:
				batch = append(batch, it)
			default:
				more = false
			}
		}
		if err := r.store(ctx, r.records(f, batch, false), event.Position(nil)); err != nil {
			return storeError{err}
		}
		q.stored(batch)
	}
}

// subscribe opens the websocket, shows who we are, and says what we want. The
// handshake is that of Prefect's own client, src/prefect/events/clients.py.
func (c *client) subscribe(ctx context.Context, f feed, n names) (*websocket.Conn, error) {
	if err := c.admit(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, resp, err := websocket.Dial( //nolint:bodyclose // Dial closes it, and keeps the beginning
		ctx, c.streamURL(f), &websocket.DialOptions{
			HTTPClient: c.http, Subprotocols: []string{subprotocol},
		})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			if refused := transport.ClassifyStatus(resp); refused != nil {
				return nil, c.heed(refused)
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
