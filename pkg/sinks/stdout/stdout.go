package stdout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// Config is what users set.
type Config struct {
	sinks.Common `yaml:",inline"`

	// Pretty writes a short line for people instead of the event in its format.
	// Left out: on a terminal, unless format is set to something else than ecs.
	Pretty *bool `yaml:"pretty" doc:"Short lines for people. Left out: on a terminal, where format is ecs."`
}

// Factory makes stdout sinks.
func Factory() sinks.Factory {
	return sinks.Define("stdout", defaults, func(c Config, d sinks.Deps) (sinks.Sink, error) {
		return newSink(c, d, nil), nil
	})
}

func defaults() Config {
	c := Config{Common: sinks.Defaults("ecs")}
	c.Type = "stdout"
	c.Concurrency = 1
	return c
}

// Validate implements sinks.Settings. Concurrency is always 1: lines stay in
// the order of the journal.
func (c *Config) Validate() error {
	c.Concurrency = 1
	if c.Compression != "" && c.Compression != "none" {
		return errors.New("compression: the standard output is not compressed; pipe it through gzip")
	}
	return nil
}

// Sink writes to one stream.
type Sink struct {
	pretty  *bool
	ecs     bool
	monitor sinks.Monitor

	mu  sync.Mutex // guards what follows: a replay runs beside the live batches
	out io.Writer  // nil: the standard output, not opened yet
	buf []byte
}

func newSink(c Config, d sinks.Deps, out io.Writer) *Sink {
	return &Sink{pretty: c.Pretty, ecs: c.Format == "ecs", monitor: d.Monitor, out: out}
}

// Deliver implements sinks.Sink.
func (s *Sink) Deliver(ctx context.Context, batch sinks.Batch) (sinks.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return sinks.Report{}, fault.New(fault.Retry, "timeout", err)
	}
	if err := s.start(); err != nil {
		return sinks.Report{}, err
	}
	s.buf = s.buf[:0]
	for i := range batch.Items {
		if *s.pretty {
			s.buf = appendPretty(s.buf, &batch.Items[i])
		} else {
			s.buf = append(s.buf, batch.Items[i].Body...)
		}
		s.buf = append(s.buf, '\n')
	}
	began := time.Now()
	n, err := s.out.Write(s.buf)
	if err != nil {
		err = classify(err)
		s.monitor.Request(fault.ReasonOf(err), time.Since(began), n)
		return sinks.Report{}, err
	}
	s.monitor.Request("ok", time.Since(began), n)
	return sinks.Report{}, nil
}

// start opens the standard output under another descriptor: a write to
// descriptor 1 after its reader has gone would end the whole process (os/signal,
// SIGPIPE), and with it all other sinks.
func (s *Sink) start() error {
	if s.pretty == nil {
		pretty := s.out == nil && s.ecs && term.IsTerminal(int(os.Stdout.Fd()))
		s.pretty = &pretty
	}
	if s.out != nil {
		return nil
	}
	out, err := another(os.Stdout)
	if err != nil {
		return fault.New(fault.Setup, "closed", fmt.Errorf("open standard output: %w", err))
	}
	s.out = out
	return nil
}

func classify(err error) error {
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return fault.New(fault.Setup, "broken_pipe", fmt.Errorf("nobody reads the standard output any more: %w", err))
	case errors.Is(err, syscall.ENOSPC):
		return fault.New(fault.Retry, "no_space", err)
	default:
		return fault.New(fault.Retry, "io", err)
	}
}

// Close implements sinks.Sink.
func (s *Sink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.out.(*os.File); ok {
		return f.Close()
	}
	return nil
}
