package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// archive is a directory that a sink writes to.
type archive struct {
	t     *testing.T
	dir   string
	state string
	cfg   Config
}

func newArchive(t *testing.T, name string) *archive {
	a := &archive{t: t, dir: t.TempDir(), state: filepath.Join(t.TempDir(), "file"), cfg: defaults()}
	a.cfg.Path = filepath.Join(a.dir, name)
	if err := a.cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *archive) sink() *Sink {
	a.t.Helper()
	deps := sinktest.Deps(a.t, nil)
	deps.StateDir = a.state
	s, err := newSink(a.cfg, deps)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = s.Close(context.WithoutCancel(a.t.Context())) })
	return s
}

func (a *archive) deliver(s *Sink, first, count int) {
	a.t.Helper()
	if _, err := s.Deliver(a.t.Context(), sinktest.Batch(first, count, nil)); err != nil {
		a.t.Fatalf("deliver: %v", err)
	}
}

func (a *archive) resume(s *Sink, cursor, want uint64) {
	a.t.Helper()
	got, err := s.Resume(a.t.Context(), cursor)
	if err != nil || got != want {
		a.t.Fatalf("Resume: got %d, %v, want %d", got, err, want)
	}
}

// text returns the content of all files whose names match, in order.
func (a *archive) text(glob string) string {
	a.t.Helper()
	names, _ := filepath.Glob(filepath.Join(a.dir, glob))
	slices.Sort(names)
	var all strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			a.t.Fatal(err)
		}
		var r io.Reader = bytes.NewReader(b)
		switch {
		case len(b) == 0:
		case packingOf(name) == packedGzip:
			r, err = gzip.NewReader(r)
		case packingOf(name) == packedZstd:
			r, err = zstd.NewReader(r)
		}
		if err != nil {
			a.t.Fatalf("%s: %v", name, err)
		}
		if _, err := io.Copy(&all, r); err != nil {
			a.t.Fatalf("%s: %v", name, err)
		}
	}
	return all.String()
}

func (a *archive) want(glob string, first, count int) {
	a.t.Helper()
	var want []string
	for i := range count {
		want = append(want, fmt.Sprintf("event-%04d", first+i))
	}
	if got := idsIn(a.text(glob)); !slices.Equal(got, want) {
		a.t.Errorf("%s: got %v, want %v", glob, got, want)
	}
}

func idsIn(text string) []string {
	var ids []string
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(line, `"},"shiplog"`) // only whole lines
		if _, id, ok := strings.Cut(line, `"id":"event-`); ok && rest != "-" {
			ids = append(ids, "event-"+id[:4])
		}
	}
	return ids
}

