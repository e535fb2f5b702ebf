package spool

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

// place is a spool directory for tests, and what was stored of it.
type place struct {
	t     testing.TB
	dir   string
	cfg   Config
	time  timing
	store *sourcetest.Store
	mon   *sourcetest.Monitor
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), cfg: defaults(), store: sourcetest.NewStore(), mon: &sourcetest.Monitor{}}
	p.cfg.Paths = []string{filepath.Join(p.dir, "*.jsonl"), filepath.Join(p.dir, "*.gz"), filepath.Join(p.dir, "*.zst")}
	p.time = timing{grace: 300 * time.Millisecond, tick: 5 * time.Millisecond, forget: time.Hour, watch: true}
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) append(name, text string) {
	p.t.Helper()
	f, err := os.OpenFile(p.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) read(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

func (p *place) rename(from, to string) {
	p.t.Helper()
	if err := os.Rename(p.path(from), p.path(to)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) link(to, name string) {
	p.t.Helper()
	if err := os.Symlink(p.path(to), p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) remove(name string) {
	p.t.Helper()
	if err := os.Remove(p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

// pack does what rotation does: the compressed file appears, then the plain one
// goes.
func (p *place) pack(name string) {
	p.t.Helper()
	info, err := os.Stat(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(name+".gz", gzipped(p.read(name)))
	if err := os.Chtimes(p.path(name+".gz"), info.ModTime(), info.ModTime()); err != nil {
		p.t.Fatal(err)
	}
	p.remove(name)
}

func (p *place) source(once bool) *Source {
	s := newSource(p.cfg, sources.Deps{Name: "spool", Log: slog.New(slog.DiscardHandler), Monitor: p.mon, Once: once})
	s.timing = p.time
	return s
}

// Open and Add make a place a sourcetest.Subject.
func (p *place) Open(_ *testing.T, once bool) sources.Source { return p.source(once) }

func (p *place) Add(_ *testing.T, records []string) {
	p.append("audit.jsonl", strings.Join(records, "\n")+"\n")
}

// once runs until everything is read.
func (p *place) once() {
	p.t.Helper()
	if err := p.source(true).Run(p.t.Context(), p.store.Position(), p.store.Emit); err != nil {
		p.t.Fatalf("Run: %v", err)
	}
}

// run follows in the background until the test ends or stop is called.
func (p *place) run() (stop func()) {
	p.t.Helper()
	return p.runInto(p.store.Emit)
}

func (p *place) runInto(emit sources.Emit) (stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	ended := make(chan error, 1)
	src := p.source(false)
	go func() { ended <- src.Run(ctx, p.store.Position(), emit) }()
	return func() {
		p.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("Run: %v", err)
		}
	}
}

func (p *place) wait(n int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	defer cancel()
	if !p.store.Wait(ctx, n) {
		p.t.Fatalf("got %d records, want %d: %.300q", len(p.store.Records()), n, p.store.Lines())
	}
}

func (p *place) want(lines ...string) {
	p.t.Helper()
	if got := p.store.Lines(); !slices.Equal(got, lines) {
		p.t.Errorf("got %d lines %.300q, want %d %.300q", len(got), got, len(lines), lines)
	}
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func zstded(text string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(text), nil))
}

// lines makes n lines that no other call with another name makes.
func lines(name string, n int) (all []string, text string) {
	for i := range n {
		all = append(all, fmt.Sprintf(`{"id":"%s-%06d","filler":"%s"}`, name, i, strings.Repeat("x", i%50)))
	}
	return all, strings.Join(all, "\n") + "\n"
}

func TestContract(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject { return newPlace(t) })
}

func TestContractByRescanOnly(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		p := newPlace(t)
		p.time.watch = false
		p.cfg.Rescan = config.Duration(5 * time.Millisecond)
		return p
	})
}

func TestLinesOfOneFile(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"plain":                     {"a\nb\n", []string{"a", "b"}},
		"no line feed at the end":   {"a\nb", []string{"a", "b"}},
		"CRLF":                      {"a\r\nb\r\n", []string{"a", "b"}},
		"blank lines":               {"\n\na\n \t\n\r\nb\n\n", []string{"a", "b"}},
		"byte order mark":           {"\xef\xbb\xbfa\nb\n", []string{"a", "b"}},
		"a hole before the line":    {"\x00\x00\x00a\nb\n", []string{"a", "b"}},
		"the CLI's first line":      {"Subscribing to event stream...\n{}\n", []string{"Subscribing to event stream...", "{}"}},
		"empty":                     {"", nil},
		"only a line feed":          {"\n", nil},
		"zeros at the end":          {"a\n\x00\x00\x00", []string{"a"}},
		"gzip":                      {gzipped("a\nb\n"), []string{"a", "b"}},
		"gzip, two members":         {gzipped("a\nb") + gzipped("c\nd\n"), []string{"a", "bc", "d"}},
		"gzip, padded":              {gzipped("a\nb\n") + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", []string{"a", "b"}},
		"gzip, no line feed":        {gzipped("a\nb"), []string{"a", "b"}},
		"zstd":                      {zstded("a\nb\n"), []string{"a", "b"}},
		"zstd, two frames":          {zstded("a\n") + zstded("b\n"), []string{"a", "b"}},
		"a line that begins in (":   {"(µ\n", []string{"(µ"}},
		"a line longer than a read": {strings.Repeat("x", 3<<20) + "\nb\n", []string{strings.Repeat("x", 3<<20), "b"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("audit.jsonl", test.text)
			p.once()
			p.want(test.want...)
			p.once()
			p.want(test.want...)
		})
	}
}

func TestUnreadableLinesNeighboursGoOn(t *testing.T) {
	const maxLine = 3 << 20
	for name, length := range map[string]int{"within a block": maxLine + 1, "many blocks": 9 << 20, "just right": maxLine} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s packed=%v", name, packed), func(t *testing.T) {
				p := newPlace(t)
				p.cfg.MaxLine = maxLine
				text := "a\n" + strings.Repeat("y", length) + "\nb\xff\nc\n"
				if packed {
					p.write("audit.jsonl.gz", gzipped(text))
				} else {
					p.write("audit.jsonl", text)
				}
				p.once()
				p.once()
				var got []string
				for _, r := range p.store.Records() {
					got = append(got, fmt.Sprintf("%s@%d/%d", r.Unreadable, r.Origin.Offset, len(r.Raw)))
				}
				long := fmt.Sprintf("too_long@2/%d", keptOfLong)
				if length <= maxLine {
					long = fmt.Sprintf("@2/%d", length)
				}
				want := []string{"@0/1", long, fmt.Sprintf("not_utf8@%d/2", 3+length), fmt.Sprintf("@%d/1", 6+length)}
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}

// Each test does something to the files between two runs, or while one runs.
func TestRotation(t *testing.T) {
	a, textA := lines("a", 100)
	b, textB := lines("b", 100)
	c, textC := lines("c", 3)
	tests := map[string]struct {
		steps []func(p *place)
		want  [][]string
		upTo  []int // how many of want are there after each step; nil: one more each time
	}{
		"append": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) { p.append("audit.jsonl", textB) },
			}, [][]string{a, b}, nil,
		},
		"rename and create": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) {
					p.append("audit.jsonl", textB)
					p.rename("audit.jsonl", "audit.jsonl.1")
					p.append("audit.jsonl", textC)
				},
			}, [][]string{a, b, c}, nil,
		},
		"rename, then a last write": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) { p.rename("audit.jsonl", "audit.jsonl.1"); p.append("audit.jsonl.1", textB) },
				func(p *place) { p.append("audit.jsonl", textC) },
			}, [][]string{a, b, c}, nil,
		},
		"copy and truncate": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) {
					p.append("audit.jsonl", textB)
					p.write("audit.jsonl.1", p.read("audit.jsonl"))
					p.write("audit.jsonl", textC)
				},
			}, [][]string{a, b, c}, nil,
		},
		"copy and truncate, grown past the offset": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textC) },
				func(p *place) {
					p.write("audit.jsonl-20261102", p.read("audit.jsonl"))
					p.write("audit.jsonl", textA+textB)
				},
			}, [][]string{c, a, b}, nil,
		},
		"delete and create": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) { p.remove("audit.jsonl"); p.append("audit.jsonl", textB) },
			}, [][]string{a, b}, nil,
		},
		"compressed after it was read": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) { p.rename("audit.jsonl", "audit.jsonl.1"); p.append("audit.jsonl", textB) },
				func(p *place) { p.pack("audit.jsonl.1") },
				func(p *place) { p.append("audit.jsonl", textC) },
			}, [][]string{a, b, c}, []int{1, 2, 2, 3},
		},
		"compressed before it was read to its end": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) {
					p.append("audit.jsonl", textB)
					p.rename("audit.jsonl", "audit.jsonl.1")
					p.pack("audit.jsonl.1")
				},
				func(p *place) { p.append("audit.jsonl", textC) },
			}, [][]string{a, b, c}, nil,
		},
		"gzip that grows by members": {
			[]func(p *place){
				func(p *place) { p.append("audit.gz", gzipped(textA)) },
				func(p *place) { p.append("audit.gz", gzipped(textB)) },
				func(p *place) { p.append("audit.gz", gzipped(textC)) },
			}, [][]string{a, b, c}, nil,
		},
		"gzip cut short, then completed": {
			[]func(p *place){
				func(p *place) { p.append("audit.gz", gzipped(textA)+gzipped(textB)[:20]) },
				func(p *place) { p.append("audit.gz", gzipped(textB)[20:]) },
			}, [][]string{a, b}, nil,
		},
		"moved to another name that matches": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) { p.rename("audit.jsonl", "old.jsonl"); p.append("old.jsonl", textB) },
			}, [][]string{a, b}, nil,
		},
		"symlink switched": {
			[]func(p *place){
				func(p *place) {
					p.append("one.log", textA)
					_ = os.Symlink("one.log", p.path("audit.jsonl"))
				},
				func(p *place) {
					p.append("one.log", textB)
					p.append("two.log", textC)
					p.remove("audit.jsonl")
					_ = os.Symlink("two.log", p.path("audit.jsonl"))
				},
			}, [][]string{a, b, c}, nil,
		},
		"rotated many times before it was seen": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) {
					p.rename("audit.jsonl", "audit.jsonl.2")
					p.pack("audit.jsonl.2")
					p.append("audit.jsonl", textB)
					p.rename("audit.jsonl", "audit.jsonl.1")
					p.append("audit.jsonl", textC)
				},
			}, [][]string{a, b, c}, nil,
		},
		"a packed copy beside the original, that stays": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) {
					p.write("audit.jsonl.1.gz", gzipped(p.read("audit.jsonl")))
					p.append("audit.jsonl", textB)
				},
				func(p *place) { p.remove("audit.jsonl"); p.append("audit.jsonl", textC) },
			}, [][]string{a, b, c}, nil,
		},
		"two files that are the same": {
			[]func(p *place){
				func(p *place) { p.write("east.jsonl", textC); p.write("west.jsonl", textC) },
			}, [][]string{c, c}, nil,
		},
		"no line feed before rotation": {
			[]func(p *place){
				func(p *place) { p.append("audit.jsonl", textA) },
				func(p *place) {
					p.append("audit.jsonl", strings.TrimSuffix(textB, "\n"))
					p.rename("audit.jsonl", "audit.jsonl.1")
					p.append("audit.jsonl", textC)
				},
			}, [][]string{a, b, c}, nil,
		},
	}
	for name, test := range tests {
		want := slices.Sorted(slices.Values(slices.Concat(test.want...)))
		check := func(t *testing.T, p *place) {
			t.Helper()
			if got := slices.Sorted(slices.Values(p.store.Lines())); !slices.Equal(got, want) {
				t.Errorf("got %d lines, want %d", len(got), len(want))
			}
		}
		t.Run(name+", while stopped", func(t *testing.T) {
			p := newPlace(t)
			for _, step := range test.steps {
				step(p)
				p.once()
			}
			p.once()
			check(t, p)
		})
		t.Run(name+", while running", func(t *testing.T) {
			p := newPlace(t)
			stop := p.run()
			for i, step := range test.steps[:len(test.steps)-1] {
				step(p)
				upTo := i + 1
				if test.upTo != nil {
					upTo = test.upTo[i]
				}
				p.wait(len(slices.Concat(test.want[:upTo]...)))
			}
			test.steps[len(test.steps)-1](p)
			p.wait(len(want))
			stop()
			p.once()
			check(t, p)
		})
	}
}

