package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var damageCases = flag.Int("damage.cases", 12, "how many damaged journals are tried")

// Any byte of a journal may flip, and its end be cut off: the agent starts,
// ships all that can be read, and what it lost it ships as a gap; verify names
// the place.
func TestDamagedJournal(t *testing.T) {
	const n, perLog, most = 4000, 500, 500
	dir := t.TempDir()
	config := func(t *testing.T, dir, out string) string {
		return write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/*.jsonl"]}}
sinks: {%s: {type: file, path: %[1]s.jsonl}}
journal: {segment_size: 1MiB}
admin: {listen: ""}
`, out))
	}
	for from := 0; from < n; from += perLog { // each run appends a frame of its own
		appendEvents(t, filepath.Join(dir, "spool", fmt.Sprintf("audit-%d.jsonl", from)), from, from+perLog)
		if code, out := finish(t, config(t, dir, "first"), "--once"); code != 0 {
			t.Fatalf("exit code %d:\n%s", code, out)
		}
	}
	segments, err := filepath.Glob(filepath.Join(dir, "data", "journal", "*.seg"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segments: %v", err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range *damageCases {
		segment := segments[rnd.IntN(len(segments))]
		text, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		used := len(bytes.TrimRight(text, "\x00"))
		at := rnd.IntN(used)
		name, cut := fmt.Sprintf("byte %d of %s", at, filepath.Base(segment)), false
		if i%4 == 3 {
			segment = segments[len(segments)-1]
			name, cut = fmt.Sprintf("the last segment's tail, %d", i), true
		}
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			broken := filepath.Join(copied, "data", "journal", filepath.Base(segment))
			if cut {
				info, err := os.Stat(broken)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(broken, rnd.Int64N(info.Size())); err != nil {
					t.Fatal(err)
				}
			} else {
				flip(t, broken, at)
			}
			path := config(t, copied, "second")
			verdict, report := command(t, path, "verify")
			if code, out := finish(t, path, "--once"); code != 0 {
				t.Fatalf("exit code %d:\n%s", code, out)
			}
			shipped, repeats := fileCounts(t, filepath.Join(copied, "second.jsonl"))
			text, err := os.ReadFile(filepath.Join(copied, "second.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			told := bytes.Contains(text, []byte("shiplog.gap"))
			switch {
			case repeats != 0:
				t.Errorf("%d events were shipped twice", repeats)
			case !cut && n-shipped > most:
				t.Errorf("%d events were lost, want at most the %d of a frame", n-shipped, most)
			case shipped < n && !told:
				t.Errorf("%d events were lost and no gap was shipped", n-shipped)
			case shipped < n && !cut && (verdict != 1 || !strings.Contains(report, filepath.Base(segment))):
				t.Errorf("%d events were lost, and verify gave %d:\n%s", n-shipped, verdict, report)
			}
		})
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 0x10
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The journal is wiped, the cursors and the file sink's state are not: they
// count in numbers that are no more, and must not hide the new journal's events.
func TestJournalWiped(t *testing.T) {
	const n, more = 500, 100
	dir := t.TempDir()
	hec := newReceiver(t)
	appendEvents(t, filepath.Join(dir, "spool", "old.jsonl"), 0, n)
	config := write(t, dir, "shiplog.yaml", fmt.Sprintf(`
data_dir: data
sources: {spool: {type: spool, paths: ["spool/*.jsonl"]}}
sinks:
  splunk: {type: splunk_hec, url: %q, token: t}
  archive: {type: file, path: out.jsonl}
admin: {listen: ""}
`, hec.url()))
	if code, out := finish(t, config, "--once"); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	if err := os.RemoveAll(filepath.Join(dir, "data", "journal")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "spool", "old.jsonl")); err != nil {
		t.Fatal(err)
	}
	for from := n; from < n+5*more; from += more {
		appendEvents(t, filepath.Join(dir, "spool", "new.jsonl"), from, from+more)
		code, out := finish(t, config, "--once", "--timeout", "5m")
		if code != 0 {
			t.Fatalf("exit code %d:\n%s", code, out)
		}
		if from == n && !strings.Contains(out, "beyond the journal's end") {
			t.Errorf("nothing was said of the cursor:\n%s", out)
		}
	}
	if missing := hec.missing(n + 5*more); len(missing) > 0 {
		t.Errorf("splunk did not get events %v …", missing)
	}
	if lines, repeats := fileCounts(t, filepath.Join(dir, "out.jsonl")); lines != n+5*more || repeats != 0 {
		t.Errorf("the file has %d events and %d again, want %d and none", lines, repeats, n+5*more)
	}
}
