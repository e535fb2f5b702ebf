package admin

import (
	"context"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/journal"
)

// Verification is how the last check of the whole journal by this process went.
type Verification struct {
	Running  bool      `json:"running"`
	Started  time.Time `json:"started,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	Percent  float64   `json:"percent"`
	Sound    bool      `json:"sound"` // of the one that ended
	First    uint64    `json:"first,omitempty"`
	Last     uint64    `json:"last,omitempty"`
	Head     string    `json:"head,omitempty"`
	Lost     uint64    `json:"lost"`
	FirstBad string    `json:"first_bad,omitempty"`
	Error    string    `json:"error,omitempty"` // what kept it from looking
}

// verifier checks the journal, once at a time.
type verifier struct {
	dir   string
	ctx   context.Context //nolint:containedctx // a check outlives the request that asks for it
	ended sync.WaitGroup

	mu   sync.Mutex // guards last
	last Verification
}

func (v *verifier) state() Verification {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// begin starts a check, unless one runs.
func (v *verifier) begin() Verification {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last.Running || v.ctx.Err() != nil {
		return v.last
	}
	v.last = Verification{Running: true, Started: time.Now().UTC()}
	v.ended.Go(v.run)
	return v.last
}

func (v *verifier) run() {
	report, err := journal.Verify(v.ctx, v.dir, func(p journal.Progress) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if p.Total > 0 {
			v.last.Percent = 100 * float64(p.Bytes) / float64(p.Total)
		}
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last.Running, v.last.Ended = false, time.Now().UTC()
	if err != nil {
		v.last.Error = err.Error()
		return
	}
	v.last.Percent, v.last.Sound = 100, report.FirstBad == nil
	v.last.First, v.last.Last, v.last.Lost = report.First, report.Last, report.Lost
	v.last.Head = hex.EncodeToString(report.Head[:])
	if report.FirstBad != nil {
		v.last.FirstBad = report.FirstBad.Error()
	}
}

// verify answers POST /api/verify. It changes nothing, so that it needs no
// admin.write.
func (h *handlers) verify(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusAccepted, h.verifier.begin())
}