func TestStartAtTheEnd(t *testing.T) {
	_, textA := lines("a", 3)
	b, textB := lines("b", 3)
	p := newPlace(t)
	p.cfg.Start = "end"
	p.write("audit.jsonl", textA+"half a ")
	p.write("old.gz", gzipped(textA))
	first := make(chan struct{})
	stop := p.runInto(func(ctx context.Context, records []event.Record, next event.Position) error {
		if p.store.Position() == nil {
			close(first)
		}
		return p.store.Emit(ctx, records, next)
	})
	<-first
	p.write("sync.jsonl", "begun\n") // only a file that is new is read from its beginning
	p.wait(1)
	p.append("audit.jsonl", "line\n"+textB)
	p.wait(5)
	stop()
	p.want(append([]string{"begun", "half a line"}, b...)...)
	p.write("later.jsonl", "later\n")
	p.once()
	p.want(append(append([]string{"begun", "half a line"}, b...), "later")...)
}

func TestFileThatMayNotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	p := newPlace(t)
	p.write("audit.jsonl", "a\n")
	p.write("secret.jsonl", "b\n")
	if err := os.Chmod(p.path("secret.jsonl"), 0); err != nil {
		t.Fatal(err)
	}
	stop := p.run()
	p.wait(1)
	if err := os.Chmod(p.path("secret.jsonl"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.wait(2)
	stop()
	if !slices.Contains(p.mon.Failures(), "permission") {
		t.Errorf("the monitor was told %q, want permission", p.mon.Failures())
	}
}

// While something cannot be read, nothing is said to be complete; once it is gone,
// it is no reason any more.
func TestTroubleThatGoes(t *testing.T) {
	tests := map[string]func(p *place) (pattern string){
		"a link that leads through a file": func(p *place) string {
			p.write("file", "")
			p.link("file/below", "bad.jsonl")
			return "*.jsonl"
		},
		"a directory that leads to itself": func(p *place) string {
			p.link("bad.jsonl", "bad.jsonl")
			return "bad.jsonl/*.jsonl"
		},
	}
	for name, lay := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.cfg.Paths = []string{p.path(lay(p))}
			r := newReader(p.source(false), nil)
			r.scan()
			if at := r.completeAt(time.Now()); !at.IsZero() {
				t.Errorf("everything up to %s is said to be read", at)
			}
			p.remove("bad.jsonl")
			r.scan()
			if at := r.completeAt(time.Now()); at.IsZero() {
				t.Errorf("what is gone is still a trouble: %v", r.troubles)
			}
		})
	}
}

