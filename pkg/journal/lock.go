package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrLocked is returned by Open when another process has the journal open for
// writing.
var ErrLocked = errors.New("another agent is using this data directory")

// errHeld is what lockFile says when somebody else has the lock.
var errHeld = errors.New("held by another process")

// dirLock holds a data directory for one process. The lock belongs to the open
// file: it goes with the process, however that ends.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	name := filepath.Join(dir, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- below the data directory
	if err != nil {
		return nil, fmt.Errorf("journal: lock: %w", err)
	}
	err = lockFile(f)
	if errors.Is(err, errHeld) {
		holder := readHolder(f)
		_ = f.Close()
		return nil, fmt.Errorf("journal: %s: %w%s: stop it, or give this one its own data_dir", name, ErrLocked, holder)
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil && !NoSpace(err) { // who holds it is only good to know
		_ = f.Close()
		return nil, fmt.Errorf("journal: lock %s: %w", name, err)
	}
	return &dirLock{f}, nil
}

// readHolder says which process wrote the lock file, for the error.
func readHolder(f *os.File) string {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return ""
	}
	return " (process " + strconv.Itoa(pid) + ")"
}

// release gives the lock up; again is harmless.
func (l *dirLock) release() error {
	if err := l.f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("journal: unlock: %w", err)
	}
	return nil
}
