package agent

import (
	"context"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/journal"
)

// gcPercent is how much garbage may come on top of what is in use. Nearly all
// memory that events go through is used again: a backlog of 400,000 events is
// some 30 collections, so that a small share costs next to nothing, and a
// sidecar stays small.
const gcPercent = 20

// codeBytes is what the process takes besides what Go's runtime manages: the parts
// of its program that are in use.
const codeBytes = 24 << 20

// tuneMemory bounds what the process takes, where GOGC and GOMEMLIMIT do not say
// otherwise: little garbage, and less of it near the limit of its container. Only
// a limit that somebody set is one: below what a config needs, all that the
// collector could do is to run without end.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if limit := containerMemory(os.DirFS("/")); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(shareOf(limit))
	}
}

// shareOf is how much of a container's memory Go's runtime may manage.
func shareOf(limit int64) int64 {
	return max(min(limit/10*9, limit-codeBytes), limit/2)
}

// containerMemory is the least limit on memory of the control groups that the
// process is in, of version 2 or 1, in bytes; 0 where there is none. Within a
// container a group may be mounted as the root: what is not found is passed over.
func containerMemory(root fs.FS) int64 {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, group
		if len(parts) < 3 {
			continue
		}
		mount, names := "sys/fs/cgroup", []string{"memory.max", "memory.high"}
		if parts[1] != "" {
			if !slices.Contains(strings.Split(parts[1], ","), "memory") {
				continue
			}
			mount, names = "sys/fs/cgroup/memory", []string{"memory.limit_in_bytes"}
		}
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			for _, name := range names {
				least = min(least, readLimit(root, path.Join(mount, group, name)))
			}
			if group == "/" {
				break
			}
		}
	}
	if least >= unlimited {
		return 0
	}
	return least
}

// unlimited and above is no limit, but how version 1 says that there is none.
const unlimited = 1 << 60

// readLimit reads a limit in bytes; the largest number where there is none.
func readLimit(root fs.FS, file string) int64 {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return math.MaxInt64
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 {
		return math.MaxInt64 // max
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
