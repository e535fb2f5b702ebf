package agent

import (
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// Describe gives the configs of all kinds with their defaults, for the schema
// and the reference.
func (k Kinds) Describe() config.Kinds {
	var all config.Kinds
	for _, f := range k.Sources {
		all.Sources = append(all.Sources, config.Kind{Name: f.Kind, Settings: f.Defaults()})
	}
	for _, f := range k.Sinks {
		all.Sinks = append(all.Sinks, config.Kind{Name: f.Kind, Settings: f.Defaults()})
	}
	all.Processors = normalize.Kinds()
	return all
}

// Instruments lists the metrics that kinds of source declare for themselves.
func (k Kinds) Instruments() []metrics.Instrument {
	var all []metrics.Instrument
	seen := map[string]bool{}
	for _, f := range k.Sources {
		for _, g := range f.Gauges() {
			if seen[g.Name] {
				continue
			}
			seen[g.Name] = true
			all = append(all, metrics.Instrument{Name: "source_" + g.Name, Type: "gauge", Labels: "source", Help: g.Help})
		}
	}
	return all
}
