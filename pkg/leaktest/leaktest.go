// Package leaktest finds goroutines that outlive what a test has closed. It is
// goleak with more patience: the goroutine that a server has for a connection
// ends when the kernel has told it that the connection is closed, and a busy
// machine takes longer over that than goleak waits.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines may take to end.
const patience = time.Minute

// Ended wants every goroutine to have ended that the options do not leave out,
// such as goleak.IgnoreCurrent of an earlier moment.
func Ended(t *testing.T, options ...goleak.Option) {
	t.Helper()
	if err := find(options); err != nil {
		t.Error(err)
	}
}

// Main runs the tests of a package, and wants every goroutine to have ended after
// them. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := find(nil); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines outlive the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func find(options []goleak.Option) error {
	err := goleak.Find(options...)
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); {
		err = goleak.Find(options...)
	}
	return err
}
