//go:build integration

package kafkabroker

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// However often and wherever the agent is killed, a read_committed consumer
// sees each event once.
func TestExactlyOnceAcrossKills(t *testing.T) {
	const kills, total = 50, 9_950 // so that the ids keep their order
	k := harness.StartKafka(t, 1)
	create(t, k, "audit", 3)
	text := section(k.Plain(), "audit", "exactly_once: true")
	done := 0
	for range kills {
		if spawn(t, text, total, true) {
			done++
		}
	}
	if !spawn(t, text, total, false) {
		t.Fatal("the last agent did not finish")
	}
	once(t, committed(t, k, "audit"), total)
	all := topic.All(t, "audit", kgo.SeedBrokers(k.Plain()...))
	t.Logf("%d kills, %d of them after the end; %d records of aborted transactions", kills, done, len(all)-total)
}

// spawn runs an agent, to its end or to a random moment of some transaction. It
// says whether the agent had delivered everything.
func spawn(t *testing.T, text string, total int, kill bool) (done bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), agentVar+"="+text, fmt.Sprintf("%s=%d", totalVar, total))
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	steps := rand.IntN(8)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "done") {
			return true
		}
		if steps--; kill && steps < 0 {
			<-time.After(time.Duration(rand.IntN(15_000)) * time.Microsecond)
			return false
		}
	}
	_, _ = io.Copy(io.Discard, out)
	t.Fatalf("the agent ended by itself:\n%s", complaints.String())
	return false
}

// Two agents of the same name: the newer one wins, the older one learns what
// was committed in the meantime.
func TestZombie(t *testing.T) {
	k := harness.StartKafka(t, 1)
	create(t, k, "audit", 3)
	text := section(k.Plain(), "audit", "exactly_once: true")
	old, young := open(t, text), open(t, text)
	settle(t, old, sinktest.Batch(0, 100, nil))
	through, err := young.(sinks.Resumer).Resume(t.Context(), 0)
	if err != nil || through != 100 {
		t.Fatalf("resume: %d, %v; want 100", through, err)
	}
	b := sinktest.Batch(100, 100, nil)
	if _, err := old.Deliver(t.Context(), b); fault.ReasonOf(err) != "fenced" || fault.KindOf(err) != fault.Retry {
		t.Fatalf("the zombie delivers: %v (%s)", err, fault.ReasonOf(err))
	}
	deliver(t, young, b)
	r, err := old.Deliver(t.Context(), b)
	if err != nil || len(r.Results) != 100 || r.Results[0].Outcome != sinks.Duplicate {
		t.Errorf("the zombie, back: %d results, error %v; want 100 duplicates", len(r.Results), err)
	}
	once(t, committed(t, k, "audit"), 200)
}

// A replay leaves the cursor alone.
func TestReplay(t *testing.T) {
	k := harness.StartKafka(t, 1)
	create(t, k, "audit", 1)
	text := section(k.Plain(), "audit", "exactly_once: true")
	s := open(t, text)
	settle(t, s, sinktest.Batch(0, 50, nil))
	again := sinktest.Batch(10, 10, nil)
	again.Replay = true
	deliver(t, s, again)
	deliver(t, s, sinktest.Batch(50, 50, nil))
	records := committed(t, k, "audit")
	if len(records) != 110 || topic.Header(records[55], "shiplog_replayed") != "true" {
		t.Errorf("%d records, the 56th with headers %v", len(records), records[55].Headers)
	}
	through, err := open(t, text).(sinks.Resumer).Resume(t.Context(), 0)
	if err != nil || through != 100 {
		t.Errorf("resume: %d, %v; want 100", through, err)
	}
}
