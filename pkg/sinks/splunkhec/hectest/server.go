package hectest

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Config is how the collector is set up.
type Config struct {
	Token   string
	Indexes []string // that the token may write to; empty: any
	Ack     bool     // the token has useACK

	// AckPolls is how often an id is answered false before it is true.
	AckPolls int

	// MaxContent is the largest body in bytes, before compression. 0: no limit.
	MaxContent int

	// Sticky makes the collector behave as a node behind a balancer: it sets a
	// cookie, and answers false to queries for acknowledgements without it.
	Sticky bool
}

// Answer is a scripted answer of the event endpoint.
type Answer struct {
	Status     int
	Code       int    // -1: no JSON, Body as it is
	Text       string // empty: Splunk's for the code
	Body       string
	RetryAfter string
	Number     int  // of the invalid event, where HasNumber
	HasNumber  bool //
	Accept     bool // index the events all the same
}

// Server is the collector. It is an http.Handler; its methods may be called at
// any time.
type Server struct {
	mu       sync.Mutex // guards what follows
	cfg      Config
	events   []Event
	channels map[string]*channel
	script   []Answer // for the next requests
	always   *Answer  // for every request
	health   Answer
	requests []Request
	refuse   func(Event) int // the code for an event, 0 to accept it
	hang     chan struct{}
}

// channel is the state of one acknowledgement channel.
type channel struct {
	next    int64
	pending map[int64]int // id → polls left before it is true
}

// Request is what the collector saw of a request.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         string // plain
}

// New returns a collector that accepts everything well-formed.
func New(cfg Config) *Server {
	return &Server{cfg: cfg, channels: make(map[string]*channel), health: Answer{Status: http.StatusOK, Code: 17}}
}

// Configure changes the set-up.
func (s *Server) Configure(change func(*Config)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.cfg)
}

// Script answers the next event requests with these, in turn.
func (s *Server) Script(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, answers...)
}

// Always answers every event request with a; nil ends that.
func (s *Server) Always(a *Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = a
}

// Health sets the answer of the health endpoint.
func (s *Server) Health(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health = a
}

// Refuse sets the code with which an event is refused; 0 accepts it.
func (s *Server) Refuse(code func(Event) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = code
}

// Restart forgets all channels and what was to be acknowledged in them. Events
// that were accepted stay.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels = make(map[string]*channel)
}

// Hang makes every request from now on go unanswered until its sender goes
// away. The channel receives when one has arrived.
func (s *Server) Hang() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang = make(chan struct{}, 1)
	return s.hang
}

// Events returns what was indexed, in order.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Requests returns the requests so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Pending returns how many ids wait to be asked for.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.channels {
		n += len(c.pending)
	}
	return n
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, problem := plain(r)
	if s.hangs(r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.Header.Clone(), string(body)})
	if s.cfg.Sticky {
		http.SetCookie(w, &http.Cookie{Name: "node", Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // tests speak plain HTTP
	}
	if problem != 0 {
		w.WriteHeader(problem)
		return
	}
	switch strings.TrimSuffix(r.URL.Path, "/1.0") {
	case "/services/collector/health":
		s.serveHealth(w, r)
	case "/services/collector/event", "/services/collector":
		s.serve(w, r, body, s.collect)
	case "/services/collector/ack":
		s.serve(w, r, body, s.acknowledge)
	default:
		Answer{Status: http.StatusNotFound, Code: 404, Text: "The requested URL was not found on this server."}.write(w)
	}
}

// plain reads the body. Splunk takes gzip only.
func plain(r *http.Request) (body []byte, status int) {
	var in io.Reader = r.Body
	switch r.Header.Get("Content-Encoding") {
	case "":
	case "gzip":
		zip, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, http.StatusBadRequest
		}
		in = zip
	default:
		return nil, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return nil, http.StatusBadRequest
	}
	return body, 0
}

