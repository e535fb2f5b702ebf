// Package deadletter keeps what was explicitly refused, with the reason: events
// that a sink refused, records that could not be read.
//
// Each owner has a file OWNER.jsonl in the store's directory: one letter a line
// as JSON, in the order in which they came. Removing a letter appends a
// tombstone, {"removed":ID,"time":…,"by":…}; once half of a file is dead, it is
// replaced by the letters that are left. A line that is torn or damaged is
// passed over, never fatal, and never deleted.
//
// All writers, in this process or another, hold an flock on the file LOCK; all
// readers read a file up to its last whole line and need no lock.
package deadletter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

// Letter is one dead letter.
type Letter struct {
	ID        string    `json:"id"` // unique within its owner
	Time      time.Time `json:"time"`
	Owner     string    `json:"owner"` // the sink or the source
	Kind      string    `json:"kind"`  // "sink" or "source"
	Reason    string    `json:"reason"`
	Error     string    `json:"error"`
	Sequence  uint64    `json:"sequence,omitempty"` // of the refused event
	Number    uint64    `json:"number,omitempty"`   // its delivery number
	EventID   string    `json:"event_id,omitempty"`
	Origin    string    `json:"origin,omitempty"`    // where the unreadable record was
	Body      []byte    `json:"body"`                // the event as it was sent, or the record's raw bytes
	Truncated bool      `json:"truncated,omitempty"` // Body is only the beginning
}

const suffix = ".jsonl"

// Store keeps the dead letters of a data directory. It may be used from many
// goroutines, and beside one in another process.
type Store struct {
	dir string

	mu     sync.Mutex // guards owners and their state, and orders this process's writers
	owners map[string]*owner
}

// Open opens the store in dir, which is the data directory's "deadletters". The
// directory is made if it is not there.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open dead letters: %w", err)
	}
	return &Store{dir: dir, owners: make(map[string]*owner)}, nil
}

// Put stores letters of one owner and returns once they are durable. A letter
// whose ID is there already is not stored again, as far as the last 65,536 IDs
// of the owner are known. After an error some may be stored: put them all
// again.
func (s *Store) Put(name string, letters ...Letter) error {
	if len(letters) == 0 {
		return nil
	}
	err := s.locked(name, func(o *owner) error { return o.put(letters) })
	if err != nil {
		return fmt.Errorf("store dead letters of %s: %w", name, err)
	}
	return nil
}

// Remove takes letters out by their IDs and records by whom or why. It returns
// how many there were.
func (s *Store) Remove(name, by string, ids ...string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	n := 0
	err := s.locked(name, func(o *owner) (err error) {
		n, err = o.remove(ids, by)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("remove dead letters of %s: %w", name, err)
	}
	return n, nil
}

// Count returns how many letters each owner has. Files that have not changed
// since the last call are not read again.
func (s *Store) Count() (map[string]int, error) {
	names, err := s.Owners()
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(names))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		o := s.owner(name)
		if err := o.catchUp(); err != nil {
			return nil, fmt.Errorf("count dead letters of %s: %w", name, err)
		}
		counts[name] = o.count
	}
	return counts, nil
}

// Owners names everyone who has or had letters, sorted.
func (s *Store) Owners() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names, nil
}

// ErrNotFound says that there is no such letter.
var ErrNotFound = errors.New("no such dead letter")

// Get returns one letter, or ErrNotFound.
func (s *Store) Get(name, id string) (Letter, error) {
	var found Letter
	ok := false
	err := s.List(name, func(l Letter) error {
		if l.ID == id {
			found, ok = l, true
		}
		return nil
	})
	switch {
	case err != nil:
		return Letter{}, err
	case !ok:
		return Letter{}, fmt.Errorf("%w: %s of %s", ErrNotFound, id, name)
	default:
		return found, nil
	}
}

// List gives the letters of one owner, oldest first, one at a time, until each
// returns an error, which List returns. each may call the store.
func (s *Store) List(name string, each func(Letter) error) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	err = list(path, each)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Store) path(name string) (string, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("dead letters: %q is no owner's name", name)
	}
	return filepath.Join(s.dir, name+suffix), nil
}

// owner returns the state of an owner; s.mu is held.
func (s *Store) owner(name string) *owner {
	o := s.owners[name]
	if o == nil {
		o = newOwner(name, filepath.Join(s.dir, name+suffix))
		s.owners[name] = o
	}
	return o
}

// locked runs write while no other writer of any process runs, on a state that
// has seen everything in the file.
func (s *Store) locked(name string, write func(*owner) error) (err error) {
	if _, err := s.path(name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := lock(filepath.Join(s.dir, "LOCK"))
	if err != nil {
		return err
	}
	defer unlock()
	o := s.owner(name)
	if err := o.catchUp(); err != nil {
		return err
	}
	if err := o.heal(); err != nil {
		return err
	}
	return write(o)
}
