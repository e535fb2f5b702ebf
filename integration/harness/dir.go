package harness

import (
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

// ports finds n loopback ports that are free now. They are held until all are
// found, so that they differ.
func ports(t testing.TB, n int) []int {
	t.Helper()
	found := make([]int, n)
	for i := range found {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer l.Close()
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			t.Fatalf("harness: %v is no TCP address", l.Addr())
		}
		found[i] = addr.Port
	}
	return found
}
