package sinks_test

import (
	"context"
	"testing"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// settings is a kind of one field.
type settings struct {
	sinks.Common `yaml:",inline"`
	Path         string `yaml:"path"`
}

func (s *settings) Validate() error {
	if s.Path == "" {
		return config.Problem("path", "is missing")
	}
	return nil
}

type nowhere struct{ path string }

func (nowhere) Deliver(context.Context, sinks.Batch) (sinks.Report, error) {
	return sinks.Report{}, nil
}
func (nowhere) Close(context.Context) error { return nil }

func factory() sinks.Factory {
	return sinks.Define("nowhere",
		func() settings { return settings{Common: sinks.Defaults("ecs")} },
		func(s settings, _ sinks.Deps) (sinks.Sink, error) { return nowhere{s.Path}, nil })
}

func decode(t *testing.T, text string) (sinks.Spec, error) {
	t.Helper()
	s, err := config.ParseSection("sink.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return factory().Decode(s)
}

func TestDecodeKeepsDefaults(t *testing.T) {
	spec, err := decode(t, "type: nowhere\npath: /x\nbatch: {max_events: 7}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := sinks.Defaults("ecs")
	want.Type, want.Batch.MaxEvents = "nowhere", 7
	if spec.Common != want {
		t.Errorf("got %+v, want %+v", spec.Common, want)
	}
	if sink, err := spec.Open(sinks.Deps{}); err != nil || sink != (nowhere{"/x"}) {
		t.Errorf("got %v, %v", sink, err)
	}
}

func TestDecodeTellsEverythingAtOnce(t *testing.T) {
	_, err := decode(t, `
type: nowhere
format: esc
start: newest
concurrency: 0
timeout: 30
batch: {max_events: 0, max_byte: 1MiB}
retry: {initial: 5s, max: 1s}
lnger: 1s
`)
	want := `sink.yaml:2:1: path: is missing
sink.yaml:3:9: format: "esc" is none of ecs, ocsf, cim, cef, leef, raw; did you mean "ecs"?
sink.yaml:4:8: start: "newest" is none of earliest, latest
sink.yaml:5:14: concurrency: 0 is too small; at least 1
sink.yaml:6:10: timeout: "30" has no unit; write 30s for seconds
sink.yaml:7:21: batch.max_events: 0 is too small; at least 1
sink.yaml:7:24: batch.max_byte: unknown field; did you mean "max_bytes"?
sink.yaml:8:27: retry.max: 1s is less than initial, 5s
sink.yaml:9:1: lnger: unknown field; did you mean "batch.linger"?`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
