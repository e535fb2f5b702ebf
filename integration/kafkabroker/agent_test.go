//go:build integration

package kafkabroker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

const (
	agentVar = "SHIPLOG_TEST_SECTION" // the sink's config
	totalVar = "SHIPLOG_TEST_TOTAL"   // how many events there are
	each     = 50                     // events of a batch
)

// agent is a shipper without a journal: it resumes where the sink says, and
// delivers the rest. It tells of each step on its standard output.
func agent(section string) int {
	total, err := strconv.Atoi(os.Getenv(totalVar))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	s, err := build(section, sinks.Deps{
		Name: "kafka", Agent: "0c1e", Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Monitor: &sinktest.Monitor{},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	through := uint64(0)
	for try(ctx, func(ctx context.Context) (err error) {
		through, err = s.(sinks.Resumer).Resume(ctx, 0)
		return err
	}) {
		fmt.Println("resumed", through)
		break
	}
	for through < uint64(total) && ctx.Err() == nil {
		b := sinktest.Batch(int(through), min(each, total-int(through)), nil)
		fmt.Println("delivering", through)
		if !try(ctx, func(ctx context.Context) error {
			_, err := s.Deliver(ctx, b)
			return err
		}) {
			break
		}
		through = b.Through
	}
	if through < uint64(total) {
		return 1
	}
	fmt.Println("done", through)
	return 0
}

// try repeats what fails until ctx ends.
func try(ctx context.Context, what func(context.Context) error) bool {
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := what(attempt)
		cancel()
		if err == nil {
			return true
		}
		fmt.Fprintln(os.Stderr, err)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}
