//go:build unix

package stdout

import (
	"os"

	"golang.org/x/sys/unix"
)

// another opens f once more, under a descriptor above those of the process's
// standard streams.
func another(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "standard output"), nil
}
