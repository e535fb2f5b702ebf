package journal

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/shiplog/shiplog/pkg/atomicfile"
)

// disk is what the journal asks of a file system. Tests make it fail.
type disk interface {
	list(dir string) (map[string]int64, error) // name → size of the regular files
	open(name string) (file, error)            // for reading
	openWrite(name string) (file, error)       // for both; what is not there is made
	create(name string) (file, error)          // for writing; replaces what is there
	rename(from, to string) error
	remove(name string) error
	syncDir(dir string) error
}

// file is an open file.
type file interface {
	io.ReaderAt
	io.Closer
	writeAt(parts [][]byte, offset int64) error
	datasync() error
	allocate(offset, n int64) error // the file grows and has room for n bytes at offset
	truncate(size int64) error
}

// osDisk is the real one.
type osDisk struct{}

func (osDisk) list(dir string) (map[string]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := make(map[string]int64, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() {
			files[e.Name()] = info.Size()
		}
	}
	return files, nil
}

func (osDisk) open(name string) (file, error) {
	f, err := os.Open(name) // #nosec G304 -- below the data directory
	return osFile{f}, err
}

func (osDisk) openWrite(name string) (file, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- below the data directory
	return osFile{f}, err
}

func (osDisk) create(name string) (file, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- below the data directory
	return osFile{f}, err
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(name string) error     { return os.Remove(name) }
func (osDisk) syncDir(dir string) error     { return atomicfile.SyncDir(dir) }

type osFile struct{ *os.File }

func (f osFile) truncate(size int64) error { return f.Truncate(size) }

// NoSpace reports whether an error means that the disk, or the quota on it, is
// full.
func NoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// skip drops the first n bytes of parts.
func skip(parts [][]byte, n int) [][]byte {
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	if len(parts) == 0 || n == 0 {
		return parts
	}
	rest := append([][]byte{parts[0][n:]}, parts[1:]...)
	return rest
}
