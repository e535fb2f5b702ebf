package deadletter

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func letterOf(n int) Letter {
	return Letter{
		ID: fmt.Sprintf("l%d", n), Time: time.Date(2026, 11, 1, 0, 0, n, 0, time.UTC), Kind: "sink", Reason: "mapping",
		Error: "field [x] of type long", Sequence: uint64(n), Body: fmt.Appendf(nil, `{"n":%d,"text":"<&>\u2028"}`, n),
	}
}

func put(t testing.TB, s *Store, owner string, numbers ...int) {
	t.Helper()
	var letters []Letter
	for _, n := range numbers {
		letters = append(letters, letterOf(n))
	}
	if err := s.Put(owner, letters...); err != nil {
		t.Fatal(err)
	}
}

func idsOf(t testing.TB, s *Store, owner string) []string {
	t.Helper()
	ids := []string{}
	if err := s.List(owner, func(l Letter) error { ids = append(ids, l.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	return ids
}

func wantIDs(t testing.TB, s *Store, owner string, want ...string) {
	t.Helper()
	if got := idsOf(t, s, owner); !slices.Equal(got, want) {
		t.Errorf("got letters %q, want %q", got, want)
	}
	counts, err := s.Count()
	if err != nil || counts[owner] != len(want) {
		t.Errorf("got counts %v, %v, want %d", counts, err, len(want))
	}
}

func TestLettersAreKeptWhole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "elastic", 1, 2)
	want := letterOf(2)
	want.Owner = "elastic"
	got, err := open(t, dir).Get("elastic", "l2")
	if err != nil || !bytes.Equal(got.Body, want.Body) || got.Error != want.Error || got.Owner != want.Owner || !got.Time.Equal(want.Time) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := s.Get("elastic", "l3"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "elastic.jsonl")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestARepeatIsNotStoredTwice(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", 1, 2, 2)
	put(t, s, "a", 2, 3)
	put(t, open(t, dir), "a", 3, 1, 4)
	wantIDs(t, s, "a", "l1", "l2", "l3", "l4")
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", 1, 2, 3)
	if n, err := s.Remove("a", "dropped: noise", "l2", "l9"); n != 1 || err != nil {
		t.Errorf("got %d, %v, want 1 removed", n, err)
	}
	if n, err := s.Remove("a", "again", "l2"); n != 0 || err != nil {
		t.Errorf("got %d, %v, want none removed", n, err)
	}
	wantIDs(t, s, "a", "l1", "l3")
	put(t, s, "a", 2) // refused once more
	wantIDs(t, open(t, dir), "a", "l1", "l3", "l2")
	if n, err := s.Remove("nobody", "x", "l1"); n != 0 || err != nil {
		t.Errorf("got %d, %v for an owner without letters", n, err)
	}
}

// Two processes share a directory: each has a store of its own.
func TestTwoStores(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	var both sync.WaitGroup
	for i, s := range []*Store{a, b} {
		both.Go(func() {
			for n := range 50 {
				put(t, s, "x", n*2+i)
			}
		})
	}
	both.Wait()
	for _, s := range []*Store{a, b} {
		if got := len(idsOf(t, s, "x")); got != 100 {
			t.Errorf("got %d letters, want 100", got)
		}
	}
	if _, err := b.Remove("x", "retried", "l1", "l2"); err != nil {
		t.Fatal(err)
	}
	put(t, a, "x", 1)
	if counts, err := a.Count(); err != nil || counts["x"] != 99 {
		t.Errorf("got %v, %v, want 99", counts, err)
	}
}

// A crash may leave the last line cut at any byte, and a disk may damage any:
// the other letters stay, and the next one is stored.
func TestTornAndDamagedLines(t *testing.T) {
	whole := t.TempDir()
	put(t, open(t, whole), "a", 1, 2)
	text, err := os.ReadFile(filepath.Join(whole, "a.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(text, '\n') + 1
	for cut := first; cut < len(text); cut++ {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		wantIDs(t, s, "a", "l1")
		put(t, s, "a", 2, 3)
		wantIDs(t, s, "a", "l1", "l2", "l3")
		wantIDs(t, open(t, dir), "a", "l1", "l2", "l3")
	}
}

func TestCompactionKeepsWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	big := strings.Repeat("x", 20<<10)
	var drop []string
	for n := range 100 {
		l := letterOf(n)
		l.Body = []byte(big)
		if err := s.Put("a", l); err != nil {
			t.Fatal(err)
		}
		if n >= 3 {
			drop = append(drop, l.ID)
		}
	}
	path := filepath.Join(dir, "a.jsonl")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("{\"damaged\n")
	f.Close()
	other := open(t, dir)
	wantIDs(t, other, "a", idsOf(t, s, "a")...)
	if n, err := s.Remove("a", "fixed", drop...); n != 97 || err != nil {
		t.Fatalf("got %d, %v, want 97 removed", n, err)
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) > 200<<10 || !bytes.Contains(text, []byte("{\"damaged\n")) {
		t.Errorf("got a file of %d bytes, %v; want a small one that keeps the damaged line", len(text), err)
	}
	put(t, other, "a", 200)
	wantIDs(t, s, "a", "l0", "l1", "l2", "l200")
	wantIDs(t, other, "a", "l0", "l1", "l2", "l200")
}

func TestNamesStayInTheDirectory(t *testing.T) {
	s := open(t, t.TempDir())
	for _, name := range []string{"", "../x", "a/b", ".hidden"} {
		if err := s.Put(name, letterOf(1)); err == nil {
			t.Errorf("stored letters of %q", name)
		}
	}
}

// A write that fails leaves the file as it was, and is made good later.
func TestPutThatFails(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root writes everywhere")
	}
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", 1)
	path := filepath.Join(dir, "a.jsonl")
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("a", letterOf(2)); err == nil {
		t.Fatal("got nil, want an error")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", 2)
	wantIDs(t, s, "a", "l1", "l2")
}

func FuzzList(f *testing.F) {
	dir := f.TempDir()
	put(f, open(f, dir), "a", 1, 2)
	text, err := os.ReadFile(filepath.Join(dir, "a.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{\"removed\":\"l1\"}\n\n{}\nnull\n[1]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		before := len(idsOf(t, s, "a"))
		l := letterOf(77)
		l.ID = "one that is not there"
		if err := s.Put("a", l); err != nil {
			t.Fatal(err)
		}
		after := idsOf(t, open(t, dir), "a")
		if !slices.Contains(after, l.ID) || len(after) < before {
			t.Errorf("got %q after a put to %d letters", after, before)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	s := open(b, b.TempDir())
	for n := range b.N {
		put(b, s, "a", n)
	}
}
