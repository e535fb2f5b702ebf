package agent

import (
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// A Plan is a config file that was checked whole: everything in it can be built.
type Plan struct {
	File     *config.File
	Pipeline pipeline.Config

	processors string // what the processors resolved to, as a fingerprint
}

// keepProcessors takes over the processors of an earlier plan where nothing of
// them changed: some remember what they saw.
func (p *Plan) keepProcessors(was *Plan) {
	if p.processors == was.processors {
		p.Pipeline.Processors = was.Pipeline.Processors
	}
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
	p.Pipeline.Processors, p.processors = processors, f.Processors.Fingerprint()

	if err := config.Join(mistakes...); err != nil {
		return nil, err
	}
	return p, nil
}

func decodeSource(s config.Named, kinds Kinds) (pipeline.SourceSpec, error) {
	kind, mistake := s.Pick("type", kinds.sourceKinds())
	if mistake != nil {
		return pipeline.SourceSpec{}, mistake
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
	kind, mistake := s.Pick("type", kinds.sinkKinds())
	if mistake != nil {
		return pipeline.SinkSpec{}, mistake
	}
	factory, _ := kinds.sink(kind)
	spec, err := factory.Decode(s.Section)
	if err := config.Join(err, checkWhere(s)); err != nil {
		return pipeline.SinkSpec{}, err
	}
	return pipeline.SinkSpec{Name: s.Name, Spec: spec, Fingerprint: s.Fingerprint()}, nil
}

// checkWhere compiles a sink's expression: the contract package cannot know what
// one is. It reads the field by itself, so that its mistakes are told together
// with the section's others.
func checkWhere(s config.Named) error {
	for _, f := range s.Fields() {
		var where string
		if f.Name != "where" || f.Decode(&where) != nil || where == "" {
			continue // a value that is no text is the section's own mistake
		}
		if _, err := filter.Compile(where); err != nil {
			return s.Problem("where", "%v", err)
		}
	}
	return nil
}
