package transport

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestConnsCloseAll(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var c Conns
	accepted := make(chan net.Conn, 2)
	go func() {
		for range 2 {
			k, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- k
		}
	}()
	one, err := c.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if len(c.open) != 1 {
		t.Errorf("%d connections are remembered, want 1", len(c.open))
	}
	c.CloseAll()
	if _, err := two.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after CloseAll: %v", err)
	}
	for range 2 {
		k := <-accepted
		if _, err := io.ReadAll(k); err != nil {
			t.Errorf("the other side: %v", err)
		}
		k.Close()
	}
}
