package spool

import (
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// A watcher collects what the kernel tells of directories. A nil watcher, and
// one that the system does not have room for, tells nothing: then only scans
// find out.
type watcher struct {
	fs    *fsnotify.Watcher
	woken chan struct{}
	done  chan struct{}

	// Of the reader's goroutine.
	sound   bool                // everything is watched
	grew    bool                // a directory was added since the last call of watch
	watched map[string]struct{} // what was watched then, and what was added since

	mu      sync.Mutex          // guards what follows
	written map[string]struct{} // paths
	moved   bool                // anything else happened, or notifications were lost
}

// maxWritten bounds how many paths are collected; beyond it everything is
// looked at instead.
const maxWritten = 10000

func newWatcher() *watcher {
	fs, err := fsnotify.NewBufferedWatcher(4096)
	if err != nil {
		return nil
	}
	w := &watcher{
		fs:      fs,
		woken:   make(chan struct{}, 1),
		done:    make(chan struct{}),
		written: make(map[string]struct{}),
	}
	go w.collect()
	return w
}

func (w *watcher) collect() {
	defer close(w.done)
	for {
		select {
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			w.note(e)
		case _, ok := <-w.fs.Errors: // an overflow, or a directory that vanished
			if !ok {
				return
			}
			w.note(fsnotify.Event{})
		}
	}
}

func (w *watcher) note(e fsnotify.Event) {
	w.mu.Lock()
	if e.Op == fsnotify.Write && len(w.written) < maxWritten {
		w.written[filepath.Clean(e.Name)] = struct{}{}
	} else {
		w.moved = true
	}
	w.mu.Unlock()
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// wake is sent to when there is something to take.
func (w *watcher) wake() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.woken
}

// take returns the paths that were written to since the last call, and whether
// there is a reason to look at everything.
func (w *watcher) take() (written []string, moved bool) {
	if w == nil {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for path := range w.written {
		written = append(written, path)
	}
	moved, w.moved = w.moved, false
	clear(w.written)
	return written, moved
}

// watch adds all directories that matter. One that was removed and made again is
// added again: the kernel forgot it.
func (w *watcher) watch(dirs map[string]struct{}) {
	if w == nil {
		return
	}
	w.sound, w.grew = true, false
	w.watched = make(map[string]struct{}, len(dirs))
	for _, dir := range w.fs.WatchList() {
		w.watched[dir] = struct{}{}
	}
	for dir := range dirs {
		w.also(dir)
	}
}

// also adds one directory to those.
func (w *watcher) also(dir string) {
	if w == nil {
		return
	}
	if w.fs.Add(dir) != nil {
		w.sound = false
		return
	}
	if _, ok := w.watched[dir]; !ok {
		w.watched[dir] = struct{}{}
		w.grew = true
	}
	if remote(dir) {
		w.sound = false
	}
}

// blind says whether a directory is watched that was not before the last call
// of watch: what happened in it until then was told by nobody.
func (w *watcher) blind() bool { return w != nil && w.grew }

// healthy says whether the kernel tells everything.
func (w *watcher) healthy() bool { return w != nil && w.sound }

func (w *watcher) close() {
	if w == nil {
		return
	}
	_ = w.fs.Close()
	<-w.done
}
