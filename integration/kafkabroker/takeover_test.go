//go:build integration

package kafkabroker

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
	"github.com/shiplog/shiplog/pkg/sources"
	kafkasource "github.com/shiplog/shiplog/pkg/sources/kafka"
)

const readerVar = "SHIPLOG_TEST_READER" // a source's config

// Two agents share a topic. One is killed, and the other takes over: every
// record was stored by one of them.
func TestTakeover(t *testing.T) {
	const total = 5_000
	k := harness.StartKafka(t, 1)
	create(t, k, "audit", 4)
	text := fmt.Sprintf("type: kafka\nbrokers: [%s]\ntopics: [audit]\ndecoder: ecs\nsession_timeout: 2s", strings.Join(k.Plain(), ", "))
	var stored store
	victim := stored.spawn(t, text)
	stored.spawn(t, text)
	s := open(t, section(k.Plain(), "audit"))
	for n := 0; n < total; n += 100 {
		settle(t, s, sinktest.Batch(n, 100, nil))
		if n == total/2 {
			if !eventually(t, func() bool { return stored.by(victim) > 0 }) {
				t.Fatal("the agent that is to be killed reads nothing")
			}
			if err := victim.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !eventually(t, func() bool { return stored.distinct() == total }) {
		t.Errorf("%d of %d records were stored", stored.distinct(), total)
	}
	t.Logf("%d records, %d of them by the agent that was killed; %d were read twice", stored.distinct(), stored.by(victim), stored.repeats())
}

// store is what the agents say that they have stored: records by place.
type store struct {
	mu     sync.Mutex // guards what follows
	places map[string]int
	agents map[*exec.Cmd]int
}

// spawn starts an agent that reads.
func (s *store) spawn(t *testing.T, text string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), readerVar+"="+text)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait()
	})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.mu.Lock()
			if s.places == nil {
				s.places, s.agents = make(map[string]int), make(map[*exec.Cmd]int)
			}
			s.places[lines.Text()]++
			s.agents[cmd]++
			s.mu.Unlock()
		}
	}()
	return cmd
}

func (s *store) by(agent *exec.Cmd) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agents[agent]
}

func (s *store) distinct() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.places)
}

func (s *store) repeats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, times := range s.places {
		n += times - 1
	}
	return n
}

// read is an agent whose journal is its standard output.
func read(text string) int {
	section, err := config.ParseSection("test.yaml", []byte(text))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	spec, err := kafkasource.Factory().Decode(section)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	s, err := spec.Open(sources.Deps{Name: "bus", Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Monitor: &reader{}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err = s.Run(ctx, nil, func(_ context.Context, records []event.Record, _ event.Position) error {
		var all strings.Builder
		for _, rec := range records {
			fmt.Fprintln(&all, rec.Origin)
		}
		_, err := os.Stdout.WriteString(all.String())
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
