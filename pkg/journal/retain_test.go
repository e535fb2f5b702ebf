package journal

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A segment goes when every sink has passed it and it is old enough, and not
// before.
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j := mustOpen(t, dir, Config{SegmentSize: minSegmentSize, Retain: time.Hour}, Deps{})
		for n := 0; n < 100; n += 5 {
			mustAppend(t, j, n, 5)
		}
		segments := j.Stats().Segments
		<-time.After(2 * time.Hour)
		synctest.Wait()
		if got := j.Stats().Segments; got != segments {
			t.Errorf("%d segments, want %d: no sink has passed them", got, segments)
		}
		behind := j.Read(1)
		if _, ok, err := behind.TryNext(); !ok || err != nil {
			t.Fatal(ok, err)
		}
		j.Watermark(60)
		synctest.Wait()
		s := j.Stats()
		if s.Segments >= segments || s.First > 61 || s.First == 1 {
			t.Errorf("%+v after a watermark of 60", s)
		}
		if got := readIDs(t, cold(j).Read(1)); !slices.Equal(got, idRange(int(s.First)-1, 100)) {
			t.Errorf("read %v, want from %d", got, s.First)
		}
		mustAppend(t, j, 100, 5)
		j.Watermark(105)
		synctest.Wait()
		if got := j.Stats().Segments; got != 1 {
			t.Errorf("%d segments, want 1", got)
		}
		mustClose(t, j)
		j = mustOpen(t, dir, Config{}, Deps{})
		if j.Oldest() != s.First && j.Oldest() < 61 || string(j.Position("spool")["file"]) != "105" {
			t.Errorf("oldest %d, position %q", j.Oldest(), j.Position("spool"))
		}
		mustClose(t, j)
	})
}

func TestYoungSegmentsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := mustOpen(t, t.TempDir(), Config{SegmentSize: minSegmentSize, Retain: time.Hour}, Deps{})
		for n := 0; n < 50; n += 5 {
			mustAppend(t, j, n, 5)
		}
		j.Watermark(50)
		<-time.After(50 * time.Minute)
		synctest.Wait()
		if j.Oldest() != 1 {
			t.Errorf("oldest %d, want 1", j.Oldest())
		}
		<-time.After(20 * time.Minute)
		synctest.Wait()
		if j.Oldest() == 1 {
			t.Error("an old segment was kept")
		}
		mustClose(t, j)
	})
}

// A full journal holds appends up until the sinks have moved, and goes on at
// once when they have.
func TestFullJournalBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := mustOpen(t, t.TempDir(), Config{MaxSize: 4 * minSegmentSize, Retain: time.Hour}, Deps{Lost: func(l Loss) {
			t.Errorf("told of loss %+v", l)
		}})
		n := 0
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err := j.Append(ctx, Batch{Source: "spool", Events: makeEvents(n, 5)})
			cancel()
			if errors.Is(err, context.DeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			n += 5
		}
		if s := j.Stats(); !s.Full || s.Bytes > 4*minSegmentSize {
			t.Errorf("%+v", s)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			mustAppend(t, j, n, 5)
		}()
		synctest.Wait()
		j.Watermark(uint64(n))
		<-done
		if s := j.Stats(); s.Full || s.Last != uint64(n+5) {
			t.Errorf("%+v", s)
		}
		mustClose(t, j)
	})
}

// A journal that drops its oldest events never blocks, keeps to its size, and
// tells exactly what no sink had seen.
func TestDropOldest(t *testing.T) {
	var told []uint64
	j := mustOpen(t, t.TempDir(), Config{MaxSize: 4 * minSegmentSize, DropOldest: true}, Deps{Lost: func(l Loss) {
		for s := l.First; s <= l.Last; s++ {
			told = append(told, s)
		}
		if l.Reason != ReasonDropped {
			t.Errorf("reason %q", l.Reason)
		}
	}})
	j.Watermark(7)
	for n := 0; n < 300; n += 5 {
		mustAppend(t, j, n, 5)
	}
	s := j.Stats()
	if s.Bytes > 4*minSegmentSize || s.Full {
		t.Errorf("%+v", s)
	}
	var want []uint64
	for n := uint64(8); n < s.First; n++ {
		want = append(want, n)
	}
	if !slices.Equal(told, want) {
		t.Errorf("told of %v, want 8 to %d", told, s.First-1)
	}
	if got := readIDs(t, j.Read(1)); !slices.Equal(got, idRange(int(s.First)-1, 300)) {
		t.Errorf("read %v", got)
	}
}

// A batch that is larger than the whole journal may be passes alone.
func TestBatchLargerThanJournal(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Config{MaxSize: 2 * minSegmentSize}, Deps{})
	mustAppend(t, j, 0, 200)
	j.Watermark(200)
	mustAppend(t, j, 200, 200)
	if j.Oldest() != 201 || j.Last() != 400 {
		t.Errorf("%+v", j.Stats())
	}
}

func TestBacklog(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Config{SegmentSize: minSegmentSize}, Deps{})
	for n := 0; n < 50; n += 5 {
		mustAppend(t, j, n, 5)
	}
	all := j.Backlog(0)
	if all > j.Stats().Bytes || all < j.Stats().Bytes*9/10 {
		t.Errorf("backlog of everything %d of %d bytes", all, j.Stats().Bytes)
	}
	before := all
	for after := uint64(1); after <= 50; after++ {
		now := j.Backlog(after)
		if now > before {
			t.Errorf("backlog after %d is %d, after %d %d", after-1, before, after, now)
		}
		before = now
	}
	if before != 0 {
		t.Errorf("backlog at the end %d", before)
	}
}
