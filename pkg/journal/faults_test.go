package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// faulty is a disk whose operations fail when the test says so.
type faulty struct {
	osDisk
	fail func(op, name string) error // nil: as the real disk
}

type faultyFile struct {
	file
	d    *faulty
	name string
}

func (d *faulty) check(op, name string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(op, filepath.Base(name))
}

func (d *faulty) create(name string) (file, error) {
	if err := d.check("create", name); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(name)
	return faultyFile{f, d, name}, err
}

func (d *faulty) openWrite(name string) (file, error) {
	f, err := d.osDisk.openWrite(name)
	return faultyFile{f, d, name}, err
}

func (d *faulty) rename(from, to string) error {
	if err := d.check("rename", to); err != nil {
		return err
	}
	return d.osDisk.rename(from, to)
}

func (f faultyFile) datasync() error {
	if err := f.d.check("sync", f.name); err != nil {
		return err
	}
	return f.file.datasync()
}

// writeAt that fails writes half, as a disk that fills up does.
func (f faultyFile) writeAt(parts [][]byte, offset int64) error {
	if err := f.d.check("write", f.name); err != nil {
		_ = f.file.writeAt([][]byte{parts[0][:len(parts[0])/2]}, offset)
		return err
	}
	return f.file.writeAt(parts, offset)
}

func (f faultyFile) allocate(offset, n int64) error {
	if err := f.d.check("allocate", f.name); err != nil {
		return err
	}
	return f.file.allocate(offset, n)
}

// A full disk blocks appends; nothing half written is seen; what waited is
// stored when there is room again. That holds wherever the disk turns out to be
// full.
func TestFullDiskBlocks(t *testing.T) {
	for _, op := range []string{"write", "allocate", "create"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fullDisk(t, op) })
		})
	}
}

func fullDisk(t *testing.T, op string) {
	dir := t.TempDir()
	var full atomic.Bool
	d := &faulty{fail: func(o, name string) error {
		if full.Load() && o == op {
			return &os.PathError{Op: o, Path: name, Err: syscall.ENOSPC}
		}
		return nil
	}}
	j, err := open(dir, Config{SegmentSize: minSegmentSize}, Deps{}, d)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, 0, 5)
	full.Store(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 5; n < 40; n += 5 {
			mustAppend(t, j, n, 5)
		}
	}()
	<-time.After(3 * time.Second)
	synctest.Wait()
	if s := j.Stats(); !s.Full || s.FullSince.IsZero() {
		t.Errorf("not full: %+v", s)
	}
	if _, err := os.Stat(filepath.Join(dir, reserveName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the reserve was not given up: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := j.Append(ctx, Batch{Source: "other", Events: makeEvents(900, 1)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append to a full disk: %v", err)
	}
	full.Store(false)
	<-done
	if j.Stats().Full {
		t.Error("still full")
	}
	if got := readIDs(t, cold(j).Read(1)); !slices.Equal(got, idRange(0, 40)) {
		t.Errorf("read %v", got)
	}
	mustClose(t, j)
	checkSound(t, dir, 40)
}

// A journal whose next segment the disk has no room for opens: what it holds can
// be read, and appends wait for room.
func TestOpenOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	var full atomic.Bool
	d := &faulty{fail: func(o, name string) error {
		if full.Load() && o == "create" && strings.HasSuffix(name, tempSuffix) {
			return &os.PathError{Op: o, Path: name, Err: syscall.ENOSPC}
		}
		return nil
	}}
	j, err := open(dir, Config{SegmentSize: minSegmentSize}, Deps{}, d)
	if err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	stored := 0
	for ; err == nil; stored++ { // until the segment is full and sealed
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err = j.Append(ctx, Batch{Source: "spool", Events: makeEvents(stored, 1)})
		cancel()
	}
	stored--
	mustClose(t, j)

	for range 2 {
		if j, err = open(dir, Config{SegmentSize: minSegmentSize}, Deps{}, d); err != nil {
			t.Fatal(err)
		}
		if got := readIDs(t, j.Read(1)); !slices.Equal(got, idRange(0, stored)) {
			t.Errorf("read %v, want %d events", got, stored)
		}
		if full.Load() {
			mustClose(t, j)
			full.Store(false)
		}
	}
	mustAppend(t, j, stored, 3)
	mustClose(t, j)
	checkSound(t, dir, int64(stored+3))
}

func checkSound(t *testing.T, dir string, events int64) {
	t.Helper()
	report, err := Verify(context.Background(), dir, nil)
	if err != nil || report.FirstBad != nil || report.Unfinished > 0 || report.Events != events {
		t.Errorf("verify: %+v, first bad %v, error %v", report, report.FirstBad, err)
	}
}

// A failed sync, write or rename stops the journal for good: it is not tried
// again, and the file says what is true at the next start.
func TestFailureStops(t *testing.T) {
	for _, op := range []string{"sync", "write", "rename"} {
		t.Run(op, func(t *testing.T) {
			dir := t.TempDir()
			var broken atomic.Bool
			var calls atomic.Int32
			d := &faulty{fail: func(o, name string) error {
				if broken.Load() && o == op && strings.Contains(name, segmentSuffix) {
					calls.Add(1)
					return &os.PathError{Op: o, Path: name, Err: syscall.EIO}
				}
				return nil
			}}
			j, err := open(dir, Config{SegmentSize: minSegmentSize}, Deps{}, d)
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, j, 0, 3)
			broken.Store(true)
			var failure error
			stored := 3
			for failure == nil {
				if _, failure = j.Append(t.Context(), Batch{Source: "spool", Events: makeEvents(stored, 1)}); failure == nil {
					stored++
				}
			}
			broken.Store(false)
			_, again := j.Append(t.Context(), Batch{Source: "spool", Events: makeEvents(stored, 1)})
			for _, err := range []error{failure, again} {
				if _, fatal := errors.AsType[*FatalError](err); !fatal || !errors.Is(err, syscall.EIO) {
					t.Errorf("error %v, want a fatal one", err)
				}
			}
			if calls.Load() != 1 {
				t.Errorf("%s was called %d times after it failed", op, calls.Load()-1)
			}
			if got := readIDs(t, cold(j).Read(1)); !slices.Equal(got, idRange(0, stored)) {
				t.Errorf("readers see %v, want what is durable", got)
			}
			mustClose(t, j)
			j = mustOpen(t, dir, Config{}, Deps{})
			if got := readIDs(t, j.Read(1)); len(got) < stored || !slices.Equal(got[:stored], idRange(0, stored)) {
				t.Errorf("after a restart: %v", got)
			}
		})
	}
}

