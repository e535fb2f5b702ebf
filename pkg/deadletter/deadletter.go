// Package deadletter keeps what was explicitly refused, with the reason: events
// that a sink refused, records that could not be read.
package deadletter

import "time"

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

// Store keeps the dead letters of a data directory. It may be used from many
// goroutines, and beside one in another process.
type Store struct{}

// Open opens the store in dir, which is the data directory's "deadletters".
func Open(dir string) (*Store, error) { panic("not built") }

// Put stores letters of one owner and returns once they are durable. A letter
// whose ID is there already is not stored again.
func (s *Store) Put(owner string, letters ...Letter) error { panic("not built") }

// Count returns how many letters each owner has.
func (s *Store) Count() (map[string]int, error) { panic("not built") }
