package prefectcloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/shiplog/shiplog/pkg/atomicfile"
)

// provenFile, in the state directory, holds the stretch that a reconciliation
// has proven complete.
const provenFile = "proven.json"

type stretch struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// join widens s by another stretch that touches it. One that does not takes its
// place if it is later.
func (s stretch) join(o stretch) stretch {
	switch {
	case s.Until.IsZero(), o.Since.After(s.Until):
		return o
	case s.Since.After(o.Until):
		return s
	}
	if o.Since.Before(s.Since) {
		s.Since = o.Since
	}
	if o.Until.After(s.Until) {
		s.Until = o.Until
	}
	return s
}

// Prove implements sources.Prover.
func (s *source) Prove(since, until time.Time) error {
	if s.deps.StateDir == "" {
		return errors.New("keep what was proven: there is no state directory")
	}
	if err := os.MkdirAll(s.deps.StateDir, 0o700); err != nil {
		return fmt.Errorf("keep what was proven: %w", err)
	}
	text, err := json.Marshal(s.readProven().join(stretch{since, until}))
	if err != nil {
		return fmt.Errorf("keep what was proven: %w", err)
	}
	return atomicfile.Write(filepath.Join(s.deps.StateDir, provenFile), text, 0o600)
}

// readProven gives the zero stretch where nothing was proven, or not legibly: it
// is a figure, and made anew by the next reconciliation.
func (s *source) readProven() stretch {
	var have stretch
	text, err := os.ReadFile(filepath.Join(s.deps.StateDir, provenFile)) // #nosec G304 -- in our own directory
	if err != nil || json.Unmarshal(text, &have) != nil {
		return stretch{}
	}
	return have
}

// proven joins what the sweeps have read again and what was reconciled.
func (r *run) proven(since, until time.Time) (time.Time, time.Time) {
	swept := stretch{since, until}
	if until.Before(since) {
		swept = stretch{until, until}
	}
	if r.deps.StateDir != "" {
		swept = swept.join(r.readProven())
	}
	return swept.Since, swept.Until
}
