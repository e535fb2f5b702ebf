package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/shiplog/shiplog/pkg/config"
)

// lookEvery is how often a watched file is looked at. The system tells of changes
// in the file's own directory at once; a link into another one, a file that a
// container mounts by itself, and a network's file system are seen by looking.
const lookEvery = 2 * time.Second

// watch tells of changes of a file, until stop is called: of its content, and of
// the link to it that a Kubernetes volume switches.
func watch(name string, log *slog.Logger) (changes <-chan struct{}, stop func()) {
	var events <-chan fsnotify.Event
	var errs <-chan error
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.Add(filepath.Dir(name)); err == nil {
			events, errs = w.Events, w.Errors
		}
	}
	if err != nil {
		log.Warn("changes of the config file are not told by the system; it is looked at instead", "every", lookEvery, "err", err)
	}
	told := make(chan struct{}, 1)
	tell := func() {
		select {
		case told <- struct{}{}:
		default:
		}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	seen := look(name)
	go func() {
		defer close(ended)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case e := <-events:
				base := filepath.Base(e.Name)
				if base != filepath.Base(name) && base != "..data" || e.Op == fsnotify.Chmod {
					continue
				}
				seen = look(name) // so that this change is told once
				tell()
			case <-errs: //nolint:errcheck // whatever it is, an overflow at most: look, to be sure
				tell()
			case <-tick.C:
				now := look(name)
				if !config.Unchanged(seen, now) {
					tell()
				}
				seen = now
			}
		}
	}()
	return told, func() {
		close(done)
		<-ended
		if w != nil {
			_ = w.Close() // nobody listens any more
		}
	}
}

// look gives what is at a name now, behind all links; nil: nothing is.
func look(name string) os.FileInfo {
	info, err := os.Stat(name)
	if err != nil {
		return nil
	}
	return info
}
