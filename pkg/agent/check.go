package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources"
)

// checkTimeout bounds the check of one source or sink.
const checkTimeout = 30 * time.Second

// Finding is what the check of one source or sink gave.
type Finding struct {
	Part  string   // such as "sink elastic"
	Lines []string // what was found
	Err   error    // everything that is wrong; nil: it works
}

// Connect opens every source and sink of the plan, tries each against the real
// thing, and calls each as soon as one is done. It changes nothing, there or
// here.
func Connect(ctx context.Context, plan *Plan, o Options, each func(Finding)) {
	silent := slog.New(slog.DiscardHandler) // the findings say it all
	agentName, err := knownIdentity(plan.File.DataDir)
	if err != nil {
		agentName = "" // as where it has not run yet
	}
	for _, s := range plan.Pipeline.Sources {
		src, err := s.Spec.Open(sources.Deps{Name: s.Name, Log: silent, Monitor: noSourceMonitor{}, UserAgent: userAgent(o.Version)})
		each(try(ctx, "source "+s.Name, src, err))
	}
	for _, s := range plan.Pipeline.Sinks {
		sink, err := s.Spec.Open(sinks.Deps{
			Name: s.Name, Log: silent, Monitor: noSinkMonitor{}, Agent: agentName, UserAgent: userAgent(o.Version),
			StateDir: filepath.Join(os.TempDir(), "shiplog-check-none"), // a check writes nothing
		})
		f := try(ctx, "sink "+s.Name, sink, err)
		if sink != nil {
			f.Err = errors.Join(f.Err, sink.Close(ctx))
		}
		each(f)
	}
}

func try(ctx context.Context, part string, opened any, err error) Finding {
	f := Finding{Part: part, Err: err}
	if err != nil {
		return f
	}
	c, ok := opened.(interface {
		Check(ctx context.Context, say func(line string)) error
	})
	if !ok {
		f.Lines = append(f.Lines, "nothing to check")
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	f.Err = c.Check(ctx, func(line string) { f.Lines = append(f.Lines, line) })
	return f
}

func userAgent(version string) string { return fmt.Sprintf("shiplog/%s", version) }

// A part that is only checked has nobody who watches it.
type (
	noSourceMonitor struct{}
	noSinkMonitor   struct{}
)

func (noSourceMonitor) Connected(bool)            {}
func (noSourceMonitor) Failed(string, error)      {}
func (noSourceMonitor) Complete(time.Time)        {}
func (noSourceMonitor) Waiting(string, time.Time) {}
func (noSourceMonitor) Gauge(string, float64)     {}

func (noSinkMonitor) Request(string, time.Duration, int) {}
func (noSinkMonitor) Waiting(string)                     {}
