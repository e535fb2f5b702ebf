package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/datepath"
)

// Sink appends to files.
type Sink struct {
	cfg     Config
	pattern datepath.Pattern
	mode    fs.FileMode
	pack    pack
	journal string // that sequences are of; empty: not known
	log     *slog.Logger
	monitor sinks.Monitor
	now     func() time.Time

	mu      sync.Mutex // guards what follows: a replay runs beside the live batches
	state   state
	open    outputs
	resumed bool // Resume was asked, and no live batch came since
	dirty   bool // a write failed half way: what is beyond the mark is cut before the next
}

func open(c Config, d sinks.Deps) (sinks.Sink, error) { return newSink(c, d) }

func newSink(c Config, d sinks.Deps) (*Sink, error) {
	pattern, err := datepath.Parse(c.Path)
	if err != nil {
		return nil, err
	}
	mode, err := c.mode()
	if err != nil {
		return nil, err
	}
	return &Sink{
		cfg: c, pattern: pattern, mode: mode, pack: packer(packingOf(c.Path)),
		journal: d.Journal, log: d.Log, monitor: d.Monitor, now: time.Now,
		state: state{dir: d.StateDir},
		open:  outputs{byPath: make(map[string]*output)},
	}, nil
}

// Resume implements sinks.Resumer: it cuts off what was written but not
// acknowledged, and says what the files hold.
func (s *Sink) Resume(_ context.Context, cursor uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.state.lock()
	if err != nil {
		return 0, classify(err)
	}
	defer s.state.unlock()
	if err := s.cut(m); err != nil {
		return 0, classify(err)
	}
	s.resumed = true
	if m.Count == 0 || m.Journal != "" && s.journal != "" && m.Journal != s.journal {
		return cursor, nil
	}
	return m.Sequence, nil
}

// Deliver implements sinks.Sink.
func (s *Sink) Deliver(ctx context.Context, batch sinks.Batch) (sinks.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	began := s.now()
	written, err := s.deliver(ctx, batch)
	status := "ok"
	if err != nil {
		err = classify(err)
		status = fault.ReasonOf(err)
	}
	s.monitor.Request(status, s.now().Sub(began), written)
	return sinks.Report{}, err
}

func (s *Sink) deliver(ctx context.Context, batch sinks.Batch) (written int, err error) {
	m, err := s.state.lock()
	if err != nil {
		return 0, err
	}
	defer s.state.unlock()
	items := batch.Items
	again := s.dirty
	if s.dirty {
		if err := s.cut(m); err != nil {
			return 0, err
		}
		s.dirty = false
	}
	if !batch.Replay && len(items) > 0 {
		if err := s.renumber(&m, items[0].Event.Sequence); err != nil {
			return 0, err
		}
		m.Journal = s.journal
		if again { // the mark may have been made although it was reported that it was not
			items = after(items, m.Sequence)
		}
	}
	for len(items) > 0 && err == nil {
		if err := ctx.Err(); err != nil {
			s.dirty = true // what was written of the batch is not to be written again
			return written, err
		}
		var texts []*text
		texts, items = s.group(items)
		through := m.Sequence
		if !batch.Replay {
			through = max(through, batch.Through)
			if len(items) > 0 {
				through = max(m.Sequence, items[0].Event.Sequence-1)
			}
		}
		var n int
		n, err = s.write(&m, texts, through)
		written += n
	}
	if err != nil {
		s.dirty = true
		s.open.closeAll()
	}
	return written, err
}

// renumber takes back what Resume said where the first batch after it shows that
// it was not used: the mark counts in the numbers of a journal that is no more,
// and would hide events of this one.
func (s *Sink) renumber(m *mark, first uint64) error {
	if s.resumed && first <= m.Sequence {
		s.log.Warn("the sink's state is of another journal; it begins again with the numbers of this one",
			"sequence", m.Sequence, "first", first)
		next := mark{Count: m.Count + 1, Sequence: first - 1, Journal: s.journal, Files: m.Files}
		if err := s.state.store(next); err != nil {
			return err
		}
		*m = next
	}
	s.resumed = false
	return nil
}

// after returns the items beyond a sequence.
func after(items []sinks.Item, sequence uint64) []sinks.Item {
	for len(items) > 0 && items[0].Event.Sequence <= sequence {
		items = items[1:]
	}
	return items
}

// text is what goes into one file.
type text struct {
	path  string
	lines [][]byte // without their line feeds
}

// group sorts the first items by file, as many as one mark can hold the files
// of, and returns the others.
func (s *Sink) group(items []sinks.Item) (texts []*text, rest []sinks.Item) {
	byPath := make(map[string]*text)
	var last *text
	var name []byte
	for i := range items {
		name = s.pattern.Append(name[:0], items[i].Event.Occurred)
		if last == nil || last.path != string(name) {
			last = byPath[string(name)]
		}
		if last == nil {
			if len(texts) == maxParts {
				return texts, items[i:]
			}
			last = &text{path: string(name)}
			byPath[last.path] = last
			texts = append(texts, last)
		}
		last.lines = append(last.lines, items[i].Body)
	}
	return texts, nil
}

// write appends the texts, syncs them, and makes the mark. It first marks where
// files end that the last mark does not know: should we be killed in the
// middle, that is where they are cut.
func (s *Sink) write(m *mark, texts []*text, through uint64) (int, error) {
	if len(s.open.byPath) > maxOpen {
		s.open.closeAll()
	}
	outs := make([]*output, len(texts))
	next := mark{Count: m.Count + 1, Sequence: m.Sequence, Journal: m.Journal}
	known := true
	for i, t := range texts {
		o, err := s.output(t.path)
		if err != nil {
			return 0, err
		}
		outs[i] = o
		next.Files = append(next.Files, o.part)
		known = known && contains(m.Files, o.part)
	}
	if !known || m.Count == 0 {
		if err := s.state.store(next); err != nil {
			return 0, err
		}
		*m = next
	}
	done := mark{Count: m.Count + 1, Sequence: through, Journal: m.Journal}
	written, err := s.appendAll(outs, texts)
	if err != nil {
		return written, errors.Join(err, s.cut(*m)) // no half line is left for others to read
	}
	for _, o := range outs {
		done.Files = append(done.Files, o.part)
	}
	if err := s.state.store(done); err != nil {
		return written, err
	}
	*m = done
	return written, nil
}

// appendAll writes and syncs.
func (s *Sink) appendAll(outs []*output, texts []*text) (written int, err error) {
	for i, o := range outs {
		n, err := o.append(texts[i].lines, s.pack)
		if err != nil {
			return written, err
		}
		written += n
	}
	for _, o := range outs {
		if err := o.file.Sync(); err != nil {
			return written, fmt.Errorf("sync %s: %w", o.part.Path, err)
		}
	}
	return written, nil
}

func contains(parts []part, p part) bool {
	return slices.Contains(parts, p)
}

// Close implements sinks.Sink.
func (s *Sink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.closeAll()
	return s.state.close()
}

// classify says what a failure asks for.
func classify(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Retry, "no_space", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.New(fault.Setup, "permission", err)
	case errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, errNotRegular):
		return fault.New(fault.Setup, "path", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Retry, "timeout", err)
	default:
		return fault.New(fault.Retry, "io", err)
	}
}
