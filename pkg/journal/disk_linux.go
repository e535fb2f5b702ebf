package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// writeAt writes the parts one after the other, in one call where the system
// lets it.
func (f osFile) writeAt(parts [][]byte, offset int64) error {
	for len(parts) > 0 {
		n, err := unix.Pwritev(int(f.Fd()), parts, offset) // #nosec G115 -- a descriptor
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "write", Path: f.Name(), Err: err}
		}
		offset += int64(n)
		parts = skip(parts, n)
	}
	return nil
}

func (f osFile) datasync() error {
	for {
		err := unix.Fdatasync(int(f.Fd())) // #nosec G115 -- a descriptor
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

func (f osFile) allocate(offset, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, offset, n) // #nosec G115 -- a descriptor
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil // nothing is promised, then
		case err != nil:
			return &os.PathError{Op: "allocate", Path: f.Name(), Err: err}
		default:
			return nil
		}
	}
}