func (s *Server) hangs(r *http.Request) bool {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang == nil {
		return false
	}
	select {
	case hang <- struct{}{}:
	default:
	}
	<-r.Context().Done()
	return true
}

func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.health.write(w)
}

// serve checks what all requests with a token need: the method, the token, and
// a channel where acknowledgements are kept.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, body []byte, next func(http.ResponseWriter, *http.Request, []byte)) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	ack := strings.HasSuffix(r.URL.Path, "/ack")
	id := channelOf(r)
	switch {
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case kind == "":
		code(http.StatusUnauthorized, 2).write(w)
	case kind != "Splunk" || token == "":
		code(http.StatusUnauthorized, 3).write(w)
	case token != s.cfg.Token:
		code(http.StatusForbidden, 4).write(w)
	case ack && !s.cfg.Ack:
		code(http.StatusBadRequest, 14).write(w)
	case s.cfg.Ack && id == "":
		code(http.StatusBadRequest, 10).write(w)
	case id != "" && !guid.MatchString(id):
		code(http.StatusBadRequest, 11).write(w)
	case s.cfg.MaxContent > 0 && len(body) > s.cfg.MaxContent:
		Answer{Status: http.StatusRequestEntityTooLarge, Code: -1, Body: "<html><h1>Content-Length too large</h1></html>"}.write(w)
	default:
		next(w, r, body)
	}
}

var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func channelOf(r *http.Request) string {
	if id := r.Header.Get("X-Splunk-Request-Channel"); id != "" {
		return id
	}
	return r.URL.Query().Get("channel")
}

// collect takes events.
func (s *Server) collect(w http.ResponseWriter, r *http.Request, body []byte) {
	if a, scripted := s.scripted(); scripted {
		if a.Accept {
			events, _, _ := s.parse(body)
			s.events = append(s.events, events...)
		}
		if a.Status == http.StatusOK && s.cfg.Ack {
			s.accepted(w, channelOf(r), a)
			return
		}
		a.write(w)
		return
	}
	events, bad, n := s.parse(body)
	s.events = append(s.events, events...) // those before a bad one, too
	switch {
	case bad == 5 || bad == 7:
		code(http.StatusBadRequest, bad).write(w)
	case bad != 0:
		a := code(http.StatusBadRequest, bad)
		a.Number, a.HasNumber = n, true
		a.write(w)
	default:
		s.accepted(w, channelOf(r), code(http.StatusOK, 0))
	}
}

func (s *Server) scripted() (Answer, bool) {
	if len(s.script) > 0 {
		a := s.script[0]
		s.script = s.script[1:]
		return a, true
	}
	if s.always != nil {
		return *s.always, true
	}
	return Answer{}, false
}

// accepted answers 200, with an id to ask for where the token has that.
func (s *Server) accepted(w http.ResponseWriter, id string, a Answer) {
	if !s.cfg.Ack {
		a.write(w)
		return
	}
	c := s.channels[id]
	if c == nil {
		c = &channel{pending: make(map[int64]int)}
		s.channels[id] = c
	}
	ack := c.next
	c.next++
	c.pending[ack] = s.cfg.AckPolls
	a.writeWith(w, map[string]any{"ackId": ack})
}

// acknowledge answers a query for ids.
func (s *Server) acknowledge(w http.ResponseWriter, r *http.Request, body []byte) {
	var query struct {
		Acks []int64 `json:"acks"`
	}
	if json.Unmarshal(body, &query) != nil || query.Acks == nil {
		code(http.StatusBadRequest, 6).write(w)
		return
	}
	answer := make(map[int64]bool, len(query.Acks))
	c := s.channels[channelOf(r)]
	_, err := r.Cookie("node")
	for _, id := range query.Acks {
		answer[id] = false
		if c == nil || s.cfg.Sticky && err != nil {
			continue
		}
		left, known := c.pending[id]
		switch {
		case known && left > 0:
			c.pending[id]--
		case known:
			answer[id] = true
			delete(c.pending, id) // told once, then forgotten
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"acks": answer})
}
