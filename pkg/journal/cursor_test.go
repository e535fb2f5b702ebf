package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func cursorAt(n uint64) Cursor {
	return Cursor{
		Base: 1, Sequence: n, Delivered: n - 6, Duplicate: 1, Filtered: 2, DeadLetter: 1, Lost: 1, Numbered: n - 6,
		Acked: epoch(), Journal: "8d1f0c6a5b7e4f0e9a3c2b1d0e9f8a7b",
	}
}

func TestCursorStoreLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cursors")
	if _, ok, err := LoadCursor(dir, "elastic"); ok || err != nil {
		t.Errorf("no cursor: %v, %v", ok, err)
	}
	f, _, ok, err := OpenCursor(dir, "a/b")
	if ok || err != nil {
		t.Fatal(ok, err)
	}
	for n := uint64(10); n < 15; n++ {
		if err := f.Store(cursorAt(n)); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := LoadCursor(dir, "a/b"); got != cursorAt(n) || !ok || err != nil {
			t.Errorf("loaded %+v, %v, %v", got, ok, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, got, ok, err := OpenCursor(dir, "a/b")
	if got != cursorAt(14) || !ok || err != nil {
		t.Errorf("opened %+v, %v, %v", got, ok, err)
	}
	f.Close()
}

// That a sink had a cursor is known also when it cannot be read.
func TestCursorDamaged(t *testing.T) {
	for content, want := range map[string]bool{"": false, strings.Repeat("\x00", 700): false, "nonsense": true} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "s"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, _, ok, err := OpenCursor(dir, "s")
		if err != nil {
			t.Fatal(err)
		}
		if ok || f.Damaged() != want {
			t.Errorf("%q: a cursor %v, damaged %v, want %v", content, ok, f.Damaged(), want)
		}
		f.Close()
	}
}

// Whatever a torn write leaves of a slot, the cursor is the new one or the one
// before.
func TestCursorTornWrite(t *testing.T) {
	dir := t.TempDir()
	f, _, _, err := OpenCursor(dir, "s")
	if err != nil {
		t.Fatal(err)
	}
	read := func() []byte {
		b, err := os.ReadFile(filepath.Join(dir, "s"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	f.Store(cursorAt(10))
	f.Store(cursorAt(11))
	before := read()
	f.Store(cursorAt(12))
	after := read()
	f.Close()
	for cut := range len(after) + 1 {
		torn := append(bytes.Clone(after[:cut]), before[cut:]...)
		if err := os.WriteFile(filepath.Join(dir, "s"), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		got, ok, err := LoadCursor(dir, "s")
		if got.Journal == "" { // torn, and given away by its checksum
			got.Journal = cursorAt(0).Journal
		}
		if !ok || err != nil || (got != cursorAt(11) && got != cursorAt(12)) {
			t.Fatalf("cut at %d: %+v, %v, %v", cut, got, ok, err)
		}
	}
}

// An agent that does not know of the journal's identity writes a slot's first
// bytes, and leaves those of an earlier cursor behind them.
func TestCursorOfAnOlderAgent(t *testing.T) {
	dir := t.TempDir()
	f, _, _, err := OpenCursor(dir, "s")
	if err != nil {
		t.Fatal(err)
	}
	f.Store(cursorAt(10))
	f.Store(cursorAt(11))
	f.Close()
	raw, err := os.OpenFile(filepath.Join(dir, "s"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.WriteAt(encodeSlot(cursorAt(12), 3)[:slotLength], slotSize); err != nil {
		t.Fatal(err)
	}
	want := cursorAt(12)
	want.Journal = ""
	if got, ok, err := LoadCursor(dir, "s"); got != want || !ok || err != nil {
		t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, want)
	}
}
