package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A listing is what one look at the file system found.
type listing struct {
	paths   []string                 // what matches, without repeats
	dirs    map[string]struct{}      // the directories that decide what matches, existing ones
	errs    []error                  // directories that could not be read
	missing []string                 // the first part of a pattern that is not there
	entries map[string][]fs.DirEntry // of the directories that could be read
	failed  map[string]struct{}
	seen    map[string]struct{}
}

// look expands clean patterns. Unlike filepath.Glob it says what it could not
// read.
func look(patterns []string) *listing {
	l := &listing{
		dirs:    make(map[string]struct{}),
		entries: make(map[string][]fs.DirEntry),
		failed:  make(map[string]struct{}),
		seen:    make(map[string]struct{}),
	}
	for _, p := range patterns {
		root := "."
		if filepath.IsAbs(p) {
			root = string(filepath.Separator)
			p = strings.TrimPrefix(p, root)
		}
		l.expand(root, strings.Split(p, string(filepath.Separator)))
	}
	return l
}

func (l *listing) expand(dir string, parts []string) {
	// Literal parts are walked at once: their directories may not be listable.
	i := 0
	for i < len(parts)-1 && !hasMeta(parts[i]) {
		i++
	}
	base := filepath.Join(append([]string{dir}, parts[:i]...)...)
	if info, err := os.Stat(base); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			l.errs = append(l.errs, err)
		}
		l.missing = append(l.missing, base)
		l.dirs[existing(base)] = struct{}{}
		return
	} else if !info.IsDir() {
		return
	}
	l.dirs[base] = struct{}{}
	part, rest := parts[i], parts[i+1:]
	if len(rest) == 0 && !hasMeta(part) {
		path := filepath.Join(base, part)
		if _, err := os.Lstat(path); err == nil {
			l.add(path)
		}
		return
	}
	for _, e := range l.read(base) {
		if ok, _ := filepath.Match(part, e.Name()); !ok {
			continue
		}
		path := filepath.Join(base, e.Name())
		if len(rest) == 0 {
			l.add(path)
		} else if e.IsDir() || e.Type()&fs.ModeSymlink != 0 {
			l.expand(path, rest)
		}
	}
}

func (l *listing) add(path string) {
	if _, ok := l.seen[path]; !ok {
		l.seen[path] = struct{}{}
		l.paths = append(l.paths, path)
	}
}

// read lists a directory, once.
func (l *listing) read(dir string) []fs.DirEntry {
	if entries, ok := l.entries[dir]; ok {
		return entries
	}
	if _, ok := l.failed[dir]; ok {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.failed[dir] = struct{}{}
		if !errors.Is(err, fs.ErrNotExist) {
			l.errs = append(l.errs, err)
		}
		return nil
	}
	l.entries[dir] = entries
	return entries
}

// readable says whether what is in a directory could be seen. Where it could
// not, nothing is known of files that were in it.
func (l *listing) readable(dir string) bool {
	l.read(dir)
	_, ok := l.entries[dir]
	return ok
}

func hasMeta(part string) bool { return strings.ContainsAny(part, `*?[\`) }

// existing is the nearest directory above path that is there.
func existing(path string) string {
	for {
		up := filepath.Dir(path)
		if _, err := os.Stat(up); err == nil || up == path {
			return up
		}
		path = up
	}
}
