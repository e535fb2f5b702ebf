package sources

import (
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

// Settings is what every kind's configuration can do.
type Settings interface {
	// Validate returns what is wrong with the values, beyond what the decoder
	// sees: errors of config.Problem and config.Warn, joined, which name the
	// field. It is also asked when the decoder found mistakes, so that all are
	// told at once, and must bear with values left at their defaults.
	Validate() error

	base() *Common
}

// Common is the part of the configuration that all kinds share. A kind's config
// embeds it inline.
type Common struct {
	Type string `yaml:"type" doc:"Kind of the source."`

	// Decoder says what the records are: prefect, ecs or json.
	Decoder string `yaml:"decoder" enum:"prefect,ecs,json" doc:"What the records are."`
}

func (c *Common) base() *Common { return c } //nolint:unused // Define calls it through its type parameter

// Gauge declares a figure of a kind's own.
type Gauge struct{ Name, Help string }

// Traits are facts of a kind that the pipeline acts on.
type Traits struct {
	// Window is how far back, by the time an event occurred, the source may
	// hand over an event again that it has handed over before. The pipeline
	// recognises those by id. 0: never, so nothing is compared.
	Window time.Duration

	Gauges []Gauge
}

// A Factory makes sources of one kind.
type Factory struct {
	Kind   string
	decode func(config.Section) (Spec, error)
	sample func() Settings
	gauges func() []Gauge
}

// Spec is a checked configuration, ready to be opened.
type Spec struct {
	Common
	Traits Traits
	Config Settings // a pointer to the kind's own config

	open func(Deps) (Source, error)
}

// Open builds the source. It opens no connection and starts no goroutine.
func (s Spec) Open(deps Deps) (Source, error) { return s.open(deps) }

// Decode checks a section and makes it a Spec. Its errors are config.Errors, with
// every mistake and its position.
func (f Factory) Decode(s config.Section) (Spec, error) { return f.decode(s) }

// Defaults returns a config of the kind with its defaults, for documentation
// and schema.
func (f Factory) Defaults() Settings { return f.sample() }

// Gauges lists the figures that the kind declares for itself.
func (f Factory) Gauges() []Gauge { return f.gauges() }

// Define binds a kind to its defaults, its traits and its constructor. Fields
// that a section leaves out keep their defaults; a field it should not have is
// an error.
func Define[C any, P interface {
	*C
	Settings
}](kind string, defaults func() C, traits func(C) Traits, build func(C, Deps) (Source, error)) Factory {
	return Factory{
		Kind: kind,
		sample: func() Settings {
			c := defaults()
			return P(&c)
		},
		gauges: func() []Gauge { return traits(defaults()).Gauges },
		decode: func(s config.Section) (Spec, error) {
			c := defaults()
			p := P(&c)
			if err := s.Check(s.Decode(p), p.Validate); err != nil {
				return Spec{}, err
			}
			return Spec{
				Common: *p.base(),
				Traits: traits(c),
				Config: p,
				open:   func(d Deps) (Source, error) { return build(c, d) },
			}, nil
		},
	}
}
