//go:build unix

package deadletter

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lock waits for the lock that orders the writers of all processes. The system
// gives it up if the process dies.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- in the data directory
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX) // #nosec G115 -- a descriptor fits
		if err != unix.EINTR {                      //nolint:errorlint // a bare errno
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() { _ = f.Close() }, nil
}
