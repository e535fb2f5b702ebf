package agent

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// A Plan is a config file that was checked whole: everything in it can be built.
type Plan struct {
	File     *config.File
	Pipeline pipeline.Config
}

// Load reads a config file and checks all of it. The error is config.Errors,
// with every mistake and its position, wherever the file itself could be read.
func Load(path string, kinds Kinds) (*Plan, error) {
	f, err := config.Load(path)
	if f == nil {
		return nil, err
	}
	return plan(f, err, kinds)
}

// plan decodes what only the owners of the sections can check. found is what
// the file as such was found guilty of.
func plan(f *config.File, found error, kinds Kinds) (*Plan, error) {
	p := &Plan{File: f}
	p.Pipeline.ShutdownTimeout = time.Duration(f.ShutdownTimeout)
	mistakes := []error{found}

	for _, s := range f.Sources {
		spec, err := decodeSource(s, kinds)
		mistakes = append(mistakes, err)
		p.Pipeline.Sources = append(p.Pipeline.Sources, spec)
	}
	for _, s := range f.Sinks {
		spec, err := decodeSink(s, kinds)
		mistakes = append(mistakes, err)
		p.Pipeline.Sinks = append(p.Pipeline.Sinks, spec)
	}
	processors, err := normalize.CompileProcessors(f.Processors)
	mistakes = append(mistakes, err)
	p.Pipeline.Processors = processors

	if err := config.Join(mistakes...); err != nil {
		return nil, err
	}
	return p, nil
}

// kindOf reads a section's type, and nothing else of it.
func kindOf(s config.Named, known []string) (string, error) {
	var kind string
	if n := s.Node; n != nil && n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "type" {
				kind = n.Content[i+1].Value
			}
		}
	}
	switch {
	case kind == "":
		return "", s.Problem("", "type is missing: one of %s", strings.Join(known, ", "))
	case slices.Contains(known, kind):
		return kind, nil
	}
	mistake := s.Problem("type", "unknown type %q: one of %s", kind, strings.Join(known, ", "))
	mistake.Near = config.Nearest(kind, known)
	return "", mistake
}

func decodeSource(s config.Named, kinds Kinds) (pipeline.SourceSpec, error) {
	kind, err := kindOf(s, kinds.sourceKinds())
	if err != nil {
		return pipeline.SourceSpec{}, err
	}
	if s.Name == pipeline.OwnSource {
		return pipeline.SourceSpec{}, s.Problem("", "the name %q is kept for the agent's own events", s.Name)
	}
	factory, _ := kinds.source(kind)
	spec, err := factory.Decode(s.Section)
	if err != nil {
		return pipeline.SourceSpec{}, err
	}
	return pipeline.SourceSpec{Name: s.Name, Spec: spec, Fingerprint: s.Fingerprint()}, nil
}

func decodeSink(s config.Named, kinds Kinds) (pipeline.SinkSpec, error) {
	kind, err := kindOf(s, kinds.sinkKinds())
	if err != nil {
		return pipeline.SinkSpec{}, err
	}
	factory, _ := kinds.sink(kind)
	spec, err := factory.Decode(s.Section)
	if err != nil {
		return pipeline.SinkSpec{}, err
	}
	// What the contract package cannot know: the formats and the expressions.
	if _, err := encode.New(spec.Format); err != nil {
		return pipeline.SinkSpec{}, s.Problem("format", "%v", err)
	}
	if spec.Where != "" {
		if _, err := filter.Compile(spec.Where); err != nil {
			return pipeline.SinkSpec{}, s.Problem("where", "%v", err)
		}
	}
	return pipeline.SinkSpec{Name: s.Name, Spec: spec, Fingerprint: s.Fingerprint()}, nil
}
