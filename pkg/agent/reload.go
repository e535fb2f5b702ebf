package agent

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a config file must be left alone before it is read: an
// editor and a Kubernetes volume change it in several steps.
const settle = 250 * time.Millisecond

// reloads applies the config again whenever it is asked to or the file changes,
// until ctx ends. A config that is not good is refused whole, and the old one
// goes on.
func (a *agent) reloads(ctx context.Context) error {
	changes, stop, err := watch(a.plan.File.Path)
	if err != nil {
		// A config in a place that cannot be watched still reloads on request.
		a.options.Log.Warn("the config file is not watched", "err", err)
		changes, stop = nil, func() {}
	}
	defer stop()
	timer := time.NewTimer(settle)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
			timer.Reset(settle)
			continue
		case <-a.options.Reload:
		case <-timer.C:
		}
		if err := a.reload(ctx); err != nil {
			a.options.Log.Error("reload refused, the old config goes on", "err", err)
		}
	}
}

// watch tells of changes around a file: of the file, and of the directory that
// holds it, where a Kubernetes volume switches a symbolic link.
func watch(name string) (<-chan struct{}, func(), error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, fmt.Errorf("watch %s: %w", name, err)
	}
	if err := w.Add(filepath.Dir(name)); err != nil {
		_ = w.Close()
		return nil, nil, fmt.Errorf("watch %s: %w", name, err)
	}
	changes := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case e, ok := <-w.Events:
				if !ok {
					return
				}
				base := filepath.Base(e.Name)
				if base != filepath.Base(name) && base != "..data" || e.Op == fsnotify.Chmod {
					continue
				}
				select {
				case changes <- struct{}{}:
				default:
				}
			case _, ok := <-w.Errors: // an overflow: look, to be sure
				if !ok {
					return
				}
				select {
				case changes <- struct{}{}:
				default:
				}
			}
		}
	}()
	return changes, func() { _ = w.Close(); <-ended }, nil
}

// reload reads the config and applies what differs.
func (a *agent) reload(ctx context.Context) (err error) {
	defer func() { a.metrics.Reloaded(err == nil) }()
	next, err := Load(a.plan.File.Path, a.options.Kinds)
	if err != nil {
		return err
	}
	if fixed := restartNeeded(a.plan, next); fixed != "" {
		return fmt.Errorf("%s cannot change while the agent runs: restart it", fixed)
	}
	if err := a.pipeline.Apply(ctx, next.Pipeline); err != nil {
		return err
	}
	a.plan = next
	a.options.Log.Info("reloaded", "config", next.File.Path,
		"sources", len(next.Pipeline.Sources), "sinks", len(next.Pipeline.Sinks))
	return nil
}

// restartNeeded names the first part that differs and that only a restart can
// change; empty if there is none.
func restartNeeded(was, is *Plan) string {
	a, b := was.File, is.File
	switch {
	case a.DataDir != b.DataDir:
		return "data_dir"
	case a.Journal != b.Journal:
		return "journal"
	case a.Admin.Listen != b.Admin.Listen || a.Admin.Write != b.Admin.Write || a.Admin.TLS != b.Admin.TLS:
		return "admin"
	case a.Logging != b.Logging:
		return "logging"
	default:
		return ""
	}
}
