package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/shiplog/shiplog/pkg/admin"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Operator does what changes something, such as a replay: it asks the agent
// that runs, or where none does, opens the data directory itself.
type Operator struct {
	plan   *Plan
	remote *remote // nil: no agent runs
	own    *agent  // nil: one does
}

// Operate finds out who does the work. Close the operator.
func Operate(ctx context.Context, plan *Plan, o Options) (*Operator, error) {
	r, err := remoteOf(plan.File.Admin)
	if err == nil {
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err = r.get(short, "/healthz", nil)
	}
	refused, answered := errors.AsType[*refusedError](err)
	switch {
	case err == nil, answered && refused.code == http.StatusServiceUnavailable:
		return &Operator{plan: plan, remote: r}, nil
	case !errors.Is(err, errNoAgent):
		return nil, err
	}
	own, failed := assemble(plan, o)
	if errors.Is(failed, journal.ErrLocked) {
		return nil, fmt.Errorf("an agent runs on %s, and only it can do this; but %w", plan.File.DataDir, err)
	}
	if failed != nil {
		return nil, failed
	}
	return &Operator{plan: plan, own: own}, nil
}

// Close gives up what was opened.
func (o *Operator) Close() error {
	if o.own == nil {
		return nil
	}
	return o.own.close()
}

// replayPoll is how often a replay that the agent does is looked at.
const replayPoll = 300 * time.Millisecond

// Replay does a replay and calls progress as it goes on. When ctx ends it is
// interrupted: the same request goes on from there.
func (o *Operator) Replay(ctx context.Context, req pipeline.ReplayRequest, progress func(pipeline.ReplayProgress)) (pipeline.ReplayProgress, error) {
	if o.own != nil {
		return o.own.pipeline.Replay(ctx, req, progress)
	}
	var now admin.Replay
	if err := o.remote.post(ctx, "/api/replay", admin.ReplayAsk{ReplayRequest: req, DryRun: req.DryRun}, &now); err != nil {
		return now.ReplayProgress, err
	}
	tick := time.NewTicker(replayPoll)
	defer tick.Stop()
	for now.State == admin.ReplayRunning {
		if progress != nil {
			progress(now.ReplayProgress)
		}
		select {
		case <-ctx.Done():
			return now.ReplayProgress, errors.Join(ctx.Err(), o.stopReplay(ctx, now.ID))
		case <-tick.C:
		}
		if err := o.remote.get(ctx, "/api/replays/"+now.ID, &now); err != nil && ctx.Err() == nil {
			return now.ReplayProgress, err
		}
	}
	switch now.State {
	case admin.ReplayDone:
		if progress != nil {
			progress(now.ReplayProgress)
		}
		return now.ReplayProgress, nil
	case admin.ReplayInterrupted:
		return now.ReplayProgress, fmt.Errorf("replay to sink %s, at sequence %d: %w", req.Sink, now.Next, context.Canceled)
	default:
		return now.ReplayProgress, errors.New(now.Error)
	}
}

func (o *Operator) stopReplay(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return o.remote.post(ctx, "/api/replays/"+id+"/stop", struct{}{}, nil)
}

// Interrupted finds a replay that did not come to its end.
func (o *Operator) Interrupted(ctx context.Context, id string) (pipeline.ReplayRequest, error) {
	var list []pipeline.ReplayProgress
	if o.own != nil {
		var err error
		if list, err = o.own.pipeline.Replays(); err != nil {
			return pipeline.ReplayRequest{}, err
		}
	} else {
		var body struct {
			Replays []admin.Replay `json:"replays"`
		}
		if err := o.remote.get(ctx, "/api/replays", &body); err != nil {
			return pipeline.ReplayRequest{}, err
		}
		for _, one := range body.Replays {
			if !one.Done && !one.DryRun {
				list = append(list, one.ReplayProgress)
			}
		}
	}
	for _, one := range list {
		if one.ID == id {
			return one.Request, nil
		}
	}
	return pipeline.ReplayRequest{}, fmt.Errorf("no replay %s was interrupted", id)
}

// RetryLetters tries dead letters again.
func (o *Operator) RetryLetters(ctx context.Context, s admin.Selection) (admin.Retried, error) {
	if o.own == nil {
		var done admin.Retried
		err := o.remote.post(ctx, "/api/deadletters/retry", s, &done)
		if err == nil && done.Error != "" {
			err = errors.New(done.Error)
		}
		return done, err
	}
	choose, err := s.Choose()
	if err != nil {
		return admin.Retried{}, err
	}
	r, err := o.own.pipeline.RetryLetters(ctx, s.Owner, choose)
	return admin.Retried{Delivered: r.Delivered, Refused: r.Refused, LastError: r.LastError}, err
}

// DropLetters removes dead letters for good.
func (o *Operator) DropLetters(ctx context.Context, ask admin.DropAsk) (int, error) {
	if o.own == nil {
		var done admin.Dropped
		err := o.remote.post(ctx, "/api/deadletters/drop", ask, &done)
		return done.Dropped, err
	}
	choose, err := ask.Choose()
	if err != nil {
		return 0, err
	}
	return o.own.pipeline.DropLetters(ctx, ask.Owner, ask.Because, choose)
}
