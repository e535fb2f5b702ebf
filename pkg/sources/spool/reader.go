package spool

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
)

// startPart is the part of the position that says that the first run is over.
const startPart = "started"

// A reader finds files, reads them and fills batches. It owns all state; its
// methods run in one goroutine.
type reader struct {
	paths   []string
	maxLine int
	maxOpen int
	once    bool
	every   time.Duration // between scans
	timing  timing
	log     *slog.Logger
	monitor sources.Monitor
	now     func() time.Time
	started time.Time
	born    int // streams so far

	files   map[inode]*file
	linked  map[string]struct{} // where symbolic links lead, at the last scan
	byPath  map[string]*file    // by each path that leads to them
	streams map[string]*stream  // by key
	mains   map[inode]*stream   // by the file that each was last read from
	kin     map[string][]*stream
	queue   *queue
	opened  *list.List // of *file, used last in front
	current *file      // whose turn it is: it stays open while others are opened

	waits    map[*file]struct{} // to be looked at again at the next tick
	scans    int
	scanned  time.Time // when the last scan began
	scanTook time.Duration
	rescan   bool             // scan soon
	skipAll  bool             // files found now are begun at their end
	troubles map[string]error // what could not be read since the last scan, by path; directories by their error

	batch   *batch
	full    chan *batch
	free    chan *batch
	scratch [headSize + tailSize]byte
	watcher *watcher
}

func newReader(s *Source, from event.Position) *reader {
	blocks := new(sync.Pool)
	r := &reader{
		maxLine:  int(s.cfg.MaxLine),
		maxOpen:  256,
		once:     s.deps.Once,
		every:    time.Duration(s.cfg.Rescan),
		timing:   s.timing,
		log:      s.deps.Log,
		monitor:  s.deps.Monitor,
		now:      time.Now,
		started:  time.Now(),
		files:    make(map[inode]*file),
		linked:   make(map[string]struct{}),
		byPath:   make(map[string]*file),
		streams:  make(map[string]*stream),
		mains:    make(map[inode]*stream),
		kin:      make(map[string][]*stream),
		queue:    newQueue(),
		opened:   list.New(),
		waits:    make(map[*file]struct{}),
		troubles: make(map[string]error),
		batch:    newBatch(blocks),
		full:     make(chan *batch),
		free:     make(chan *batch, 2),
	}
	r.free <- newBatch(blocks)
	for _, p := range s.cfg.Paths {
		r.paths = append(r.paths, filepath.Clean(p))
	}
	for key, v := range from {
		if key == startPart {
			continue
		}
		mark, err := parseBookmark(v)
		if err != nil {
			r.monitor.Failed("position", fmt.Errorf("position part %s: %w", key, err))
			continue
		}
		r.addStream(&stream{key: key, mark: mark})
	}
	if len(from) == 0 && s.cfg.Start == "end" {
		r.skipAll = true
		r.batch.next[startPart] = []byte{1}
	}
	return r
}

// run reads until ctx ends or, where once is set, until everything is read.
func (r *reader) run(ctx context.Context) error {
	defer close(r.full)
	defer r.closeAll()
	if !r.once && r.timing.watch {
		r.watcher = newWatcher()
		defer r.watcher.close()
	}
	tick := time.NewTicker(r.timing.tick)
	defer tick.Stop()
	for {
		began := r.now()
		r.catchUp()
		if err := r.readAll(ctx); err != nil {
			return err
		}
		if r.once {
			return r.finish(ctx)
		}
		r.batch.complete = r.completeAt(began)
		if err := r.flush(ctx); err != nil {
			return err
		}
		r.report()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.soon():
		case <-r.watcher.wake():
		case <-tick.C:
			r.lookAgain()
		}
	}
}

// finish reads what appeared while the rest was read, and says what could not
// be read.
func (r *reader) finish(ctx context.Context) error {
	for range 2 {
		r.scan()
		if err := r.readAll(ctx); err != nil {
			return err
		}
	}
	r.batch.complete = r.scanned
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.report()
	if len(r.troubles) == 0 {
		return nil
	}
	var errs []error
	for _, err := range r.troubles {
		errs = append(errs, err)
	}
	return fmt.Errorf("not everything could be read: %w", errors.Join(errs...))
}

