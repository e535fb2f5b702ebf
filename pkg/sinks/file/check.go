package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Check implements sinks.Checker: it says where the next event would go and
// whether it could.
func (s *Sink) Check(_ context.Context, say func(string)) error {
	path := s.pattern.Format(time.Now())
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file: choose another path", path)
		}
		if err := mayWrite(path); err != nil {
			return fmt.Errorf("%s may not be written to: give its owner's right to user %d: %w", path, os.Geteuid(), err)
		}
		say(fmt.Sprintf("appends to %s (%d bytes)", path, info.Size()))
		return nil
	}
	dir := filepath.Dir(path)
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) || filepath.Dir(dir) == dir {
			return err
		}
		dir = filepath.Dir(dir)
	}
	if err := mayMake(dir); err != nil {
		return fmt.Errorf("nothing may be made in %s: give user %d the right to write there: %w", dir, os.Geteuid(), err)
	}
	say("will make " + path)
	return nil
}
