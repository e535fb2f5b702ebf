package agent

import (
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/journal"
)

// gcPercent is how much garbage may come on top of what is in use. Nearly all
// memory that events go through is used again, so that collecting more often
// costs next to nothing, and a sidecar stays small.
const gcPercent = 30

// tuneMemory bounds what the process takes, where GOGC and GOMEMLIMIT do not say
// otherwise: little garbage, and nine tenths of what its container may have.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if limit := containerMemory("/sys/fs/cgroup/memory.max"); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}

// containerMemory reads the limit of a control group, version 2, in bytes; 0
// where there is none.
func containerMemory(file string) int64 {
	text, err := os.ReadFile(file) // #nosec G304 -- a constant
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0 // max
	}
	return n
}

// restAfter is how long nothing must have come in before memory is given back.
const restAfter = 10 * time.Second

// rest gives memory back to the system, once, whenever nothing has come in for a
// while: what is kept for events to come is worth its room only while they come.
func rest(ctx context.Context, j *journal.Journal) {
	tick := time.NewTicker(restAfter)
	defer tick.Stop()
	var last, rested uint64
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := j.Last()
		if now == last && now != rested {
			rested = now
			j.Rest()
			debug.FreeOSMemory() // pools keep what they hold for one collection more
			debug.FreeOSMemory()
		}
		last = now
	}
}
