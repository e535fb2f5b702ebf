package sources_test

import (
	"context"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
)

// settings is a kind of one field.
type settings struct {
	sources.Common `yaml:",inline"`
	Overlap        config.Duration `yaml:"overlap"`
}

func (s *settings) Validate() error {
	if s.Overlap > config.Duration(time.Hour) {
		return config.Problem("overlap", "%s is too much", s.Overlap)
	}
	return nil
}

type silent struct{}

func (silent) Run(context.Context, event.Position, sources.Emit) error { return nil }

func decode(t *testing.T, text string) (sources.Spec, error) {
	t.Helper()
	s, err := config.ParseSection("source.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sources.Define("silent",
		func() settings {
			return settings{Common: sources.Common{Decoder: "prefect"}, Overlap: config.Duration(time.Minute)}
		},
		func(s settings) sources.Traits { return sources.Traits{Window: time.Duration(s.Overlap)} },
		func(settings, sources.Deps) (sources.Source, error) { return silent{}, nil },
	).Decode(s)
}

func TestDecodeKeepsDefaultsAndTraits(t *testing.T) {
	spec, err := decode(t, "type: silent\noverlap: 5m\n")
	if err != nil {
		t.Fatal(err)
	}
	if spec.Type != "silent" || spec.Decoder != "prefect" || spec.Traits.Window != 5*time.Minute {
		t.Errorf("got %+v", spec)
	}
	if source, err := spec.Open(sources.Deps{}); err != nil || source != (silent{}) {
		t.Errorf("got %v, %v", source, err)
	}
}

func TestDecodeTellsEverythingAtOnce(t *testing.T) {
	_, err := decode(t, "type: silent\ndecoder: prefct\noverlap: 2h\nfoo: 1\n")
	want := `source.yaml:2:10: decoder: "prefct" is none of prefect, ecs, json; did you mean "prefect"?
source.yaml:3:10: overlap: 2h is too much
source.yaml:4:1: foo: unknown field`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
