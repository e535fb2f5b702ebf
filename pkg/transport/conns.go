package transport

import (
	"context"
	"net"
	"sync"
	"time"
)

// Conns dials, and remembers what it has dialled, so that everything can be
// closed at once. kafka-go's Transport closes only what is idle: a connection
// whose answer nobody waits for any more would outlive its owner. The zero
// value is ready. All methods may be called from many goroutines.
type Conns struct {
	mu   sync.Mutex // guards what follows
	open map[*conn]struct{}
	shut int // how often CloseAll was called
}

// attemptTimeout bounds one attempt to connect, so that a list of addresses is
// gone through before its reader's patience ends.
const attemptTimeout = 3 * time.Second

// Dial connects. Its signature is that of net.Dialer's DialContext.
func (c *Conns) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	shut := c.shut
	c.mu.Unlock()
	d := net.Dialer{Timeout: attemptTimeout}
	inner, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	k := &conn{Conn: inner, owner: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut != shut {
		_ = inner.Close() // it came too late to be closed with the others
		return nil, net.ErrClosed
	}
	if c.open == nil {
		c.open = make(map[*conn]struct{})
	}
	c.open[k] = struct{}{}
	return k, nil
}

// CloseAll closes every connection that is open or about to be.
func (c *Conns) CloseAll() {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.shut++
	c.mu.Unlock()
	for k := range open {
		_ = k.Conn.Close() // it was given up
	}
}

type conn struct {
	net.Conn
	owner *Conns
}

// Close closes the connection and forgets it.
func (k *conn) Close() error {
	k.owner.mu.Lock()
	delete(k.owner.open, k)
	k.owner.mu.Unlock()
	return k.Conn.Close()
}
