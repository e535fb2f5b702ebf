package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/atomicfile"
)

// asideLayout is the time in the name of a file that was put aside.
const asideLayout = "20060102T150405.000Z"

// due says whether the file is to be put aside before more is written to it.
func (s *Sink) due(o *output) bool {
	if o.part.Length == 0 {
		return false
	}
	limit := s.cfg.Rotate
	return limit.MaxSize > 0 && o.part.Length >= int64(limit.MaxSize) ||
		limit.MaxAge > 0 && s.now().Sub(o.born) >= time.Duration(limit.MaxAge)
}

// rotate puts a file aside: audit.jsonl.gz becomes
// audit.20261102T081125.000Z.jsonl.gz. Then it removes the oldest such files beyond
// those that are to be kept.
func (s *Sink) rotate(o *output) error {
	s.open.close(o)
	path := o.part.Path
	stem, ext := splitName(path)
	var aside string
	for at := s.now().UTC(); ; at = at.Add(time.Millisecond) { // the next time that is free keeps the names in order
		aside = stem + "." + at.Format(asideLayout) + ext
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
	}
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	s.log.Info("file put aside", "path", path, "as", aside, "bytes", o.part.Length)
	return s.prune(stem, ext)
}

// prune removes the oldest files that were put aside beyond the number to keep.
func (s *Sink) prune(stem, ext string) error {
	if s.cfg.Rotate.Keep == 0 {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(stem))
	if err != nil {
		return err
	}
	var asides []string
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(stem), e.Name())
		middle, ok := strings.CutPrefix(name, stem+".")
		if middle, is := strings.CutSuffix(middle, ext); ok && is && isAside(middle) {
			asides = append(asides, name)
		}
	}
	slices.Sort(asides)
	for _, name := range asides[:max(0, len(asides)-s.cfg.Rotate.Keep)] {
		if err := os.Remove(name); err != nil {
			return err
		}
		s.log.Info("old file removed", "path", name)
	}
	return nil
}

// isAside says whether s is a time as rotate writes it.
func isAside(s string) bool {
	_, err := time.Parse(asideLayout, s)
	return err == nil
}

// splitName parts the extensions from a path: audit and .jsonl.gz.
func splitName(path string) (stem, ext string) {
	dir, base := filepath.Split(path)
	if packingOf(base) != plain {
		ext = filepath.Ext(base)
		base = strings.TrimSuffix(base, ext)
	}
	if e := filepath.Ext(base); e != base {
		ext = e + ext
		base = strings.TrimSuffix(base, e)
	}
	return dir + base, ext
}
