package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/shiplog/shiplog/pkg/atomicfile"
)

// Reconciled is how the last comparison of a source's service with the journal
// ended: agent reconcile leaves it in the data directory, for the status.
type Reconciled struct {
	Ended time.Time `json:"ended"`
	Since time.Time `json:"since"` // of what was compared, by when events occurred
	Until time.Time `json:"until"`

	Hours    int `json:"hours"`
	Complete int `json:"complete"` // hours of which nothing is missing
	Unknown  int `json:"unknown"`  // hours that could not be compared
	Late     int `json:"late"`     // events that reached the service late
	Missing  int `json:"missing"`  // events that the journal lacked
	Repaired int `json:"repaired"` // of those, in the journal since
}

// Whole says whether nothing was missing, or is missing any more.
func (r *Reconciled) Whole() bool { return r.Missing == r.Repaired && r.Unknown == 0 }

// KeepReconciled stores the result for a source.
func KeepReconciled(dataDir, source string, r Reconciled) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	name := reconciledFile(dataDir, source)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(name, text, 0o600)
}

// LastReconciled gives the last result for a source, nil if there is none.
func LastReconciled(dataDir, source string) (*Reconciled, error) {
	name := reconciledFile(dataDir, source)
	text, err := os.ReadFile(name) // #nosec G304 -- in the data directory
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(Reconciled)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return r, nil
}

func reconciledFile(dataDir, source string) string {
	return filepath.Join(dataDir, "reconciled", source+".json")
}
