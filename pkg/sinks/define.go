package sinks

import (
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

// Settings is what every kind's configuration can do.
type Settings interface {
	// Validate returns what is wrong with the values, beyond what the decoder
	// sees: errors of config.Problem and config.Warn, joined, which name the
	// field. It may also settle values that depend on each other. It is also
	// asked when the decoder found mistakes, so that all are told at once, and
	// must bear with values left at their defaults.
	Validate() error

	base() *Common
}

// Common is the part of the configuration that all kinds share. A kind's config
// embeds it inline, and its defaults begin with those of Defaults.
type Common struct {
	Type string `yaml:"type" doc:"Kind of the sink."`

	// Format is one of encode's.
	Format string `yaml:"format" enum:"ecs,ocsf,cim,cef,leef,raw" doc:"Shape of the events; raw is the original bytes."`

	// JSON is set by kinds whose bodies must be JSON values: events in a text
	// format come as JSON strings.
	JSON bool `yaml:"-"`

	// Where keeps only the events for which the expression is true; the others
	// count as filtered. Empty: all.
	Where string `yaml:"where" doc:"Expression; only events for which it is true are sent, the others count as filtered. Empty: all."`

	// Start is where a new sink begins: earliest or latest.
	Start string `yaml:"start" enum:"earliest,latest" doc:"Where a new sink begins: with the oldest event kept, or with the next one."`

	Batch       BatchLimits     `yaml:"batch" doc:"When a batch is full."`
	Concurrency int             `yaml:"concurrency" min:"1" max:"256" doc:"Batches in flight; the cursor moves in order all the same."`
	Retry       Retry           `yaml:"retry" doc:"Waits between attempts: exponential with jitter, for ever; Retry-After is obeyed."`
	Timeout     config.Duration `yaml:"timeout" min:"1ms" doc:"Longest time for one batch."`
	Compression string          `yaml:"compression" doc:"How batches are compressed; which kinds there are depends on the sink."`
	TLS         config.TLS      `yaml:"tls" doc:"How the connection is secured."`
}

// BatchLimits says when a batch is full. Linger is how long an event may wait
// for company.
type BatchLimits struct {
	MaxEvents int             `yaml:"max_events" min:"1" doc:"Events in a batch at most."`
	MaxBytes  config.Size     `yaml:"max_bytes" min:"1" doc:"Bytes of all bodies in a batch at most; one event alone may be larger."`
	Linger    config.Duration `yaml:"linger" doc:"How long an event may wait for company."`
}

// Retry is how the waits between attempts grow.
type Retry struct {
	Initial config.Duration `yaml:"initial" min:"1ms" doc:"The first wait."`
	Max     config.Duration `yaml:"max" min:"1ms" doc:"The longest wait."`
}

// Validate says whether the waits can grow at all.
func (r Retry) Validate() error {
	if r.Max < r.Initial {
		return config.Problem("max", "%s is less than initial, %s", r.Max, r.Initial)
	}
	return nil
}

func (c *Common) base() *Common { return c } //nolint:unused // Define calls it through its type parameter

// Defaults returns the common defaults for a kind whose natural format is
// format.
func Defaults(format string) Common {
	return Common{
		Format:      format,
		Start:       "earliest",
		Batch:       BatchLimits{MaxEvents: 1000, MaxBytes: 5 << 20, Linger: config.Duration(time.Second)},
		Concurrency: 2,
		Retry:       Retry{Initial: config.Duration(500 * time.Millisecond), Max: config.Duration(60 * time.Second)},
		Timeout:     config.Duration(30 * time.Second),
		TLS:         config.TLS{MinVersion: "1.2"},
	}
}

// A Factory makes sinks of one kind.
type Factory struct {
	Kind   string
	decode func(config.Section) (Spec, error)
	sample func() Settings
}

// Spec is a checked configuration, ready to be opened.
type Spec struct {
	Common
	Config Settings // a pointer to the kind's own config

	open func(Deps) (Sink, error)
}

// Open builds the sink. It opens no connection and starts no goroutine.
func (s Spec) Open(deps Deps) (Sink, error) { return s.open(deps) }

// Decode checks a section and makes it a Spec. Its errors are config.Errors, with
// every mistake and its position.
func (f Factory) Decode(s config.Section) (Spec, error) { return f.decode(s) }

// Defaults returns a config of the kind with its defaults, for documentation
// and schema.
func (f Factory) Defaults() Settings { return f.sample() }

// Define binds a kind to its defaults and its constructor. Fields that a
// section leaves out keep their defaults; a field it should not have is an
// error.
func Define[C any, P interface {
	*C
	Settings
}](kind string, defaults func() C, build func(C, Deps) (Sink, error)) Factory {
	return Factory{
		Kind: kind,
		sample: func() Settings {
			c := defaults()
			return P(&c)
		},
		decode: func(s config.Section) (Spec, error) {
			c := defaults()
			p := P(&c)
			if err := s.Check(s.Decode(p), p.Validate); err != nil {
				return Spec{}, err
			}
			return Spec{
				Common: *p.base(),
				Config: p,
				open:   func(d Deps) (Sink, error) { return build(c, d) },
			}, nil
		},
	}
}
