package journal

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
)

// everyByte makes the tests that damage a journal do so at each byte, which
// takes minutes, instead of at some that differ from run to run.
var everyByte = flag.Bool("every-byte", false, "damage journals at each byte")

// stride is how far apart the damaged bytes are, about.
func stride(usual int) int {
	if *everyByte {
		return 1
	}
	return usual + rand.IntN(5)
}

// image is a data directory as bytes, to be laid out again and again.
type image map[string][]byte

func snap(t testing.TB, dir string) image {
	t.Helper()
	img := image{}
	entries, err := os.ReadDir(filepath.Join(dir, segmentsDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, segmentsDir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		img[e.Name()] = b
	}
	return img
}

// layOut writes the image into a new directory, with one file changed.
func (img image) layOut(t testing.TB, changed string, content []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, segmentsDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range img {
		if name == changed {
			b = content
		}
		if err := os.WriteFile(filepath.Join(dir, segmentsDir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (img image) names() []string {
	var names []string
	for name := range img {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// extent is the span of one frame in a segment's bytes.
type extent struct {
	from, to int64
	header
}

func extents(t testing.TB, b []byte) []extent {
	t.Helper()
	s := newScanner(bytes.NewReader(b), segmentHeaderSize, int64(len(b)))
	var found []extent
	for {
		f, err := s.next()
		if err != nil {
			return found
		}
		found = append(found, extent{f.offset, f.offset + f.total(), f.header})
	}
}

// smallJournal is three segments of a few small frames.
func smallJournal(t testing.TB) (img image, events int) {
	t.Helper()
	dir := t.TempDir()
	j := mustOpen(t, dir, Config{SegmentSize: minSegmentSize}, Deps{})
	for len(j.segments) < 3 || events < int(j.segments[2].first)+4 {
		mustAppend(t, j, events, 2)
		events += 2
	}
	mustClose(t, j)
	return snap(t, dir), events
}

// Whichever byte of a journal is changed, it opens, loses at most the frame
// that was hit, tells exactly which events that cost, takes new events, and
// verify names the place.
func TestFlipAnyByte(t *testing.T) {
	img, events := smallJournal(t)
	step := stride(23)
	for _, name := range img.names() {
		frames := extents(t, img[name])
		for at := 0; at < len(img[name]); at += step {
			b := bytes.Clone(img[name])
			b[at] ^= 0x41
			lost := []uint64{}
			for _, f := range frames {
				if int64(at) >= f.from && int64(at) < f.to-trailerSize && f.kind == kindEvents {
					for n := range f.events {
						lost = append(lost, f.first+uint64(n))
					}
				}
			}
			checkFlipped(t, img.layOut(t, name, b), fmt.Sprintf("%s byte %d", name, at), events, lost)
			if t.Failed() {
				return
			}
		}
	}
}

func checkFlipped(t *testing.T, dir, what string, events int, lost []uint64) {
	t.Helper()
	report, err := Verify(context.Background(), dir, nil)
	if err != nil || report.FirstBad == nil {
		t.Errorf("%s: verify found nothing, error %v", what, err)
	}
	var told []uint64
	deps := Deps{Lost: func(l Loss) {
		for s := l.First; s <= l.Last; s++ {
			told = append(told, s)
		}
	}}
	j := mustOpen(t, dir, Config{SegmentSize: minSegmentSize}, deps)
	if got := mustAppend(t, j, events, 1); got != uint64(events+1) {
		t.Errorf("%s: next sequence %d, want %d", what, got, events+1)
	}
	if got := string(j.Position("spool")["file"]); got != fmt.Sprint(events+1) {
		t.Errorf("%s: position %q, want %d", what, got, events+1)
	}
	var want []string
	for n := range events + 1 {
		if !slices.Contains(lost, uint64(n+1)) {
			want = append(want, fmt.Sprintf("id-%d", n))
		}
	}
	for range 2 { // a second reader finds the same, and tells nobody again
		if got := readIDs(t, cold(j).Read(1)); !slices.Equal(got, want) {
			t.Errorf("%s: read %v, want %v", what, got, want)
		}
	}
	mustClose(t, j)
	j = mustOpen(t, dir, Config{SegmentSize: minSegmentSize}, deps)
	if got := readIDs(t, j.Read(1)); !slices.Equal(got, want) {
		t.Errorf("%s: after a restart: read %v, want %v", what, got, want)
	}
	mustClose(t, j)
	if slices.Sort(told); !slices.Equal(told, lost) {
		t.Errorf("%s: told of lost %v, want %v", what, told, lost)
	}
}

// A crash may leave the last segment cut at any byte, or filled with zeros from
// any byte on. Whatever the byte, every frame that was whole before it reads
// back, and nothing is said to be lost.
func TestCutAtAnyByte(t *testing.T) {
	img, _ := smallJournal(t)
	name := img.names()[2]
	first, _ := parseSegmentName(name)
	whole := img[name]
	frames := extents(t, whole)
	for cut := 0; cut < len(whole); cut += stride(11) {
		for _, zeros := range []int{0, len(whole) - cut + 700} {
			kept := int(first) - 1
			for _, f := range frames {
				if f.to <= int64(cut) || (zeros > 0 && f.to-trailerSize <= int64(cut)) {
					kept += int(f.events)
				}
			}
			if zeros > 0 && cut < segmentHeaderSize {
				continue // a segment appears whole
			}
			b := append(bytes.Clone(whole[:cut]), make([]byte, zeros)...)
			checkCut(t, img.layOut(t, name, b), fmt.Sprintf("cut at %d, %d zeros", cut, zeros), kept)
			if t.Failed() {
				return
			}
		}
	}
}

func checkCut(t *testing.T, dir, what string, kept int) {
	t.Helper()
	j := mustOpen(t, dir, Config{SegmentSize: minSegmentSize}, Deps{Lost: func(l Loss) {
		t.Errorf("%s: told of lost %d to %d", what, l.First, l.Last)
	}})
	if got, want := readIDs(t, j.Read(1)), idRange(0, kept); !slices.Equal(got, want) {
		t.Errorf("%s: read %d events, want %d", what, len(got), len(want))
	}
	if got := string(j.Position("spool")["file"]); got != fmt.Sprint(kept) {
		t.Errorf("%s: position %q, want %d", what, got, kept)
	}
	mustAppend(t, j, kept, 2)
	mustClose(t, j)
	j = mustOpen(t, dir, Config{SegmentSize: minSegmentSize}, Deps{})
	if got, want := readIDs(t, j.Read(1)), idRange(0, kept+2); !slices.Equal(got, want) {
		t.Errorf("%s: after an append and a restart: read %d events, want %d", what, len(got), len(want))
	}
	mustClose(t, j)
	if report, err := Verify(context.Background(), dir, nil); err != nil || (report.FirstBad != nil && report.FirstBad.Offset > segmentHeaderSize) {
		t.Errorf("%s: verify: %v, %v", what, report.FirstBad, err)
	}
}

func TestVerifySound(t *testing.T) {
	img, events := smallJournal(t)
	dir := img.layOut(t, "", nil)
	report, err := Verify(context.Background(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.FirstBad != nil || report.Events != int64(events) || report.First != 1 || report.Last != uint64(events) || report.Segments != 3 {
		t.Errorf("report %+v, bad %v", report, report.FirstBad)
	}
	j := mustOpen(t, dir, Config{}, Deps{})
	if got := j.Stats().Head; got != report.Head {
		t.Errorf("head %x, want %x", got, report.Head)
	}
}

// Who changes an event and mends all checksums still breaks the chain.
func TestVerifyFindsForgery(t *testing.T) {
	img, _ := smallJournal(t)
	name := img.names()[1]
	b := bytes.Clone(img[name])
	f := extents(t, b)[4]
	at := int(f.from) + bytes.Index(b[f.from:f.to], []byte("ann@example.com"))
	copy(b[at:], "eve")
	h := f.header
	h.crc = checksum(b[f.from+headerSize : f.to-trailerSize])
	frame := b[f.from:f.to]
	h.putFields(frame[:headerSize])
	copy(frame[64:], h.chain[:])
	patchHeaderChecksum(frame)
	report, err := Verify(context.Background(), img.layOut(t, name, b), nil)
	if err != nil || report.FirstBad == nil {
		t.Fatalf("nothing found, error %v", err)
	}
	if bad := report.FirstBad; bad.Segment != name || bad.Offset != f.from || bad.Sequence != f.first {
		t.Errorf("found %v, want %s at byte %d", bad, name, f.from)
	}
}

func TestVerifyFindsMissingSegment(t *testing.T) {
	img, _ := smallJournal(t)
	delete(img, img.names()[1])
	dir := img.layOut(t, "", nil)
	report, err := Verify(context.Background(), dir, nil)
	if err != nil || report.FirstBad == nil || report.FirstBad.Segment != img.names()[1] {
		t.Errorf("found %v, error %v", report.FirstBad, err)
	}
	var losses []Loss
	j := mustOpen(t, dir, Config{}, Deps{Lost: func(l Loss) { losses = append(losses, l) }})
	readIDs(t, j.Read(1))
	second, _ := parseSegmentName(img.names()[1])
	if len(losses) != 1 || losses[0].Last != second-1 || losses[0].Reason != ReasonDamage {
		t.Errorf("losses %+v, want up to %d", losses, second-1)
	}
}

func TestVerifyAfterRetention(t *testing.T) {
	img, _ := smallJournal(t)
	delete(img, img.names()[0])
	report, err := Verify(context.Background(), img.layOut(t, "", nil), nil)
	if err != nil || report.FirstBad != nil {
		t.Errorf("found %v, error %v", report.FirstBad, err)
	}
}

// Damaged bytes are copied, and stay where they are.
func TestDamageIsSetAside(t *testing.T) {
	img, _ := smallJournal(t)
	name := img.names()[0]
	f := extents(t, img[name])[3]
	b := bytes.Clone(img[name])
	b[f.from+headerSize+9]++
	var losses []Loss
	dir := img.layOut(t, name, b)
	j := mustOpen(t, dir, Config{}, Deps{Lost: func(l Loss) { losses = append(losses, l) }})
	readIDs(t, j.Read(1))
	if len(losses) != 1 {
		t.Fatalf("losses %+v, want one", losses)
	}
	want := Loss{First: f.first, Last: f.next() - 1, Reason: ReasonDamage, Segment: name, Offset: f.from, Aside: losses[0].Aside}
	if losses[0] != want {
		t.Errorf("loss %+v, want %+v", losses[0], want)
	}
	aside, err := os.ReadFile(losses[0].Aside)
	if err != nil || !bytes.Equal(aside, b[f.from:f.to]) {
		t.Errorf("set aside %d bytes, want %d, error %v", len(aside), f.to-f.from, err)
	}
	if now := snap(t, dir)[name]; !bytes.Equal(now, b) {
		t.Error("the damaged segment was changed")
	}
}

func TestPositionPartsAreForgotten(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, Config{}, Deps{})
	for _, p := range []event.Position{{"a": []byte("1"), "b": []byte("2")}, {"a": nil}, {"c": {}}} {
		if _, err := j.Append(context.Background(), Batch{Source: "s", Position: p}); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, j)
	j = mustOpen(t, dir, Config{}, Deps{})
	p := j.Position("s")
	if len(p) != 2 || string(p["b"]) != "2" || p["c"] == nil {
		t.Errorf("position %q, want b and c", p)
	}
	if j.Last() != 0 || j.Position("other") != nil {
		t.Errorf("last %d, other %v", j.Last(), j.Position("other"))
	}
}
