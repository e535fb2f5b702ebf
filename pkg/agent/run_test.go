package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/sinks"
)

// openedSink counts how often it is closed.
type openedSink struct{ closed int }

func (*openedSink) Deliver(context.Context, sinks.Batch) (sinks.Report, error) {
	return sinks.Report{}, nil
}

func (s *openedSink) Close(context.Context) error {
	s.closed++
	return nil
}

type openedConfig struct {
	sinks.Common `yaml:",inline"`
}

func (*openedConfig) Validate() error { return nil }

// An agent that cannot listen gives up all that it has opened.
func TestRunWithoutAListenerClosesWhatIsOpen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	sink := &openedSink{}
	kinds := Builtin()
	kinds.Sinks = append(kinds.Sinks, sinks.Define("opened",
		func() openedConfig { return openedConfig{sinks.Defaults("ecs")} },
		func(openedConfig, sinks.Deps) (sinks.Sink, error) { return sink, nil }))
	dir := t.TempDir()
	path := filepath.Join(dir, "shiplog.yaml")
	text := fmt.Sprintf("data_dir: %s\nsources: {in: {type: spool, paths: [%q]}}\nsinks: {out: {type: opened}}\nadmin: {listen: %q}\n",
		filepath.Join(dir, "data"), filepath.Join(dir, "in.jsonl"), l.Addr())
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := Load(path, kinds)
	if err != nil {
		t.Fatal(err)
	}
	err = Run(t.Context(), plan, Options{Kinds: kinds, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "admin.listen") || sink.closed != 1 {
		t.Errorf("got %v and %d closed, want an error of admin.listen and 1", err, sink.closed)
	}
}
