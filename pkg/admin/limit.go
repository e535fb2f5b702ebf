package admin

import (
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// clients bounds what each client may ask for, so that one does not take all.
type clients struct {
	every rate.Limit
	burst int

	mu    sync.Mutex // guards known
	known map[string]*client
}

type client struct {
	limiter *rate.Limiter
	seen    time.Time
}

// maxClients bounds the memory that addresses can take.
const maxClients = 1024

func newClients(perSecond float64, burst int) *clients {
	return &clients{every: rate.Limit(perSecond), burst: burst, known: make(map[string]*client)}
}

func (c *clients) of(r *http.Request) *rate.Limiter {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.known[host]
	if one == nil {
		if len(c.known) >= maxClients {
			c.forget(now)
		}
		one = &client{limiter: rate.NewLimiter(c.every, c.burst)}
		c.known[host] = one
	}
	one.seen = now
	return one.limiter
}

// forget drops who was not seen for a minute; c.mu is held. If that is nobody,
// all start anew.
func (c *clients) forget(now time.Time) {
	for host, one := range c.known {
		if now.Sub(one.seen) > time.Minute {
			delete(c.known, host)
		}
	}
	if len(c.known) >= maxClients {
		clear(c.known)
	}
}

// limited answers 429 to a client that asks too much.
func (h *handlers) limited(c *clients, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.of(r).Allow() {
			w.Header().Set("Retry-After", "1")
			h.refuse(w, r, http.StatusTooManyRequests, "too many requests: try again in a second")
			return
		}
		next.ServeHTTP(w, r)
	})
}
