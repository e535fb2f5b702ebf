package pipeline

import (
	"context"
	"sync"

	"github.com/shiplog/shiplog/pkg/sinks"
)

// resume asks a sink that knows by itself how far it has got. It returns false
// where shipping must not begin.
func (s *shipper) resume(ctx context.Context, drain, halt <-chan struct{}) bool {
	ctx, cancel := context.WithCancel(ctx)
	answer := make(chan uint64, 1)
	var asking sync.WaitGroup
	asking.Go(func() {
		defer close(answer)
		if through, err := s.lane.ask(ctx, s.builder.read); err == nil {
			answer <- through
		}
	})
	defer asking.Wait()
	defer cancel()
	in := s.frames
	for {
		select {
		case f := <-in: // one, so that the lag is known
			in = nil
			s.receive(f)
		case through, ok := <-answer:
			if ok {
				s.begin(through)
			}
			return ok
		case <-drain:
			s.enter(phaseDraining)
			s.draining, drain = true, nil
		case <-halt:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// begin takes in how far the sink says that it has got.
func (s *shipper) begin(through uint64) {
	if last := s.held; through > last {
		// Not this journal's numbers: its directory was replaced. Too much sent
		// is better than too little.
		s.log.Error("the sink says that it has events that the journal does not hold yet; its word is not used",
			"through", through, "last", last)
		return
	}
	if through > s.builder.read {
		s.log.Info("the sink is ahead of its cursor; what it has is not sent again", "cursor", s.builder.read, "through", through)
	}
	s.builder.resumed = through
}

// ask asks the sink how far it has got until it answers; cursor is the answer of
// one that does not know. Requests may be made from then on.
func (l *lane) ask(ctx context.Context, cursor uint64) (through uint64, err error) {
	resumer, ok := l.sink.(sinks.Resumer)
	if !ok {
		close(l.asked)
		return cursor, nil
	}
	wait := backoff{initial: l.retryInitial, max: l.retryMax}
	for {
		through, err := l.askNow(ctx, resumer, cursor)
		if err == nil {
			close(l.asked)
			l.succeeded()
			return through, nil
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err := l.pause(ctx, err, &wait); err != nil {
			return 0, err
		}
	}
}

func (l *lane) askNow(ctx context.Context, r sinks.Resumer, cursor uint64) (uint64, error) {
	if l.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.timeout)
		defer cancel()
	}
	return r.Resume(ctx, cursor)
}

// askOnce is ask for a lane without a shipper that runs: a replay by a process
// of its own. Its callers do not overlap.
func (l *lane) askOnce(ctx context.Context, cursor uint64) error {
	select {
	case <-l.asked:
		return nil
	default:
	}
	_, err := l.ask(ctx, cursor)
	return err
}
