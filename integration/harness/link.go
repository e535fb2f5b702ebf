package harness

import (
	"net"
	"sync"
	"testing"
)

// Link is a TCP connection to a server that can be cut and held up.
type Link struct {
	Address string // in the server's place

	listener net.Listener
	target   string
	done     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	ends  map[net.Conn]struct{}
	stall chan struct{} // closed while bytes flow
}

// NewLink listens on a free loopback port, and passes on to target.
func NewLink(t testing.TB, target string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := &Link{Address: listener.Addr().String(), listener: listener, target: target, ends: make(map[net.Conn]struct{}), stall: make(chan struct{})}
	close(l.stall)
	l.done.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.Flow()
		l.Cut()
		l.done.Wait()
	})
	return l
}

// Cut resets every connection. New ones are accepted.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.ends {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an end
		}
		_ = c.Close()
	}
}

// Stall lets no byte through until Flow. Connections stay open.
func (l *Link) Stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stall = make(chan struct{})
}

// Flow ends a Stall.
func (l *Link) Flow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.stall:
	default:
		close(l.stall)
	}
}

func (l *Link) accept() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.done.Go(func() { l.join(c) })
	}
}

// join copies in both directions until one ends.
func (l *Link) join(near net.Conn) {
	far, err := net.Dial("tcp", l.target)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	l.ends[near], l.ends[far] = struct{}{}, struct{}{}
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.copy(far, near) })
	both.Go(func() { l.copy(near, far) })
	both.Wait()
	l.mu.Lock()
	delete(l.ends, near)
	delete(l.ends, far)
	l.mu.Unlock()
}

func (l *Link) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		flows := l.stall
		l.mu.Unlock()
		<-flows
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}