// catchUp takes in what the kernel told, and scans if it is time.
func (r *reader) catchUp() {
	written, moved := r.watcher.take()
	r.rescan = r.rescan || moved
	for _, path := range written {
		if f := r.byPath[path]; f != nil {
			r.queue.add(f)
		}
	}
	since := r.now().Sub(r.scanned)
	if since >= r.every || r.rescan && since >= 10*r.scanTook {
		r.scan()
	}
}

// soon gives the moment of a scan that is wanted; nil where none is.
func (r *reader) soon() <-chan time.Time {
	if !r.rescan {
		return nil
	}
	return time.After(10*r.scanTook - r.now().Sub(r.scanned))
}

// readAll reads until every file is read to its end.
func (r *reader) readAll(ctx context.Context) error {
	for f := r.queue.next(); f != nil; f = r.queue.next() {
		more, err := r.turn(ctx, f)
		if err != nil {
			return err
		}
		if more {
			r.queue.again(f)
		}
		if !r.once {
			r.catchUp()
		}
	}
	return ctx.Err()
}

// turn reads at most a block of f and says whether there is more. Its error is
// only that the batch could not be handed on.
func (r *reader) turn(ctx context.Context, f *file) (more bool, err error) {
	if s := f.stream; s != nil && s.mark.main == f.id && s.mark.bad == f.size+1 {
		return false, nil
	}
	if r.resting(f) {
		r.waits[f] = struct{}{}
		return false, nil
	}
	ready, err := r.prepare(f)
	if err != nil {
		r.trouble(f, err)
		return false, nil
	}
	delete(r.troubles, f.path)
	if !ready {
		return false, nil
	}
	free := r.batch.room()
	if free == nil {
		if err := r.flush(ctx); err != nil {
			return false, err
		}
		free = r.batch.room()
	}
	more, err = r.read(f, free)
	if err != nil {
		r.trouble(f, err)
	}
	return more, nil
}

// prepare opens f and makes sure of what it is. It returns false where there
// is nothing to read, or not yet.
func (r *reader) prepare(f *file) (bool, error) {
	r.current = f
	if err := r.open(f); err != nil {
		return false, err
	}
	if f.src == nil { // too short to say what it is
		if f.stream != nil && f.stream.mark.offset > 0 {
			r.replaced(f)
		}
		return false, nil
	}
	if f.stream == nil || f.stream.mark.offset == 0 && f.long == nil {
		if err := r.identify(f); err != nil {
			return false, err
		}
	}
	like, err := r.compare(f, f.stream)
	switch {
	case err != nil:
		return false, err
	case like == differs:
		r.replaced(f)
		return false, nil
	case f.skip:
		return true, r.skipToEnd(f)
	case f.stream.mark.main == f.id && f.stream.mark.path != f.path:
		r.moveStream(f.stream, f.path)
	}
	if like == has && f.stream.mark.main == (inode{}) {
		r.setMain(f.stream, f.id)
		r.touch(f.stream)
	}
	return like == has, nil
}

// trouble notes that f could not be read. It is tried again at the next scan.
func (r *reader) trouble(f *file, err error) {
	switch {
	case errors.Is(err, errDamaged):
		r.batch.records = append(r.batch.records, event.Record{
			Raw:        []byte(err.Error()),
			Origin:     event.Origin{Name: f.path, Offset: f.offset()},
			Unreadable: damaged,
		})
		if info, statErr := f.raw.Stat(); statErr == nil {
			f.look(f.raw.Name(), info)
		}
		if f.stream == nil {
			r.attach(f, r.newStream(f))
		}
		r.setMain(f.stream, f.id)
		f.stream.mark.bad = f.size + 1
		r.touch(f.stream)
		r.monitor.Failed(damaged, err)
		r.close(f)
		return
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errReplaced):
		f.size = -1
		r.rescan = true // renamed or removed since the last scan: the next one will tell
		return
	}
	r.close(f)
	f.size = -1
	r.troubles[f.path] = err
	r.monitor.Failed(reasonOf(err), err)
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "permission"
	case errors.Is(err, syscall.ESTALE):
		return "stale"
	default:
		return "read"
	}
}

// flush hands the batch on and takes an empty one.
func (r *reader) flush(ctx context.Context) error {
	b := r.batch
	for s := range b.touched {
		b.next[s.key] = s.mark.append(nil)
	}
	select {
	case r.full <- b:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case r.batch = <-r.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
