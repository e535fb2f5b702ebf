package deadletter

import (
	"bufio"
	"os"
	"path/filepath"

	"github.com/shiplog/shiplog/pkg/atomicfile"
)

// compact replaces the file by the letters that are left; damaged lines are kept
// as they are. The lock is held. A reader that has the old file open reads it to
// its end.
func (o *owner) compact() (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(o.path), "."+filepath.Base(o.path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	out := bufio.NewWriterSize(tmp, 64<<10)
	err = living(o.path, func(raw []byte, _ line, _ bool) error {
		_, err := out.Write(raw)
		return err
	})
	if err != nil {
		return err
	}
	if err = out.Flush(); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), o.path); err != nil {
		return err
	}
	if err = syncDirOf(o.path); err != nil {
		return err
	}
	return o.catchUp()
}

func syncDirOf(path string) error { return atomicfile.SyncDir(filepath.Dir(path)) }
