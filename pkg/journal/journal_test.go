package journal

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
)

func TestAppendReadReopen(t *testing.T) {
	for _, compression := range []string{"none", "s2", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			cfg := Config{SegmentSize: 16 << 10, Compression: compression}
			j := mustOpen(t, dir, cfg, Deps{})
			n := 0
			for i := range 60 {
				if got := mustAppend(t, j, n, 1+i%7); got != uint64(n+1) {
					t.Fatalf("first sequence %d, want %d", got, n+1)
				}
				n += 1 + i%7
			}
			want := idRange(0, n)
			if got := readIDs(t, j.Read(1)); !slices.Equal(got, want) {
				t.Errorf("hot: read %d events, want %d", len(got), n)
			}
			if got := readIDs(t, cold(j).Read(1)); !slices.Equal(got, want) {
				t.Errorf("cold: read %d events, want %d", len(got), n)
			}
			if got := readIDs(t, j.Read(17)); !slices.Equal(got, want[16:]) {
				t.Errorf("from 17: read %d events, want %d", len(got), n-16)
			}
			head := j.Stats().Head
			mustClose(t, j)

			j = mustOpen(t, dir, cfg, Deps{})
			if j.Last() != uint64(n) || j.Stats().Head != head {
				t.Errorf("reopened: last %d, want %d; head equal: %v", j.Last(), n, j.Stats().Head == head)
			}
			if got := string(j.Position("spool")["file"]); got != strconv.Itoa(n) {
				t.Errorf("position %q, want %d", got, n)
			}
			if got := readIDs(t, j.Read(1)); !slices.Equal(got, want) {
				t.Errorf("reopened: read %d events, want %d", len(got), n)
			}
			if got := mustAppend(t, j, n, 1); got != uint64(n+1) {
				t.Errorf("first sequence after reopening %d, want %d", got, n+1)
			}
		})
	}
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	want := []event.Event{makeEvent(1), {Envelope: event.Envelope{ID: "x", Source: "agent"}, Doc: []byte("{}")}}
	j := mustOpen(t, t.TempDir(), Config{}, Deps{})
	if _, err := j.Append(context.Background(), Batch{Source: "spool", Events: want}); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i].Sequence = uint64(i + 1)
		want[i].Occurred, want[i].Received = want[i].Occurred.UTC(), want[i].Received.UTC()
	}
	f, ok, err := cold(j).Read(1).TryNext()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if !reflect.DeepEqual(f.Events, want) || f.Source != "spool" {
		t.Errorf("got %+v, want %+v", f.Events, want)
	}
}

// wide is a disk that notes the bytes of each write to a journal.
type wide struct {
	osDisk
	writes []int64
}

type wideFile struct {
	file
	d *wide
}

func (d *wide) create(name string) (file, error) {
	f, err := d.osDisk.create(name)
	return wideFile{f, d}, err
}

func (f wideFile) writeAt(parts [][]byte, offset int64) error {
	var n int64
	for _, p := range parts {
		n += int64(len(p))
	}
	f.d.writes = append(f.d.writes, n)
	return f.file.writeAt(parts, offset)
}

// Small appends go to where zeros were written before, so that their syncs are
// cheap; large ones are written once only.
func TestZerosAreWrittenAheadOfSmallAppends(t *testing.T) {
	d := new(wide)
	j, err := open(t.TempDir(), Config{}, Deps{}, d)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, j)
	d.writes = nil
	for n := range 50 {
		mustAppend(t, j, n, 1)
	}
	if d.writes[0] < padStep || slices.Max(d.writes[1:]) > 2<<10 {
		t.Errorf("small appends wrote %d bytes", d.writes)
	}
	before := j.Stats().Bytes
	d.writes = nil
	if _, err := j.Append(context.Background(), Batch{Source: "spool", Events: bigEvents(200)}); err != nil {
		t.Fatal(err)
	}
	if grown := j.Stats().Bytes - before; !slices.Equal(d.writes, []int64{grown}) {
		t.Errorf("a large append of %d bytes wrote %d", grown, d.writes)
	}
}

// Who reads a frame is never told that the journal ends before it: a sink would
// have more than there is.
func TestNoFrameIsReadBeforeItIsTheEnd(t *testing.T) {
	const appends = 2000
	j := mustOpen(t, t.TempDir(), Config{}, Deps{})
	go func() {
		for n := range appends {
			if _, err := j.Append(t.Context(), Batch{Source: "spool", Events: makeEvents(n, 1)}); err != nil {
				return // the test has ended
			}
		}
	}()
	r := j.Read(1)
	defer func() { _ = r.Close() }()
	for next := uint64(1); next <= appends; {
		f, ok, err := r.TryNext() // without waiting to be told of it
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue
		}
		next += uint64(len(f.Events))
		if last := j.Last(); last < next-1 {
			t.Fatalf("read event %d of a journal that ends at %d", next-1, last)
		}
	}
}
