package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources"
)

// Config is what users set, checked.
type Config struct {
	Sources []SourceSpec
	Sinks   []SinkSpec

	// Processors run on every event before it is appended. Nil: none.
	Processors *normalize.Processors

	// ShutdownTimeout is how long shippers may go on after the sources have
	// stopped. 0: not at all.
	ShutdownTimeout time.Duration
}

// SourceSpec is a source with its name in the config.
type SourceSpec struct {
	Name string
	Spec sources.Spec

	// Fingerprint is equal for equal configurations: a reload restarts a source
	// only where it differs.
	Fingerprint string
}

// SinkSpec is a sink with its name in the config.
type SinkSpec struct {
	Name        string
	Spec        sinks.Spec
	Fingerprint string // as of a SourceSpec
}

// Deps is what the pipeline is given besides its configuration.
type Deps struct {
	Journal *journal.Journal
	Letters *deadletter.Store
	Metrics *metrics.Set // nil: nothing is measured
	Log     *slog.Logger

	// Losses is what the journal's Deps.Lost was set to, so that gaps are
	// shipped as events. Nil: they are not.
	Losses *Losses

	DataDir string
	Agent   string // identifies this agent for ever
	Host    string // what people call the machine; empty: not known
	Version string
}

// OwnSource is the name under which the agent's own events are in the journal.
const OwnSource = "shiplog"

func (c Config) check() error {
	var errs []error
	seen := make(map[string]bool)
	for _, s := range c.Sources {
		if s.Name == "" || s.Name == OwnSource || seen[s.Name] {
			errs = append(errs, fmt.Errorf("source %q: the name is empty, taken or reserved", s.Name))
		}
		seen[s.Name] = true
	}
	clear(seen)
	for _, s := range c.Sinks {
		if s.Name == "" || seen[s.Name] {
			errs = append(errs, fmt.Errorf("sink %q: the name is empty or taken", s.Name))
		}
		seen[s.Name] = true
	}
	return errors.Join(errs...)
}
