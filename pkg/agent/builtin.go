package agent

import (
	"slices"

	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/elasticsearch"
	"github.com/shiplog/shiplog/pkg/sinks/file"
	sinkkafka "github.com/shiplog/shiplog/pkg/sinks/kafka"
	"github.com/shiplog/shiplog/pkg/sinks/splunkhec"
	"github.com/shiplog/shiplog/pkg/sinks/stdout"
	"github.com/shiplog/shiplog/pkg/sources"
	sourcekafka "github.com/shiplog/shiplog/pkg/sources/kafka"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud"
	"github.com/shiplog/shiplog/pkg/sources/spool"
)

// Kinds are the kinds of sources and sinks that a build knows. A custom build
// adds its own to those of Builtin.
type Kinds struct {
	Sources []sources.Factory
	Sinks   []sinks.Factory
}

// Builtin lists every kind that ships with shiplog.
func Builtin() Kinds {
	return Kinds{
		Sources: []sources.Factory{
			prefectcloud.Factory(),
			spool.Factory(),
			sourcekafka.Factory(),
		},
		Sinks: []sinks.Factory{
			elasticsearch.Factory(),
			sinkkafka.Factory(),
			splunkhec.Factory(),
			file.Factory(),
			stdout.Factory(),
		},
	}
}

func (k Kinds) source(kind string) (sources.Factory, bool) {
	i := slices.IndexFunc(k.Sources, func(f sources.Factory) bool { return f.Kind == kind })
	if i < 0 {
		return sources.Factory{}, false
	}
	return k.Sources[i], true
}

func (k Kinds) sink(kind string) (sinks.Factory, bool) {
	i := slices.IndexFunc(k.Sinks, func(f sinks.Factory) bool { return f.Kind == kind })
	if i < 0 {
		return sinks.Factory{}, false
	}
	return k.Sinks[i], true
}

func (k Kinds) sourceKinds() []string {
	var names []string
	for _, f := range k.Sources {
		names = append(names, f.Kind)
	}
	return names
}

func (k Kinds) sinkKinds() []string {
	var names []string
	for _, f := range k.Sinks {
		names = append(names, f.Kind)
	}
	return names
}