func (a *archive) Open(_ *testing.T, deps sinks.Deps) sinks.Sink {
	deps.StateDir = a.state
	s, err := newSink(a.cfg, deps)
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

func (a *archive) Accepted() []string         { return idsIn(a.text("*")) }
func (a *archive) Meet(sinktest.Condition)    {}
func (a *archive) Mark(string, sinks.Outcome) {}
func (a *archive) Hang() <-chan struct{}      { return nil }

func TestContract(t *testing.T) {
	none := "a file takes everything"
	for _, name := range []string{"audit.jsonl", "audit.jsonl.gz", "audit-%{+yyyy-MM-dd-HH}.jsonl.zst"} {
		t.Run(packingOf(name).String(), func(t *testing.T) {
			sinktest.Run(t, sinktest.Suite{
				New: func(t *testing.T) sinktest.Destination { return newArchive(t, name) },
				Lacks: map[sinktest.Ability]string{
					sinktest.Retry: none, sinktest.Wait: none, sinktest.TooLarge: none, sinktest.Credentials: none, sinktest.Setup: none,
					sinktest.Refuse: none, sinktest.Partial: none, sinktest.Cancel: none, sinktest.Duplicates: none,
				},
			})
		})
	}
}

func TestEachEventGoesToTheFileOfItsTime(t *testing.T) {
	a := newArchive(t, "%{+yyyy}/audit-%{+MM-dd-HH}.jsonl")
	s := a.sink()
	a.deliver(s, 0, 90) // a minute apart, from 08:00
	a.want("2026/audit-11-02-08.jsonl", 0, 60)
	a.want("2026/audit-11-02-09.jsonl", 60, 30)
	info, err := os.Stat(filepath.Join(a.dir, "2026/audit-11-02-08.jsonl"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestMoreFilesThanOneMarkCanName(t *testing.T) {
	a := newArchive(t, "audit-%{+yyyyMMddHH}.jsonl")
	a.deliver(a.sink(), 0, 60*(maxParts+20))
	a.want("*", 0, 60*(maxParts+20))
	a.resume(a.sink(), 0, 60*(maxParts+20))
}

// A kill leaves the files with any part of the last write, and the mark from
// before it or, torn, half of the one after it. Whatever is left, nothing is
// lost and nothing is there twice.
func TestKilledAtEveryByte(t *testing.T) {
	for _, name := range []string{"audit.jsonl", "audit.jsonl.gz"} {
		a := newArchive(t, name)
		s := a.sink()
		a.deliver(s, 0, 2)
		before, marked := a.read(a.cfg.Path), a.read(filepath.Join(a.state, "state"))
		a.deliver(s, 2, 2)
		after, markedAfter := a.read(a.cfg.Path), a.read(filepath.Join(a.state, "state"))
		_ = s.Close(t.Context())
		for cut := len(before); cut <= len(after); cut += 1 + (len(after)-len(before))/40 {
			mark := marked
			if cut%2 == 1 { // the slot that was being written is half there
				mark = bytes.Clone(markedAfter)
				mark[int(newest(t, mark)%2)*slotSize+20] ^= 0xff
			}
			a.write(a.cfg.Path, after[:cut])
			a.write(filepath.Join(a.state, "state"), mark)
			s := a.sink()
			a.resume(s, 1, 2)
			a.deliver(s, 2, 3)
			a.want("audit*", 0, 5)
			_ = s.Close(t.Context())
		}
		a.write(a.cfg.Path, after)
		a.write(filepath.Join(a.state, "state"), markedAfter)
		a.resume(a.sink(), 2, 4) // killed after the mark, before the cursor moved
	}
}

func newest(t *testing.T, stateFile []byte) uint64 {
	t.Helper()
	name := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(name, stateFile, 0o600); err != nil {
		t.Fatal(err)
	}
	s := state{dir: filepath.Dir(name)}
	m, err := s.lock()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	return m.Count
}

func (a *archive) read(path string) []byte {
	a.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// write changes a file in place: its inode stays.
func (a *archive) write(path string, b []byte) {
	a.t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func TestKilledInTheFirstWriteToANewFile(t *testing.T) {
	a := newArchive(t, "audit-%{+yyyyMMddHH}.jsonl")
	s := a.sink()
	a.deliver(s, 0, 10)
	// The mark of a write that begins: the next hour's file is there and empty.
	o, err := s.output(filepath.Join(a.dir, "audit-2026110209.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.state.lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.state.store(mark{Count: m.Count + 1, Sequence: m.Sequence, Files: []part{o.part}}); err != nil {
		t.Fatal(err)
	}
	s.state.unlock()
	a.write(o.part.Path, []byte(`{"half a li`))
	next := a.sink()
	a.resume(next, 0, 10)
	a.deliver(next, 10, 80)
	a.want("*", 0, 90)
}

// A backlog of many dates takes no more memory than one of a single date: the
// files share a compressor.
func TestFilesShareACompressor(t *testing.T) {
	for _, ending := range []string{"gz", "zst"} {
		t.Run(ending, func(t *testing.T) {
			a := newArchive(t, "audit-%{+yyyy-MM-dd}.jsonl."+ending)
			s := a.sink()
			batch := sinktest.Batch(0, maxParts, nil)
			for i := range batch.Items {
				e := batch.Items[i].Event
				e.Occurred = e.Occurred.AddDate(0, 0, i)
			}
			before := heap()
			if _, err := s.Deliver(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			const most = 32 << 20
			if grown := heap() - before; grown > most {
				t.Errorf("%d files take %d bytes of memory, want at most %d", maxParts, grown, most)
			}
			a.want("*", 0, maxParts)
		})
	}
}

// heap is the memory in use after a collection, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

func TestNoSpaceLeavesNoHalfLine(t *testing.T) {
	a := newArchive(t, "audit.jsonl")
	s := a.sink()
	a.deliver(s, 0, 3)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	o := s.open.byPath[a.cfg.Path]
	_ = o.file.Close()
	o.file = full
	s.pack = func(f io.Writer, lines [][]byte) (int, error) { // some of it still fits
		a.write(a.cfg.Path, append(a.read(a.cfg.Path), lines[0][:40]...))
		return writeLines(f, lines)
	}
	_, err = s.Deliver(t.Context(), sinktest.Batch(3, 3, nil))
	if fault.KindOf(err) != fault.Retry || fault.ReasonOf(err) != "no_space" {
		t.Errorf("got %v (%v), want a retry for no_space", err, fault.ReasonOf(err))
	}
	a.want("*", 0, 3)
	if text := a.text("*"); !strings.HasSuffix(text, "\n") {
		t.Errorf("a half line is left: %q", text[max(0, len(text)-40):])
	}
	a.deliver(s, 3, 3)
	a.want("*", 0, 6)
	a.resume(a.sink(), 0, 6)
}

// writes remembers each write.
type writes [][]byte

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, bytes.Clone(p))
	return len(p), nil
}

// Whoever reads along sees whole lines, of however many chunks a batch is.
func TestEachWriteEndsWithALine(t *testing.T) {
	for _, sizes := range [][]int{{}, {0}, {10, 20}, {chunkBytes - 1, 1}, {chunkBytes - 2, 0}, {3, chunkBytes, 3}, {2 * chunkBytes}, {chunkBytes / 2, chunkBytes / 2, chunkBytes / 3}} {
		var lines [][]byte
		for i, size := range sizes {
			lines = append(lines, bytes.Repeat([]byte{byte('a' + i)}, size))
		}
		var got writes
		n, err := writeLines(&got, lines)
		whole := bytes.Join(got, nil)
		if err != nil || n != len(whole) || n != sizeOf(lines) || !bytes.Equal(bytes.TrimSuffix(whole, []byte("\n")), bytes.Join(lines, []byte("\n"))) {
			t.Errorf("%d: wrote %d bytes as %d, %v", sizes, len(whole), n, err)
		}
		for _, w := range got {
			if !bytes.HasSuffix(w, []byte("\n")) || len(w) > chunkBytes && bytes.Count(w, []byte("\n")) > 1 {
				t.Errorf("%d: a write of %d bytes", sizes, len(w))
			}
		}
	}
}

func TestMovedAwayByLogrotate(t *testing.T) {
	a := newArchive(t, "audit.jsonl")
	s := a.sink()
	a.deliver(s, 0, 2)
	if err := os.Rename(a.cfg.Path, a.cfg.Path+".1"); err != nil {
		t.Fatal(err)
	}
	a.deliver(s, 2, 2)
	a.want("audit.jsonl.1", 0, 2)
	a.want("audit.jsonl", 2, 2)
	if err := os.Remove(a.cfg.Path); err != nil {
		t.Fatal(err)
	}
	a.deliver(s, 4, 1)
	a.want("audit.jsonl", 4, 1)
}

func TestTailIsCutWhereTheFileWasMovedTo(t *testing.T) {
	a := newArchive(t, "audit.jsonl")
	s := a.sink()
	a.deliver(s, 0, 2)
	a.write(a.cfg.Path, append(a.read(a.cfg.Path), `{"event":{"id":"event-0002`...))
	if err := os.Rename(a.cfg.Path, a.cfg.Path+".1"); err != nil {
		t.Fatal(err)
	}
	next := a.sink()
	a.resume(next, 2, 2)
	a.deliver(next, 2, 1)
	a.want("audit.jsonl.1", 0, 2)
	a.want("audit.jsonl", 2, 1)
}

func TestRotate(t *testing.T) {
	a := newArchive(t, "audit.jsonl.gz")
	a.cfg.Rotate = Rotate{MaxSize: 1, Keep: 3}
	s := a.sink()
	at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	for i := range 6 {
		s.now = func() time.Time { return at.Add(time.Duration(i/2) * time.Second) } // two within a second
		a.deliver(s, i, 1)
	}
	a.want("audit.2026*.jsonl.gz", 2, 3)
	a.want("audit.jsonl.gz", 5, 1)
	a.resume(a.sink(), 0, 6)
}

func TestRotateByAge(t *testing.T) {
	a := newArchive(t, "audit.jsonl")
	a.cfg.Rotate.MaxAge = config.Duration(time.Hour)
	s := a.sink()
	a.deliver(s, 0, 1)
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	a.deliver(s, 1, 1)
	a.want("audit.2*.jsonl", 0, 1)
	a.want("audit.jsonl", 1, 1)
}

func TestReplayIsAppendedAndIsNoProgress(t *testing.T) {
	a := newArchive(t, "audit.jsonl")
	s := a.sink()
	a.deliver(s, 0, 5)
	replay := sinktest.Batch(1, 2, nil)
	replay.Replay = true
	if _, err := s.Deliver(t.Context(), replay); err != nil {
		t.Fatal(err)
	}
	next := a.sink()
	a.resume(next, 3, 5)
	if got := idsIn(a.text("*")); len(got) != 7 {
		t.Errorf("got %v, want the replayed events kept", got)
	}
}

// A journal that was replaced begins again with sequence 1. What the sink
// remembers of the old one must not hide the new one's events.
func TestAnotherJournal(t *testing.T) {
	a := newArchive(t, "a.jsonl")
	s := a.sink()
	a.resume(s, 0, 0)
	a.deliver(s, 0, 9)
	s = a.sink()
	a.resume(s, 0, 9) // more than the new journal holds: not used
	a.deliver(s, 0, 2)
	a.deliver(s, 2, 2)
	s = a.sink()
	a.resume(s, 2, 4)
	a.deliver(s, 4, 1)
	if got := strings.Count(a.text("a.jsonl"), "\n"); got != 14 {
		t.Errorf("got %d lines, want 14: nine of the old journal, five of the new one", got)
	}
}

// A mark says which journal it is of: one of another is of no use however far
// this one has got.
func TestMarkOfAnotherJournal(t *testing.T) {
	a := newArchive(t, "a.jsonl")
	s := a.sink()
	a.resume(s, 0, 0)
	a.deliver(s, 0, 9)
	for range 2 { // a start that delivers nothing changes nothing
		s = a.sink()
		s.journal = "another"
		a.resume(s, 0, 0)
	}
	a.deliver(s, 0, 3)
	s = a.sink()
	s.journal = "another"
	a.resume(s, 0, 3)
	if got := strings.Count(a.text("a.jsonl"), "\n"); got != 12 {
		t.Errorf("got %d lines, want nine of the old journal and three of the new one", got)
	}
}

func TestPathThatCannotBeWritten(t *testing.T) {
	a := newArchive(t, "audit.jsonl")
	if err := os.Mkdir(a.cfg.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	s := a.sink()
	if _, err := s.Deliver(t.Context(), sinktest.Batch(0, 1, nil)); fault.KindOf(err) != fault.Setup {
		t.Errorf("got %v, want a setup fault", err)
	}
	if err := s.Check(t.Context(), func(string) {}); err == nil {
		t.Error("Check found nothing wrong")
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no path":             func(c *Config) { c.Path = "" },
		"bad date":            func(c *Config) { c.Path = "a-%{+YYYY}" },
		"mode not octal":      func(c *Config) { c.Mode = "rw" },
		"mode without write":  func(c *Config) { c.Mode = "0400" },
		"keep without limit":  func(c *Config) { c.Rotate.Keep = 2 },
		"negative":            func(c *Config) { c.Rotate.MaxSize = -1 },
		"compression differs": func(c *Config) { c.Compression = "gzip" },
	} {
		c := defaults()
		c.Path = "audit.jsonl"
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkDeliver(b *testing.B) {
	for _, name := range []string{"audit.jsonl", "audit.jsonl.gz", "audit.jsonl.zst"} {
		b.Run(name, func(b *testing.B) {
			c := defaults()
			c.Path = filepath.Join(b.TempDir(), name)
			s, err := newSink(c, sinks.Deps{Monitor: &sinktest.Monitor{}, StateDir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			batch := sinktest.Batch(0, 1000, nil)
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Deliver(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(b.Context()); err != nil && !errors.Is(err, os.ErrClosed) {
				b.Fatal(err)
			}
		})
	}
}
