package cloudtest

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/coder/websocket"
)

// subscriber is a websocket that a client holds.
type subscriber struct {
	conn   *websocket.Conn
	filter filter
	events chan Event
	cancel context.CancelFunc
}

// queue is how many events a subscriber may be behind; more are dropped, as the
// server does.
const queue = 256

// Streams is how many websockets are subscribed.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

// StallStreams makes websockets fall silent, those that are open and those to
// come: nothing is sent, and no ping answered.
func (s *Server) StallStreams(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = yes
}

// CutStreams breaks every websocket.
func (s *Server) CutStreams() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.streams {
		sub.cancel()
		_ = sub.conn.CloseNow()
	}
}

func (s *Server) broadcast(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stalled {
		return
	}
	for sub := range s.streams {
		if !sub.filter.matches(e) {
			continue
		}
		select {
		case sub.events <- e:
		default: // dropped without a word
		}
	}
}

// serveStream is the handshake of the service, and then what comes.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, key string) {
	if s.options.NoStream {
		writeJSON(w, http.StatusForbidden, detail("no websockets here"))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{"prefect"},
		OnPingReceived: func(context.Context, []byte) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return !s.stalled
		},
	})
	if err != nil {
		return
	}
	defer conn.CloseNow() //nolint:errcheck // nobody is left to tell
	if conn.Subprotocol() != "prefect" {
		_ = conn.Close(websocket.StatusProtocolError, "no subprotocol")
		return
	}
	var hello struct {
		Type  string  `json:"type"`
		Token *string `json:"token"`
	}
	if !receive(ctx, conn, &hello) || hello.Type != "auth" || (key != "" && (hello.Token == nil || *hello.Token != key)) {
		_ = conn.Write(ctx, websocket.MessageText, []byte(`{"type":"auth_failure","reason":"Invalid token"}`))
		_ = conn.Close(websocket.StatusPolicyViolation, "Invalid token")
		return
	}
	_ = conn.Write(ctx, websocket.MessageText, []byte(`{"type":"auth_success"}`))
	var want struct {
		Type   string `json:"type"`
		Filter filter `json:"filter"`
	}
	if !receive(ctx, conn, &want) || want.Type != "filter" {
		_ = conn.Close(websocket.StatusProtocolError, "Expected 'filter' message")
		return
	}
	s.deliver(ctx, &subscriber{conn: conn, filter: want.Filter, events: make(chan Event, queue), cancel: cancel})
}

func (s *Server) deliver(ctx context.Context, sub *subscriber) {
	s.mu.Lock()
	s.streams[sub] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, sub)
	}()
	ctx = sub.conn.CloseRead(ctx) // answers pings
	for {
		select {
		case e := <-sub.events:
			text := append(append([]byte(`{"type": "event", "event": `), e.Raw...), '}')
			if sub.conn.Write(ctx, websocket.MessageText, text) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func receive(ctx context.Context, conn *websocket.Conn, into any) bool {
	_, message, err := conn.Read(ctx)
	return err == nil && json.Unmarshal(message, into) == nil
}