func TestAppendAfterClose(t *testing.T) {
	j := mustOpen(t, t.TempDir(), Config{}, Deps{})
	r := j.Read(1)
	waiting := make(chan error)
	go func() {
		_, err := r.Next(context.Background())
		waiting <- err
	}()
	mustClose(t, j)
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("reader: %v", err)
	}
	if _, err := j.Append(context.Background(), Batch{Events: makeEvents(0, 1)}); !errors.Is(err, ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func TestSecondAgentRefused(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, Config{}, Deps{})
	_, err := Open(dir, Config{}, Deps{})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "data_dir") {
		t.Errorf("error %v", err)
	}
	mustClose(t, j)
	mustOpen(t, dir, Config{}, Deps{})
}

func TestFilesArePrivate(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, Config{}, Deps{})
	mustAppend(t, j, 0, 1)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Appends from many goroutines are each stored whole, once, and readers that
// follow see them all in order.
func TestManyAppendersAndReaders(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, Config{SegmentSize: 32 << 10, Compression: "s2"}, Deps{})
	const appenders, batches = 6, 40
	var group sync.WaitGroup
	for a := range appenders {
		group.Go(func() {
			for b := range batches {
				if n := a*1000 + b*3; b%5 == 4 {
					mustAppend(t, j, n, 2)
				} else {
					mustAppend(t, j, n, 3)
				}
			}
		})
	}
	const total = appenders * (batches*3 - batches/5)
	for range 3 {
		group.Go(func() {
			r := j.Read(1)
			defer r.Close()
			for seen := uint64(0); seen < total; {
				f, err := r.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range f.Events {
					if seen++; e.Sequence != seen {
						t.Errorf("sequence %d, want %d", e.Sequence, seen)
						return
					}
				}
			}
		})
	}
	group.Wait()
	mustClose(t, j)
	checkSound(t, dir, total)
}
