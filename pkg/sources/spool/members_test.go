package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var packers = map[packing]func(string) string{packedGzip: gzipped, packedZstd: zstded}

func openPacked(t testing.TB, path string, kind packing, m *members) *unpacked {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	u := &unpacked{file: f, kind: kind, members: m, now: time.Now}
	t.Cleanup(func() { u.Close() })
	return u
}

// packedFile writes n members, and returns the content.
func packedFile(t testing.TB, path string, pack func(string) string, from, n int) string {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all strings.Builder
	for i := from; i < from+n; i++ {
		text := strings.Repeat(fmt.Sprintf("line %d of the member\n", i), 1+i*37%400)
		all.WriteString(text)
		if _, err := f.WriteString(pack(text)); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// Wherever a read begins, and whatever is known of the members, it gives the
// content; and what was appended is read from the last members on.
func TestReadFromMembers(t *testing.T) {
	for kind, pack := range packers {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			want := packedFile(t, path, pack, 0, 300)
			var m members
			rnd := rand.New(rand.NewPCG(1, 2))
			for range 5 {
				u := openPacked(t, path, kind, &m)
				for range 20 {
					p := make([]byte, rnd.IntN(10_000)+1)
					off := rnd.IntN(len(want))
					n, err := u.ReadAt(p, int64(off))
					if end := min(len(want), off+len(p)); string(p[:n]) != want[off:end] || (err != nil) != (n < len(p)) {
						t.Fatalf("at %d: got %d bytes, %v, not those of the content", off, n, err)
					}
				}
				if _, err := io.Copy(io.Discard, io.NewSectionReader(u, 0, 1<<40)); err != nil {
					t.Fatal(err)
				}
				if len(m.known) == 0 || len(m.known) > maxMembers {
					t.Fatalf("%d members are known", len(m.known))
				}
				more := packedFile(t, path, pack, 300, 1)
				u = openPacked(t, path, kind, &m)
				if got := m.before(int64(len(want))); int64(len(want))-got.off > 20_000 {
					t.Errorf("of %d bytes, reading on begins at %d", len(want), got.off)
				}
				p := make([]byte, len(more)+1)
				if n, err := u.ReadAt(p, int64(len(want))); string(p[:n]) != more || !errors.Is(err, io.EOF) {
					t.Errorf("got %q, %v, want what was appended", p[:n], err)
				}
				want += more
			}
		})
	}
}

// What is known of members is of another content once a file was compressed anew:
// it is read on all the same, and what was read of it before is not again.
func TestMembersOfAnotherContent(t *testing.T) {
	_, textA := lines("a", 3000)
	_, textB := lines("b", 3000)
	for kind, pack := range packers {
		for name, anew := range map[string]string{
			"packed otherwise": pack(textA + textB),
			"in other parts":   pack(textA[:5000]) + pack(textA[5000:]+textB[:4000]) + pack(textB[4000:]),
		} {
			t.Run(fmt.Sprint(kind, " ", name), func(t *testing.T) {
				p := newPlace(t)
				r := newReader(p.source(false), nil)
				defer r.closeAll()
				p.write("audit.gz", pack(textA[:90_000])+pack(textA[90_000:]))
				r.scan()
				f := r.byPath[p.path("audit.gz")]
				readOn(t, r, f)
				if f.offset() != int64(len(textA)) || len(f.members.known) == 0 {
					t.Fatalf("read %d of %d bytes, and knows %d members", f.offset(), len(textA), len(f.members.known))
				}
				p.write("audit.gz", anew)
				before := f.stream
				readOn(t, r, f)
				if f.stream != before || f.offset() != int64(len(textA)+len(textB)) {
					t.Errorf("got to %d, want %d, of the same stream: %v", f.offset(), len(textA)+len(textB), f.stream == before)
				}
			})
		}
	}
}

// readOn reads a file to its end.
func readOn(t *testing.T, r *reader, f *file) {
	t.Helper()
	for more := true; more; {
		if ready, err := r.prepare(f); err != nil || !ready {
			t.Fatalf("ready: %v, %v", ready, err)
		}
		var err error
		if more, err = r.read(f, r.batch.room()); err != nil {
			t.Fatal(err)
		}
		r.batch.reset()
	}
}

// A file that is being compressed and takes long to read is let alone for a
// while, unless it is removed; nothing is complete until then.
func TestRestOfAFileThatIsBeingCompressed(t *testing.T) {
	p := newPlace(t)
	r := newReader(p.source(false), nil)
	defer r.closeAll()
	now := time.Now()
	r.now = func() time.Time { return now }
	_, text := lines("a", 100)
	z := gzipped(text)
	p.write("audit.gz", z[:len(z)-20])
	r.scan()
	f := r.byPath[p.path("audit.gz")]
	readOn(t, r, f)
	if f.src != nil || r.resting(f) {
		t.Error("what is quickly read does not rest")
	}
	if _, err := r.prepare(f); err != nil {
		t.Fatal(err)
	}
	u, ok := f.src.(*unpacked)
	if !ok {
		t.Fatalf("got %T", f.src)
	}
	u.spent = time.Second
	if _, err := r.read(f, r.batch.room()); err != nil || f.src == nil || !r.resting(f) || !r.someRest() {
		t.Fatalf("%v; want it open and at rest", err)
	}
	if f.lost = true; r.resting(f) {
		t.Error("it rests although it was removed")
	}
	f.lost = false
	if now = now.Add(restTimes*time.Second + time.Minute); r.resting(f) || r.someRest() {
		t.Error("it rests for too long")
	}
}

// BenchmarkGrowingGzip is what it takes to read one more member of a file of
// 64 MiB that had been read to its end.
func BenchmarkGrowingGzip(b *testing.B) {
	path := filepath.Join(b.TempDir(), "f")
	text := strings.Repeat(strings.Repeat("x", 100)+"\n", 650)
	packed := gzipped(text)
	if err := os.WriteFile(path, bytes.Repeat([]byte(packed), 1000), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, known := range []bool{false, true} {
		b.Run(fmt.Sprintf("known=%v", known), func(b *testing.B) {
			var m members
			p := make([]byte, 32<<10)
			for b.Loop() {
				u := openPacked(b, path, packedGzip, &m)
				if _, err := u.ReadAt(p, int64(999*len(text))); err != nil {
					b.Fatal(err)
				}
				if u.Close(); !known {
					m = members{}
				}
			}
		})
	}
}
