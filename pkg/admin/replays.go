package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// ReplayAsk is the body of POST /api/replay.
type ReplayAsk struct {
	pipeline.ReplayRequest
	DryRun bool `json:"dry_run,omitempty"`
}

// Replay is a replay that runs, that ended in this process, or that was
// interrupted and waits to be asked for again.
type Replay struct {
	pipeline.ReplayProgress
	DryRun bool      `json:"dry_run,omitempty"`
	State  string    `json:"state"` // running, done, failed, interrupted
	Error  string    `json:"error,omitempty"`
	Ended  time.Time `json:"ended,omitzero"`
}

// The states of a Replay.
const (
	ReplayRunning     = "running"
	ReplayDone        = "done"
	ReplayFailed      = "failed"
	ReplayInterrupted = "interrupted"
)

const (
	maxReplays  = 4  // at once
	keptReplays = 20 // that have ended
)

// replays runs replays, each in a goroutine of its own: who asked may go away
// and look again later.
type replays struct {
	pipeline *pipeline.Pipeline
	ctx      context.Context //nolint:containedctx // the lifetime of all replays, which outlive the requests that begin them
	ended    sync.WaitGroup

	mu  sync.Mutex // guards all
	all []*running // oldest first
}

type running struct {
	Replay
	stop context.CancelFunc
}

// begin starts a replay. One that runs already is given as it is.
func (r *replays) begin(ask ReplayAsk) (Replay, error) {
	if err := r.check(ask); err != nil {
		return Replay{}, err
	}
	id := ask.ID()
	if ask.DryRun {
		id += "-dry"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return Replay{}, pipeline.ErrNotRunning
	}
	n := 0
	for _, one := range r.all {
		if one.State != ReplayRunning {
			continue
		}
		if n++; one.ID == id {
			return one.Replay, nil
		}
	}
	if n >= maxReplays {
		return Replay{}, errBusy
	}
	r.forget(id)
	ctx, stop := context.WithCancel(r.ctx)
	one := &running{stop: stop, Replay: Replay{DryRun: ask.DryRun, State: ReplayRunning,
		ReplayProgress: pipeline.ReplayProgress{ID: id, Request: ask.ReplayRequest, Started: time.Now().UTC(), Left: -1}}}
	r.all = append(r.all, one)
	req := ask.ReplayRequest
	req.DryRun = ask.DryRun
	r.ended.Go(func() { r.run(ctx, one, req) })
	return one.Replay, nil
}

// check finds what is wrong with an ask before it is begun.
func (r *replays) check(ask ReplayAsk) error {
	known := slices.ContainsFunc(r.pipeline.Status().Sinks, func(s pipeline.SinkStatus) bool { return s.Name == ask.Sink })
	switch {
	case ask.Sink == "":
		return askError{"sink is missing"}
	case !known:
		return fmt.Errorf("%w: %s", pipeline.ErrNoSink, ask.Sink)
	case ask.Rate < 0:
		return askError{"rate is below zero"}
	case !ask.Until.IsZero() && !ask.Until.After(ask.Since), ask.ToSeq > 0 && ask.ToSeq < ask.FromSeq:
		return askError{"the range ends before it begins"}
	}
	if ask.Where != "" {
		if _, err := filter.Compile(ask.Where); err != nil {
			return askError{"where: " + err.Error()}
		}
	}
	return nil
}

func (r *replays) run(ctx context.Context, one *running, req pipeline.ReplayRequest) {
	defer one.stop()
	show := func(p pipeline.ReplayProgress) {
		r.mu.Lock()
		defer r.mu.Unlock()
		p.ID = one.ID
		one.ReplayProgress = p
	}
	p, err := r.pipeline.Replay(ctx, req, show)
	if p.ID != "" {
		show(p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	one.Ended = time.Now().UTC()
	switch {
	case err == nil:
		one.State = ReplayDone
	case ctx.Err() != nil:
		one.State = ReplayInterrupted
	default:
		one.State, one.Error = ReplayFailed, err.Error()
	}
}

// forget drops the oldest that have ended, and an earlier one of the same id;
// r.mu is held.
func (r *replays) forget(id string) {
	ended := 0
	for _, one := range slices.Backward(r.all) {
		if one.State != ReplayRunning {
			ended++
		}
	}
	r.all = slices.DeleteFunc(r.all, func(one *running) bool {
		if one.State == ReplayRunning || one.ID != id && ended < keptReplays {
			return false
		}
		ended--
		return true
	})
}

// stop interrupts a replay and says whether it ran.
func (r *replays) stop(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.all {
		if one.ID == id && one.State == ReplayRunning {
			one.stop()
			return true
		}
	}
	return false
}

// list gives all that are known, newest first: those of this process, and those
// that an earlier one left.
func (r *replays) list() ([]Replay, error) {
	left, err := r.pipeline.Replays()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Replay, 0, len(r.all)+len(left))
	known := make(map[string]bool)
	for _, one := range slices.Backward(r.all) {
		list = append(list, one.Replay)
		known[one.ID] = true
	}
	for _, p := range left {
		if !known[p.ID] {
			list = append(list, Replay{ReplayProgress: p, State: ReplayInterrupted})
		}
	}
	return list, err
}

func (r *replays) find(id string) (Replay, error) {
	list, err := r.list()
	if err != nil {
		return Replay{}, err
	}
	for _, one := range list {
		if one.ID == id {
			return one, nil
		}
	}
	return Replay{}, fmt.Errorf("%w: replay %s", errNotFound, id)
}

func (h *handlers) beginReplay(w http.ResponseWriter, r *http.Request) {
	var ask ReplayAsk
	if err := read(r, &ask); err != nil {
		h.fail(w, r, err)
		return
	}
	one, err := h.replays.begin(ask)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/api/replays/"+one.ID)
	answer(w, http.StatusAccepted, one)
}

func (h *handlers) listReplays(w http.ResponseWriter, r *http.Request) {
	list, err := h.replays.list()
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"replays": list})
}

func (h *handlers) showReplay(w http.ResponseWriter, r *http.Request) {
	one, err := h.replays.find(r.PathValue("id"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, one)
}

var errNotInterrupted = errors.New("that replay does not run")

func (h *handlers) stopReplay(w http.ResponseWriter, r *http.Request) {
	if !h.replays.stop(r.PathValue("id")) {
		h.refuse(w, r, http.StatusConflict, errNotInterrupted.Error())
		return
	}
	answer(w, http.StatusAccepted, map[string]bool{"stopping": true})
}
