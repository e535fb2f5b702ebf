package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Check implements sources.Checker: it says what each glob finds, and whether
// it may be read.
func (s *Source) Check(ctx context.Context, say func(line string)) error {
	var errs []error
	for _, pattern := range s.cfg.Paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		l := look([]string{filepath.Clean(pattern)})
		for _, err := range l.errs {
			errs = append(errs, fmt.Errorf("%s: %w: give user %d the right to list that directory", pattern, err, os.Geteuid()))
		}
		if len(l.missing) > 0 {
			errs = append(errs, fmt.Errorf("%s: %s does not exist: make it, or correct the path", pattern, strings.Join(l.missing, ", ")))
			continue
		}
		files, bytes := 0, int64(0)
		for _, path := range l.paths {
			size, err := readable(path)
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("%s: %w: give user %d the right to read it", pattern, err, os.Geteuid()))
			case size >= 0:
				files++
				bytes += size
			}
		}
		say(fmt.Sprintf("%s: %d files, %d bytes", pattern, files, bytes))
	}
	return errors.Join(errs...)
}

// readable returns the size of a file that can be opened; -1 for what is not a
// regular file.
func readable(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return -1, nil
	}
	f, err := os.Open(path) // #nosec G304 -- the user's glob
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Close()
}
