package harness

import (
	"math/rand/v2"
	"net"
	"os"
	"testing"
)

// logTail is how much of a log a failed test shows.
const logTail = 4 << 10

// workDir makes a directory that is kept if the test fails.
func workDir(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "shiplog-"+name+"-")
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: data and logs are kept in %s", name, dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}

// tail is the end of a log.
func tail(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-logTail):])
}

// Ports finds n loopback ports that are free, and that stay free until a server
// takes them, also while it restarts: none of them is one that systems give to
// whoever asks for any, or to a connection. One that is given to the very
// connection that waits for the server would even be connected to itself.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	const first, count = 10_000, 10_000
	found := make([]int, 0, n)
	for range count {
		l, err := net.Listen("tcp", local(first+rand.IntN(count)))
		if err != nil {
			continue // in use
		}
		defer l.Close() // held until all are found, so that they differ
		if addr, ok := l.Addr().(*net.TCPAddr); ok {
			found = append(found, addr.Port)
		}
		if len(found) == n {
			return found
		}
	}
	t.Fatalf("harness: no %d ports are free", n)
	return nil
}