func TestDamagedGzip(t *testing.T) {
	_, text := lines("a", 2000)
	z := []byte(gzipped(text))
	z[len(z)-5] ^= 0xff // the length in the trailer
	p := newPlace(t)
	p.write("audit.gz", string(z))
	p.write("other.jsonl", "b\n")
	p.once()
	p.once()
	var bad []string
	for _, r := range p.store.Records() {
		if r.Unreadable != "" {
			bad = append(bad, r.Unreadable)
		}
	}
	if !slices.Equal(bad, []string{"damaged"}) {
		t.Errorf("got unreadable records %q, want one damaged", bad)
	}
	if got := len(p.store.Lines()); got != 2001 {
		t.Errorf("got %d lines, want 2001: what comes before the damage, and the other file", got)
	}
}

func TestDirectoriesThatAppearLater(t *testing.T) {
	p := newPlace(t)
	p.cfg.Paths = []string{filepath.Join(p.dir, "x", "*", "*.jsonl")}
	stop := p.run()
	if err := os.MkdirAll(p.path("x/y"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.write("x/y/a.jsonl", "a\n")
	p.wait(1)
	stop()
	p.want("a")
}

// What appears in a directory before it is watched is told by nobody, so a scan
// that begins to watch one asks for another.
func TestDirectoryIsLookedAtOnceWatched(t *testing.T) {
	p := newPlace(t)
	p.cfg.Paths = []string{filepath.Join(p.dir, "x", "*.jsonl")}
	r := newReader(p.source(false), nil)
	r.watcher = newWatcher()
	defer r.watcher.close()
	scan := func(what string, want bool) {
		t.Helper()
		r.watcher.take()
		if r.scan(); r.rescan != want {
			t.Errorf("%s: another scan wanted: %t, want %t", what, r.rescan, want)
		}
	}
	scan("first scan", true)
	scan("the directory above is watched", false)
	if err := os.Mkdir(p.path("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	scan("a directory that is new", true)
	scan("nothing new", false)
}

// Files without a name stay open until they are read, however many they are. The
// file whose turn it is does not make room for them.
func TestTurnBesideFilesWithoutAName(t *testing.T) {
	p := newPlace(t)
	p.write("gone.jsonl", "a\n")
	p.write("here.jsonl", "b\n")
	r := newReader(p.source(false), nil)
	defer r.closeAll()
	r.maxOpen = 1
	r.scan()
	if ready, err := r.prepare(r.byPath[p.path("gone.jsonl")]); !ready {
		t.Fatal(err)
	}
	p.remove("gone.jsonl")
	r.scan()
	if ready, err := r.prepare(r.byPath[p.path("here.jsonl")]); !ready || r.opened.Len() != 2 {
		t.Errorf("ready: %t, %v; %d open, want 2", ready, err, r.opened.Len())
	}
}

// After a restart a file that is new, but older than all others, has those opened
// to be told from them: more than may be open at once.
func TestOldFileAmongMany(t *testing.T) {
	p := newPlace(t)
	add := func(n int) {
		p.write(fmt.Sprintf("run-%d.jsonl", n), fmt.Sprintf("{\"n\":%d,\"text\":\"long enough to be told apart\"}\n", n))
	}
	for n := range 300 {
		add(n)
	}
	p.once()
	add(300)
	if err := os.Chtimes(p.path("run-300.jsonl"), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	p.once()
	if got := p.store.Lines(); len(got) != 301 || !strings.Contains(got[300], `"n":300,`) {
		t.Errorf("got %d lines, want 301, the last one of the new file", len(got))
	}
}

func TestThousandsOfFiles(t *testing.T) {
	p := newPlace(t)
	want := 0
	for i := range 3000 {
		p.write(fmt.Sprintf("run-%d.jsonl", i), fmt.Sprintf("{\"n\":%d}\n{\"m\":%d}\n", i, i))
		want += 2
	}
	stop := p.run()
	p.wait(want)
	p.append("run-17.jsonl", "more\n")
	p.wait(want + 1)
	stop()
	p.once()
	if got := len(p.store.Records()); got != want+1 {
		t.Errorf("got %d records, want %d", got, want+1)
	}
}

func TestManyNamesOfOneFile(t *testing.T) {
	p := newPlace(t)
	p.cfg.Paths = append(p.cfg.Paths, p.path("a*"))
	p.write("audit.jsonl", "a\n")
	if err := os.Symlink("audit.jsonl", p.path("also.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(p.path("audit.jsonl"), p.path("again.jsonl")); err != nil {
		t.Fatal(err)
	}
	p.once()
	p.want("a")
}

// A compressed file is one of the log's also while it has another name, where a
// pattern matches that; where none does, it is left alone until it is renamed.
func TestCompressedUnderANameOfItsOwn(t *testing.T) {
	_, textA := lines("a", 100)
	_, textB := lines("b", 100)
	_, textC := lines("c", 100)
	for pattern, want := range map[string]int{"audit.jsonl*": 300, "audit.jsonl": 200} {
		t.Run(pattern, func(t *testing.T) {
			p := newPlace(t)
			p.cfg.Paths = []string{p.path(pattern)}
			p.write("audit.jsonl", textA)
			p.once()
			p.write("audit.jsonl.1.gz.tmp", gzipped(textA))
			p.once()
			p.rename("audit.jsonl.1.gz.tmp", "audit.jsonl.1.gz")
			p.write("audit.jsonl.2.gz.tmp", gzipped(textC))
			p.remove("audit.jsonl")
			p.append("audit.jsonl", textB)
			p.once()
			if got := len(p.store.Lines()); got != want {
				t.Errorf("got %d lines, want %d", got, want)
			}
		})
	}
}

// What a pattern matches and is no file to read stops nothing, also not a run
// that is to end.
func TestOddThingsThatMatch(t *testing.T) {
	p := newPlace(t)
	p.write("audit.jsonl", "a\n")
	p.write("empty.jsonl", "")
	for link, to := range map[string]string{"loop.jsonl": "loop.jsonl", "dangling.jsonl": "nowhere", "device.jsonl": os.DevNull} {
		if err := os.Symlink(to, p.path(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(p.path("directory.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.once()
	p.want("a")
}

// What rotation left belongs to the log, also where no pattern matches it; a
// sibling that the patterns leave out does not.
func TestRotatedFilesOfTheFirstRun(t *testing.T) {
	for start, want := range map[string][]string{"beginning": {"a", "b", "c", "d"}, "end": {"d"}} {
		t.Run(start, func(t *testing.T) {
			p := newPlace(t)
			p.cfg.Paths = []string{p.path("worker-1.jsonl")}
			p.cfg.Start = start
			p.write("worker-1.jsonl.2.gz", gzipped("a\n"))
			p.write("worker-1.jsonl.1", "b\n")
			p.write("worker-1.jsonl", "c\n")
			p.write("worker-2.jsonl", "not ours\n")
			p.once()
			p.append("worker-1.jsonl", "d\n")
			p.once()
			if got := slices.Sorted(slices.Values(p.store.Lines())); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// A file that another takes the inode of, in another log, is not forgotten.
func TestRecycledInodeInAnotherLog(t *testing.T) {
	a, textA := lines("a", 100)
	b, textB := lines("b", 100)
	p := newPlace(t)
	p.write("audit.jsonl", textA)
	p.once()
	packed := gzipped(textA)
	p.rename("audit.jsonl", "other.jsonl") // as if it had been removed and its inode given away
	p.write("other.jsonl", textB)
	p.write("audit.jsonl.1.gz", packed)
	p.once()
	p.want(append(a, b...)...)
}
