package sinks

import (
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

// Settings is what every kind's configuration can do.
type Settings interface {
	// Validate returns what is wrong with the values, beyond what the decoder
	// sees. It may also settle values that depend on each other.
	Validate() error

	base() *Common
}

// Common is the part of the configuration that all kinds share. A kind's config
// embeds it inline, and its defaults begin with those of Defaults.
type Common struct {
	Type string `yaml:"type"`

	// Format is one of encode's: ecs, ocsf, cim, cef, leef, raw.
	Format string `yaml:"format"`

	// Where keeps only the events for which the expression is true; the others
	// count as filtered. Empty: all.
	Where string `yaml:"where"`

	// Start is where a new sink begins: earliest or latest.
	Start string `yaml:"start"`

	Batch       BatchLimits     `yaml:"batch"`
	Concurrency int             `yaml:"concurrency"` // batches in flight
	Retry       Retry           `yaml:"retry"`
	Timeout     config.Duration `yaml:"timeout"` // of one Deliver
	Compression string          `yaml:"compression"`
	TLS         config.TLS      `yaml:"tls"`
}

// BatchLimits says when a batch is full. Linger is how long an event may wait
// for company.
type BatchLimits struct {
	MaxEvents int             `yaml:"max_events"`
	MaxBytes  config.Size     `yaml:"max_bytes"` // of all bodies; one event may be larger
	Linger    config.Duration `yaml:"linger"`
}

// Retry is how the waits between attempts grow.
type Retry struct {
	Initial config.Duration `yaml:"initial"`
	Max     config.Duration `yaml:"max"`
}

func (c *Common) base() *Common { return c }

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

// Decode checks a section and makes it a Spec.
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
			if err := s.Decode(&c); err != nil {
				return Spec{}, err
			}
			p := P(&c)
			if err := p.Validate(); err != nil {
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
