package journal

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
)

// Random operations, with restarts and torn tails between them, leave the
// journal and a plain list saying the same.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newModel(t, rand.New(rand.NewPCG(seed, 1)))
			for range 120 {
				m.step()
			}
			m.check()
			mustClose(t, m.j)
			checkSound(t, m.dir, int64(len(m.ids)-m.kept))
		})
	}
}

type model struct {
	t   *testing.T
	rnd *rand.Rand
	dir string
	cfg Config
	j   *Journal

	ids       []string // of all events ever appended
	kept      int      // how many at the beginning are gone
	watermark int
	positions map[string]event.Position
	reader    *Reader
	read      int
}

func newModel(t *testing.T, rnd *rand.Rand) *model {
	m := &model{t: t, rnd: rnd, dir: t.TempDir(), positions: map[string]event.Position{}}
	m.cfg = Config{SegmentSize: int64(minSegmentSize + rnd.IntN(20000)), Compression: []string{"none", "s2", "zstd"}[rnd.IntN(3)]}
	m.open()
	return m
}

func (m *model) open() {
	m.j = mustOpen(m.t, m.dir, m.cfg, Deps{Lost: func(l Loss) { m.t.Errorf("told of loss %+v", l) }})
	m.j.Watermark(uint64(m.watermark))
	if m.rnd.IntN(2) == 0 {
		cold(m.j)
	}
	m.reader = m.j.Read(uint64(m.read + 1))
}

func (m *model) step() {
	switch m.rnd.IntN(12) {
	case 0:
		mustClose(m.t, m.j)
		if m.rnd.IntN(2) == 0 {
			m.tear()
		}
		m.open()
	case 1:
		m.watermark = m.read
		m.j.Watermark(uint64(m.watermark))
	case 2, 3, 4:
		m.readOn()
	case 5:
		m.check()
	default:
		m.append()
	}
}

func (m *model) append() {
	source := "source" + strconv.Itoa(m.rnd.IntN(3))
	change := event.Position{}
	for range m.rnd.IntN(3) {
		part := "part" + strconv.Itoa(m.rnd.IntN(4))
		change[part] = nil
		if m.rnd.IntN(4) > 0 {
			change[part] = fmt.Append(nil, m.rnd.Uint64())
		}
	}
	events := makeEvents(len(m.ids), m.rnd.IntN(12))
	first, err := m.j.Append(context.Background(), Batch{Source: source, Events: events, Position: change})
	if err != nil || first != uint64(len(m.ids)+1) {
		m.t.Fatalf("append gave %d, error %v, want %d", first, err, len(m.ids)+1)
	}
	for _, e := range events {
		m.ids = append(m.ids, e.ID)
	}
	m.positions[source] = m.positions[source].Merge(change)
}

// tear leaves what a crash in the middle of a write can leave.
func (m *model) tear() {
	segments, err := listSegments(osDisk{}, filepath.Join(m.dir, segmentsDir))
	if err != nil {
		m.t.Fatal(err)
	}
	last := segments[len(segments)-1]
	name := filepath.Join(m.dir, segmentsDir, segmentName(last.first))
	h := header{kind: kindEvents, first: uint64(len(m.ids) + 1), events: 3}
	frame, _ := buildFrame(h, nil, bytes.Repeat([]byte{0x55}, 100+m.rnd.IntN(900)), [32]byte{})
	frame = append(frame[:m.rnd.IntN(len(frame)-trailerSize)], make([]byte, m.rnd.IntN(2000))...)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(frame); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) readOn() {
	f, ok, err := m.reader.TryNext()
	if err != nil {
		m.t.Fatal(err)
	}
	if !ok {
		if m.read != len(m.ids) {
			m.t.Fatalf("reader stopped at %d of %d", m.read, len(m.ids))
		}
		return
	}
	for _, e := range f.Events {
		if e.Sequence != uint64(m.read+1) || e.ID != m.ids[m.read] {
			m.t.Fatalf("read %s as %d, want %s as %d", e.ID, e.Sequence, m.ids[m.read], m.read+1)
		}
		m.read++
	}
}

func (m *model) check() {
	m.t.Helper()
	m.kept = int(m.j.Oldest()) - 1
	if m.kept > m.watermark {
		m.t.Errorf("oldest is %d, but sinks have only passed %d", m.kept+1, m.watermark)
	}
	if got := m.j.Last(); got != uint64(len(m.ids)) {
		m.t.Errorf("last %d, want %d", got, len(m.ids))
	}
	from := uint64(m.kept+1) + m.rnd.Uint64N(uint64(len(m.ids)-m.kept+1))
	if got := readIDs(m.t, m.j.Read(from)); !slices.Equal(got, m.ids[from-1:]) {
		m.t.Errorf("from %d: read %d events, want %d", from, len(got), len(m.ids)-int(from)+1)
	}
	for source, want := range m.positions {
		if got := m.j.Position(source); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) && len(got)+len(want) > 0 {
			m.t.Errorf("position of %s: %q, want %q", source, got, want)
		}
	}
}
