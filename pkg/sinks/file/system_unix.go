//go:build unix

package file

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX) } // #nosec G115 -- a descriptor

func unlockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) } // #nosec G115 -- a descriptor

// mayWrite and mayMake ask whether this process may write to a file, and make
// files in a directory.
func mayWrite(path string) error { return unix.Access(path, unix.W_OK) }

func mayMake(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }

func inode(info fs.FileInfo) (dev, ino uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return uint64(st.Dev), st.Ino //nolint:unconvert // the type differs between systems
}
