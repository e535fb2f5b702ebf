package journal

import (
	"context"
	"testing"
)

// What one reader has released, and another has not, must stay as it is, on disk
// and in memory, whatever is appended and read meanwhile.
func TestReleaseKeepsWhatOthersHold(t *testing.T) {
	for _, place := range []string{"memory", "disk"} {
		for _, compression := range []string{"none", "s2", "zstd"} {
			t.Run(place+"/"+compression, func(t *testing.T) {
				j := mustOpen(t, t.TempDir(), Config{Compression: compression}, Deps{})
				if place == "disk" {
					cold(j)
				}
				const frames, size = 20, 5
				for n := range frames {
					b := Batch{Source: "spool", Events: makeEvents(n*size+1, size)}
					if _, err := j.Append(context.Background(), b); err != nil {
						t.Fatal(err)
					}
				}
				one, two := j.Read(1), j.Read(1)
				var held []Frame
				for range frames {
					a, b := mustNext(t, one), mustNext(t, two)
					b.Release()
					held = append(held, a)
				}
				next := 1
				for _, f := range held {
					for i := range f.Events {
						want := makeEvent(next)
						if got := f.Events[i]; got.Sequence != uint64(next) || got.ID != want.ID || string(got.Doc) != string(want.Doc) {
							t.Fatalf("got event %d %s, want %d %s", got.Sequence, got.ID, next, want.ID)
						}
						next++
					}
					f.Release()
				}
			})
		}
	}
}

func mustNext(t *testing.T, r *Reader) Frame {
	t.Helper()
	f, ok, err := r.TryNext()
	if err != nil || !ok {
		t.Fatalf("got no frame: %v", err)
	}
	return f
}

// A journal at rest holds no frames, and its readers miss none.
func TestRestLosesNothing(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Config{}, Deps{})
	for n := range 3 {
		if _, err := j.Append(context.Background(), Batch{Source: "spool", Events: makeEvents(n*2+1, 2)}); err != nil {
			t.Fatal(err)
		}
	}
	r := j.Read(1)
	first := mustNext(t, r)
	j.Rest()
	if j.recentFrame(3) != nil {
		t.Error("frames are still in memory")
	}
	for _, f := range []Frame{first, mustNext(t, r), mustNext(t, r)} {
		if want := makeEvent(int(f.Events[0].Sequence)); f.Events[0].ID != want.ID { // #nosec G115 -- small
			t.Errorf("got event %s, want %s", f.Events[0].ID, want.ID)
		}
	}
}

// What is kept for frames to come is bounded, whatever is released at once, and
// serves frames of about its size only.
func TestMemoriesAreBounded(t *testing.T) {
	var p memories
	var held []*memory
	for _, of := range []struct{ size, count int }{{1 << 10, 2 * spareFrames}, {spareBytes / 4, 5}, {2 * spareBytes, 1}, {1 << 10, 2}} {
		for range of.count {
			held = append(held, p.take(of.size))
		}
	}
	for _, m := range held {
		m.release()
		kept := 0
		for _, s := range p.spare {
			kept += cap(s.raw)
		}
		if kept != p.bytes || kept > spareBytes || len(p.spare) > spareFrames {
			t.Fatalf("%d pieces of %d bytes are kept, counted as %d", len(p.spare), kept, p.bytes)
		}
	}
	p.clear()
	p.take(5 << 10).release()
	for _, test := range []struct {
		n    int
		want bool
	}{{5 << 10, true}, {8 << 10, false}, {1 << 10, false}} {
		if m := p.find(test.n); (m != nil) != test.want {
			t.Errorf("%d bytes: found %v, want %v", test.n, m != nil, test.want)
		} else if m != nil {
			p.keep(m)
		}
	}
}
