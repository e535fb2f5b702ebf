package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestViewOfLiveJournal(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no journal: %v", err)
	}
	j := mustOpen(t, dir, Config{SegmentSize: minSegmentSize}, Deps{})
	mustAppend(t, j, 0, 5)
	v, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := v.Read(3)
	for n := 5; n < 60; n += 5 {
		mustAppend(t, j, n, 5)
		s, err := v.Stats()
		if err != nil || s.Last != j.Last() || s.Head != j.Stats().Head || s.Bytes != j.Stats().Bytes {
			t.Errorf("view %+v, journal %+v, error %v", s, j.Stats(), err)
		}
	}
	var got []string
	for len(got) < 58 { // follows, across segments
		f, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range f.Events {
			got = append(got, e.ID)
		}
	}
	if !slices.Equal(got, idRange(2, 60)) {
		t.Errorf("followed %v", got)
	}
	if _, ok, err := r.TryNext(); ok || err != nil {
		t.Errorf("at the end: %v, %v", ok, err)
	}
	positions, err := v.Positions()
	if err != nil || string(positions["spool"]["file"]) != "60" {
		t.Errorf("positions %q, error %v", positions, err)
	}
}

// A range of time gives all that is in it, and reads little more.
func TestReadTime(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, Config{SegmentSize: 256 << 10}, Deps{})
	const total = 4000
	for n := 0; n < total; n += 10 {
		mustAppend(t, j, n, 10)
	}
	v, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ from, to int }{{0, total}, {1234, 1250}, {-50, 20}, {total - 5, total + 99}, {total, total + 1}} {
		since, until := epoch().Add(time.Duration(test.from)*time.Second), epoch().Add(time.Duration(test.to)*time.Second)
		for name, r := range map[string]*Reader{"view": v.ReadTime(0, since, until), "journal": cold(j).ReadTime(0, since, until)} {
			got := readIDs(t, r)
			for n := max(test.from, 0); n < min(test.to, total); n++ {
				if !slices.Contains(got, fmt.Sprintf("id-%d", n)) {
					t.Fatalf("%s %+v: event %d is missing", name, test, n)
				}
			}
			if spare := len(got) - max(0, min(test.to, total)-max(test.from, 0)); spare > 20 {
				t.Errorf("%s %+v: %d events that are not in the range", name, test, spare)
			}
		}
	}
}

// A view and a verification name the journal as the one that writes it does, and
// a journal that is begun anew in the same directory is another one.
func TestEveryReaderNamesTheJournal(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for range 2 {
		j := mustOpen(t, dir, Config{}, Deps{})
		id := j.ID()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		v, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), dir, nil)
		if err != nil || v.ID() != id || r.ID != id || seen[id] {
			t.Errorf("the journal is %s, the view says %s, verify %s (%v); seen before: %v", id, v.ID(), r.ID, err, seen)
		}
		seen[id] = true
		if err := os.RemoveAll(filepath.Join(dir, segmentsDir)); err != nil {
			t.Fatal(err)
		}
	}
}
