package prefectcloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/atomicfile"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
)

const (
	repairDir   = "repair" // in the state directory; files that are whole end in .jsonl
	repairFile  = 500      // records of one file
	repairMark  = "repair/"
	repairBytes = 64 << 20 // of one file, for one emit
)

// repairLine is one line of a repair file: the event as the service sent it, and
// the feed that it came from.
type repairLine struct {
	Feed string          `json:"feed"`
	Raw  json.RawMessage `json:"raw"`
}

// Repair implements sources.Repairer.
func (s *source) Repair(records []event.Record) error {
	if s.deps.StateDir == "" {
		return errors.New("repair: there is no state directory")
	}
	dir := filepath.Join(s.deps.StateDir, repairDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	var b bytes.Buffer
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		name := fmt.Sprintf("%020d.jsonl", time.Now().UnixNano())
		err := atomicfile.Write(filepath.Join(dir, name), b.Bytes(), 0o600)
		b.Reset()
		n = 0
		return err
	}
	for i := range records {
		// Spliced: Marshal would compact the event, and change what was sent.
		feed, err := json.Marshal(records[i].Origin.Name)
		if err != nil {
			return fmt.Errorf("repair: %w", err)
		}
		fmt.Fprintf(&b, "{\"feed\":%s,\"raw\":%s}\x1e\n", feed, records[i].Raw)
		if n++; n == repairFile || b.Len() > repairBytes/2 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// Unrepaired implements sources.Repairer.
func (s *source) Unrepaired() (int, error) {
	files, err := s.repairFiles()
	n := 0
	for _, name := range files {
		lines, e := s.readRepair(name)
		if errors.Is(e, fs.ErrNotExist) {
			continue // it was taken in just now
		}
		if e != nil {
			return n, e
		}
		n += len(lines)
	}
	return n, err
}

func (s *source) repairFiles() ([]string, error) {
	if s.deps.StateDir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(s.deps.StateDir, repairDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("repair: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".jsonl") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// readRepair reads a file. Events may hold line breaks, so that a record
// separator ends each line.
func (s *source) readRepair(name string) ([]repairLine, error) {
	text, err := os.ReadFile(filepath.Join(s.deps.StateDir, repairDir, name)) // #nosec G304 -- in our own directory
	if err != nil {
		return nil, fmt.Errorf("repair: %w", err)
	}
	var lines []repairLine
	for line := range bytes.SplitSeq(text, []byte("\x1e\n")) {
		if len(line) == 0 {
			continue
		}
		var l repairLine
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, fmt.Errorf("repair: read %s: %w", name, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// repairs takes in what was put down for repair. That a file was taken is in the
// frame that holds its events, so that a crash before its removal does not
// repeat them.
func (r *run) repairs(ctx context.Context) error {
	files, err := r.repairFiles()
	if err != nil {
		r.tell(err)
		return nil
	}
	for _, name := range files {
		if err := r.takeIn(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) takeIn(ctx context.Context, name string) error {
	part := repairMark + name
	if !r.taken[part] {
		lines, err := r.readRepair(name)
		if err != nil {
			r.tell(err)
			return nil // it stays, to be looked at
		}
		var records []event.Record
		for _, l := range lines {
			records = append(records, r.records(r.feedNamed(l.Feed), []item{{raw: l.Raw}}, true)...)
		}
		for i := range records {
			records[i].Repair = true
		}
		if err := r.store(ctx, records, event.Position{part: []byte("1")}); err != nil {
			return storeError{err}
		}
		r.taken[part] = true
		r.deps.Log.Info("events that were missing are taken in", "count", len(records))
	}
	if err := os.Remove(filepath.Join(r.deps.StateDir, repairDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.tell(fmt.Errorf("repair: %w", err))
		return nil
	}
	if err := r.store(ctx, nil, event.Position{part: nil}); err != nil {
		return storeError{err}
	}
	delete(r.taken, part)
	return nil
}

// feedNamed finds a feed; one that is no longer configured has no scope.
func (r *run) feedNamed(name string) feed {
	for _, f := range r.feeds {
		if f.name == name {
			return f.feed
		}
	}
	return feed{name: name}
}

// takenOf lists the repair files that a position says were taken in.
func takenOf(from event.Position) map[string]bool {
	taken := make(map[string]bool)
	for part := range from {
		if strings.HasPrefix(part, repairMark) {
			taken[part] = true
		}
	}
	return taken
}

var (
	_ sources.Repairer = (*source)(nil)
	_ sources.Lister   = (*source)(nil)
	_ sources.Counter  = (*source)(nil)
	_ sources.Checker  = (*source)(nil)
	_ sources.Rereader = (*source)(nil)
	_ sources.Prover   = (*source)(nil)
)
