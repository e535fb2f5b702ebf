package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/admin"
	"github.com/shiplog/shiplog/pkg/event"
)

// settle is how long a config file must be left alone before it is read: an
// editor and a Kubernetes volume change it in several steps.
const settle = 250 * time.Millisecond

// reloads applies the config again whenever it is asked to or the file changes,
// until ctx ends. A config that is not good is refused whole, and the old one
// goes on.
func (a *agent) reloads(ctx context.Context) error {
	changes, stop := watch(a.plan.Load().File.Path, a.options.Log)
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
		case answer := <-a.asked:
			answer <- a.tryReload(ctx) // never blocks: it has room for one
			continue
		case <-a.options.Reload:
		case <-timer.C:
		}
		_ = a.tryReload(ctx) // logged, and in the status
	}
}

// askReload reloads, and returns once that is done or refused.
func (a *agent) askReload(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case a.asked <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryReload reloads and tells everyone how it went: the log, the metric, the
// status, and where it was refused, the journal. An applied one the pipeline
// journals itself.
func (a *agent) tryReload(ctx context.Context) error {
	err := a.reload(ctx)
	a.metrics.Reloaded(err == nil)
	outcome := admin.Reload{Time: time.Now().UTC(), OK: err == nil}
	if err != nil {
		outcome.Error = err.Error()
	}
	a.reloaded.Store(&outcome)
	file := a.plan.Load().File
	if err == nil {
		a.options.Log.Info("reloaded", "config", file.Path, "sources", len(file.Sources), "sinks", len(file.Sinks))
		return nil
	}
	a.options.Log.Error("reload refused, the old config goes on", "config", file.Path, "err", err)
	limited, cancel := context.WithTimeout(ctx, time.Second) // a full journal must not hold up a reload
	defer cancel()
	fields := map[string]any{"config": map[string]any{"path": file.Path}} // not the error: it can quote the file
	if noted := a.pipeline.Note(limited, "shiplog.config.refused", "a changed config was refused; the old one goes on", event.Medium, fields); noted != nil {
		a.options.Log.Warn("a refused reload could not be journalled", "err", noted)
	}
	return err
}

// reload reads the config and applies what differs.
func (a *agent) reload(ctx context.Context) error {
	was := a.plan.Load()
	next, err := Load(was.File.Path, a.options.Kinds)
	if err != nil {
		return err
	}
	if fixed := restartNeeded(was, next); fixed != "" {
		return fmt.Errorf("%s cannot change while the agent runs: restart it", fixed)
	}
	next.keepProcessors(was)
	if err := a.pipeline.Apply(ctx, next.Pipeline); err != nil {
		return err
	}
	a.plan.Store(next)
	if a.options.Level != nil {
		a.options.Level.Set(levelOf(next.File.Logging))
	}
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
	case a.Logging.Format != b.Logging.Format:
		return "logging.format"
	default:
		return ""
	}
}
