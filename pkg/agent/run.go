package agent

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/shiplog/shiplog/pkg/admin"
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/pipeline"
	"github.com/shiplog/shiplog/pkg/transport"
)

// Options are what a run is told besides its config.
type Options struct {
	Version string
	Commit  string
	Kinds   Kinds
	Log     *slog.Logger

	// Level is that of Log, for a reload to change. Nil: it is fixed.
	Level *slog.LevelVar

	// Reload asks for the config file to be read again, as SIGHUP does. Nil:
	// only a change of the file does.
	Reload <-chan struct{}
}

// agent is one assembled agent.
type agent struct {
	options  Options
	plan     atomic.Pointer[Plan] // in force; a reload replaces it
	asked    chan chan<- error    // reloads that wait for their outcome
	reloaded atomic.Pointer[admin.Reload]
	registry *prometheus.Registry
	metrics  *metrics.Set
	journal  *journal.Journal
	letters  *deadletter.Store
	pipeline *pipeline.Pipeline
}

// Run runs a plan until ctx ends, and then for at most the shutdown timeout.
func Run(ctx context.Context, plan *Plan, o Options) error {
	a, err := assembleWithRoom(ctx, plan, o)
	if err != nil {
		return err
	}
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := a.listen(run)
	if err != nil {
		return errors.Join(err, a.close())
	}
	reloads := make(chan error, 1)
	go func() { reloads <- a.reloads(run) }()
	noted := make(chan struct{})
	go func() { defer close(noted); a.noteConfig(run) }()
	var resting sync.WaitGroup
	resting.Go(func() { rest(run, a.journal) })

	o.Log.Info("running", "version", o.Version, "config", plan.File.Path, "data_dir", plan.File.DataDir,
		"sources", len(plan.Pipeline.Sources), "sinks", len(plan.Pipeline.Sinks), "sequence", a.journal.Last())
	err = a.pipeline.Run(run)
	cancel()
	<-noted
	resting.Wait()
	err = errors.Join(err, <-reloads, server.Close(), a.close())
	if err != nil {
		o.Log.Error("stopped", "err", err)
	} else {
		o.Log.Info("stopped")
	}
	return err
}

// noteConfig journals which config the agent started with, by its hash.
func (a *agent) noteConfig(ctx context.Context) {
	path := a.plan.Load().File.Path
	text, err := os.ReadFile(path) // #nosec G304 -- it was loaded from there
	if err != nil {
		a.options.Log.Warn("the config's hash is not known", "err", err)
	}
	fields := map[string]any{"config": map[string]any{"path": path, "sha256": fmt.Sprintf("%x", sha256.Sum256(text))}}
	if err := a.pipeline.Note(ctx, "shiplog.config.loaded", "the agent started with the config "+path, event.Info, fields); err != nil && ctx.Err() == nil {
		a.options.Log.Warn("the config's hash could not be journalled", "err", err)
	}
}

// RunOnce reads all there is, delivers all, and returns nil when every sink has
// caught up. The admin listener stays off: the run is over before anybody looks.
func RunOnce(ctx context.Context, plan *Plan, o Options, timeout time.Duration, progress func(pipeline.Progress)) error {
	a, err := assemble(plan, o)
	if err != nil {
		return err
	}
	return errors.Join(a.pipeline.RunOnce(ctx, timeout, progress), a.close())
}

// roomRetry is how often an agent that finds a full disk tries to start.
const roomRetry = time.Second

// assembleWithRoom waits while the disk has no room for what a new journal
// begins with. One that has events needs none: it is shipped from all the same.
func assembleWithRoom(ctx context.Context, plan *Plan, o Options) (*agent, error) {
	for told := false; ; told = true {
		a, err := assemble(plan, o)
		if !journal.NoSpace(err) {
			return a, err
		}
		if !told {
			o.Log.Error("no room on the disk to start: waiting for some", "data_dir", plan.File.DataDir, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(roomRetry):
		}
	}
}

func assemble(plan *Plan, o Options) (_ *agent, err error) {
	tuneMemory()
	dir := plan.File.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	a := &agent{options: o, registry: prometheus.NewRegistry(), asked: make(chan chan<- error)}
	a.plan.Store(plan)
	a.reloaded.Store(&admin.Reload{})
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.metrics = metrics.New(a.registry)
	a.metrics.Build(o.Version, o.Commit, runtime.Version())
	a.metrics.Journal.Limit(int64(plan.File.Journal.MaxSize))
	a.metrics.Reloaded(true) // what it starts with is the last load, and applied

	losses := pipeline.NewLosses()
	if a.journal, err = openJournal(dir, plan.File.Journal, journal.Deps{Log: o.Log, Metrics: a.metrics.Journal, Lost: losses.Add}); err != nil {
		return nil, err
	}
	a.metrics.Journal.Watch(func() metrics.Extent {
		s := a.journal.Stats()
		return metrics.Extent{Bytes: s.Bytes, Segments: s.Segments, First: s.First, Last: s.Last, Oldest: s.OldestTime}
	})
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	id, err := identity(dir)
	if err != nil {
		return nil, err
	}
	if a.letters, err = deadletter.Open(filepath.Join(dir, "deadletters")); err != nil {
		return nil, err
	}
	a.pipeline, err = pipeline.New(plan.Pipeline, pipeline.Deps{
		Journal: a.journal,
		Letters: a.letters,
		Metrics: a.metrics,
		Log:     o.Log,
		Losses:  losses,
		DataDir: dir,
		Agent:   id,
		Host:    hostName(),
		Version: o.Version,
	})
	return a, err
}

func openJournal(dir string, c config.Journal, deps journal.Deps) (*journal.Journal, error) {
	return journal.Open(dir, journal.Config{
		SegmentSize: int64(c.SegmentSize),
		MaxSize:     int64(c.MaxSize),
		Retain:      time.Duration(c.Retain),
		DropOldest:  c.WhenFull == "drop_oldest",
		Compression: c.Compression,
	}, deps)
}

// close gives up what assemble opened and a run, if there was one, has not closed.
func (a *agent) close() error {
	if a.pipeline != nil {
		a.pipeline.Close()
	}
	return a.journal.Close()
}

// listen starts the admin listener where the config wants one.
func (a *agent) listen(ctx context.Context) (*admin.Server, error) {
	c := a.plan.Load().File.Admin
	if c.Listen == "" {
		return nil, nil
	}
	secured, err := serverTLS(c.TLS)
	if err != nil {
		return nil, fmt.Errorf("admin.tls: %w", err)
	}
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	a.options.Log.Info("admin listening", "address", listener.Addr().String(), "tls", secured != nil, "write", c.Write)
	return admin.Serve(listener, admin.Deps{
		Pipeline:   a.pipeline,
		Letters:    a.letters,
		Metrics:    a.registry,
		Log:        a.options.Log,
		DataDir:    a.plan.Load().File.DataDir,
		Write:      c.Write,
		TLS:        secured,
		File:       func() *config.File { return a.plan.Load().File },
		Reload:     a.askReload,
		LastReload: func() admin.Reload { return *a.reloaded.Load() },
	}), nil
}

// serverTLS secures a listener; nil where the config does not want it. The files
// are read again when they change.
func serverTLS(c config.ServerTLS) (*tls.Config, error) {
	if c.CertFile == "" {
		return nil, nil
	}
	client, err := transport.TLSConfig(config.TLS{CertFile: c.CertFile, KeyFile: c.KeyFile})
	if err != nil {
		return nil, err
	}
	own := client.GetClientCertificate
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return own(&tls.CertificateRequestInfo{})
		},
	}, nil
}
