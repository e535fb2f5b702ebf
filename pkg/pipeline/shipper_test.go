package pipeline

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
)

func TestShipperDeliversInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		r := newRig(t, sink)
		r.common.Concurrency = 1
		r.common.Batch.MaxEvents = 7
		for range 10 {
			r.journal.append(5)
		}
		s := r.start()
		s.finish()
		if got, want := sink.got(), upTo(50); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		r.balance(s.shipper)
		if r.cursor.stored.Sequence != 50 || r.cursor.stored.Numbered != 50 {
			t.Errorf("stored %+v, want sequence and number 50", r.cursor.stored)
		}
	})
}

func TestShipperWaitsForCompanyNoLongerThanLinger(t *testing.T) {
	for _, linger := range []time.Duration{0, 50 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			sink := &fakeSink{}
			r := newRig(t, sink)
			r.common.Batch.Linger = config.Duration(linger)
			s := r.start()
			synctest.Wait()
			at := time.Now()
			r.journal.append(1)
			time.Sleep(linger)
			synctest.Wait()
			sent := sink.sent()
			if len(sent) != 1 || sent[0].at.Sub(at) != linger {
				t.Errorf("linger %v: got requests %v after %v, want one after the linger", linger, sent, at)
			}
			s.finish()
		})
	}
}

func TestShipperTakesWhatIsThereTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		r := newRig(t, sink)
		r.common.Batch.Linger = 0
		r.common.Batch.MaxEvents = 100
		for range 100 {
			r.journal.append(3)
		}
		s := r.start()
		synctest.Wait()
		if got := len(sink.sent()); got != 3 {
			t.Errorf("got %d requests for 300 events that were there, want 3", got)
		}
		s.finish()
	})
}

func TestShipperKeepsBatchesUnderBothLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		r := newRig(t, sink)
		r.common.Batch.MaxBytes = 500
		r.journal.append(100)
		s := r.start()
		s.finish()
		for _, q := range sink.sent() {
			if q.bytes > 500 {
				t.Errorf("got a request of %d bytes, want at most 500", q.bytes)
			}
		}
		if got := len(sink.got()); got != 100 {
			t.Errorf("got %d events, want 100", got)
		}
		for i, seq := range sink.got() {
			if sink.numbers[seq] != seq {
				t.Errorf("event %d, at %d, has number %d", seq, i, sink.numbers[seq])
			}
		}
	})
}

func TestShipperRetriesForEverAndSaysSoOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
			if up.Load() {
				return sinks.Report{}, nil
			}
			return sinks.Report{}, fault.New(fault.Retry, "refused_connection", errors.New("connection refused"))
		}}
		r := newRig(t, sink)
		r.common.Concurrency = 1
		r.journal.append(10)
		s := r.start()
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if n := strings.Count(r.logs.String(), "does not take events"); n != 1 {
			t.Errorf("got %d log lines, want 1", n)
		}
		// About one a half of the maximum, and never a storm.
		if n := len(sink.sent()); n < 9 || n > 60 {
			t.Errorf("got %d attempts in 9 minutes", n)
		}
		if lag := time.Since(s.unacked()); lag < 9*time.Minute {
			t.Errorf("got lag %v, want at least 9m", lag)
		}
		up.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := sink.got(); !slices.Equal(got, upTo(10)) {
			t.Errorf("got %v, want all", got)
		}
		if !s.unacked().IsZero() {
			t.Error("got a lag, want none")
		}
		s.finish()
		r.balance(s.shipper)
	})
}

// However often the lag is asked for before anything was read, it is the age of
// what waits, not of the process.
func TestLagOfABacklogIsItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
			return sinks.Report{}, fault.New(fault.Retry, "refused_connection", errors.New("connection refused"))
		}}
		r := newRig(t, sink)
		r.journal.append(10)
		time.Sleep(time.Hour)
		s := r.start()
		for range 2 {
			if lag := time.Since(s.unacked()); lag < time.Hour {
				t.Errorf("got lag %v, want at least 1h", lag)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		s.abort()
		<-s.done
	})
}

func TestShipperObeysRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
			if first {
				first = false
				return sinks.Report{}, &fault.Error{Kind: fault.Retry, Reason: "status_429", After: 17 * time.Second, Err: errors.New("slow down")}
			}
			return sinks.Report{}, nil
		}}
		r := newRig(t, sink)
		r.journal.append(1)
		s := r.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		sent := sink.sent()
		if len(sent) != 2 {
			t.Fatalf("got %d requests, want 2", len(sent))
		}
		if wait := sent[1].at.Sub(sent[0].at); wait < 17*time.Second || wait > 20*time.Second {
			t.Errorf("got a wait of %v, want 17s and a little", wait)
		}
		s.finish()
	})
}

// Who stops does not wait for a sink that wants to be left alone for longer than
// there is time.
func TestShipperDoesNotDrainPastItsTime(t *testing.T) {
	for after, want := range map[time.Duration]int{time.Minute: 2, 2 * time.Hour: 1} {
		synctest.Test(t, func(t *testing.T) {
			first := true
			sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
				if !first {
					return sinks.Report{}, nil
				}
				first = false
				return sinks.Report{}, &fault.Error{Kind: fault.Retry, Reason: "status_429", After: after, Err: errors.New("slow down")}
			}}
			r := newRig(t, sink)
			r.journal.append(1)
			s := r.start()
			time.Sleep(10 * time.Second)
			began := time.Now()
			s.finish()
			if n := len(sink.sent()); n != want {
				t.Errorf("asked to wait %v: got %d requests, want %d", after, n, want)
			}
			if took := time.Since(began); want == 1 && took > 0 {
				t.Errorf("asked to wait %v: it took %v to stop", after, took)
			}
		})
	}
}

func TestShipperNeverGivesUpOnCredentials(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Credentials, fault.Setup} {
		synctest.Test(t, func(t *testing.T) {
			sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
				return sinks.Report{}, fault.New(kind, "", errors.New("no"))
			}}
			r := newRig(t, sink)
			r.common.Concurrency = 1
			r.journal.append(10)
			s := r.start()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if n := len(sink.sent()); n < 9 || n > 11 {
				t.Errorf("%v: got %d attempts in 10 minutes, want one a minute", kind, n)
			}
			if l := r.deadLetters(); len(l) != 0 {
				t.Errorf("%v: got %d dead letters, want none", kind, len(l))
			}
			if word, _, wait := s.state(s.lane.snapshot()); word != "blocked" || wait == nil || wait.Next.IsZero() {
				t.Errorf("%v: got state %q waiting for %+v, want blocked with the next try", kind, word, wait)
			}
			s.finish()
			if c := s.at(); c.Sequence != 0 {
				t.Errorf("%v: the cursor moved to %d", kind, c.Sequence)
			}
		})
	}
}

func TestShipperTimesOutAStalledSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalls := 2
		sink := &fakeSink{answer: func(ctx context.Context, _ sinks.Batch) (sinks.Report, error) {
			if stalls > 0 {
				stalls--
				<-ctx.Done()
				return sinks.Report{}, ctx.Err()
			}
			return sinks.Report{}, nil
		}}
		r := newRig(t, sink)
		r.common.Concurrency = 1
		r.journal.append(3)
		s := r.start()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := sink.got(); !slices.Equal(got, upTo(3)) {
			t.Errorf("got %v, want all", got)
		}
		if !strings.Contains(r.logs.String(), "reason=timeout") {
			t.Errorf("got logs %s, want the reason timeout", r.logs)
		}
		s.finish()
	})
}

// A poison event among many costs one dead letter and a bisection.
func TestShipperFindsPoisonByBisection(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Refused, fault.TooLarge} {
		for _, poison := range []uint64{1, 4711, 10000} {
			synctest.Test(t, func(t *testing.T) {
				sink := &fakeSink{answer: func(_ context.Context, b sinks.Batch) (sinks.Report, error) {
					for _, item := range b.Items {
						if item.Event.Sequence == poison {
							return sinks.Report{}, fault.New(kind, "status_400", errors.New("bad event"))
						}
					}
					return sinks.Report{}, nil
				}}
				r := newRig(t, sink)
				r.common.Batch.MaxEvents = 10000
				r.common.Concurrency = 1
				r.journal.append(10000)
				s := r.start()
				s.finish()
				letters := r.deadLetters()
				if len(letters) != 1 || letters[0].Sequence != poison || letters[0].Number != poison {
					t.Fatalf("%v: got dead letters %v, want event %d", kind, letters, poison)
				}
				want := slices.DeleteFunc(upTo(10000), func(n uint64) bool { return n == poison })
				if got := sink.got(); !slices.Equal(got, want) {
					t.Errorf("%v: got %d events, want all others in order", kind, len(got))
				}
				if extra, most := len(sink.sent())-1, int(2*math.Ceil(math.Log2(10000))); extra > most {
					t.Errorf("%v: got %d extra requests, want at most %d", kind, extra, most)
				}
				if c := s.at(); c.DeadLetter != 1 || c.Sequence != 10000 {
					t.Errorf("%v: got cursor %+v", kind, c)
				}
				r.balance(s.shipper)
			})
		}
	}
}

func TestShipperActsOnEachResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := map[uint64]int{}
		sink := &fakeSink{answer: func(_ context.Context, b sinks.Batch) (sinks.Report, error) {
			var report sinks.Report
			for i, item := range b.Items {
				seq := item.Event.Sequence
				tries[seq]++
				switch {
				case seq == 2:
					report.Results = append(report.Results, sinks.Result{Index: i, Outcome: sinks.Duplicate})
				case seq == 3:
					report.Results = append(report.Results, sinks.Result{Index: i, Outcome: sinks.Refused, Err: refused("mapping")})
				case seq == 4 && tries[seq] < 3, seq == 5 && tries[seq] < 2:
					report.Results = append(report.Results, sinks.Result{Index: i, Outcome: sinks.Again, Err: errors.New("busy")})
				}
			}
			// What makes no sense must do no harm.
			report.Results = append(report.Results, sinks.Result{Index: 999, Outcome: sinks.Refused}, sinks.Result{Index: -1, Outcome: sinks.Again})
			return report, nil
		}}
		r := newRig(t, sink)
		r.journal.append(6)
		s := r.start()
		time.Sleep(5 * time.Minute)
		s.finish()
		want := map[uint64]int{1: 1, 2: 1, 3: 1, 4: 3, 5: 2, 6: 1}
		for seq, n := range want {
			if tries[seq] != n {
				t.Errorf("event %d was sent %d times, want %d", seq, tries[seq], n)
			}
		}
		c := s.at()
		if c.Delivered != 4 || c.Duplicate != 1 || c.DeadLetter != 1 {
			t.Errorf("got %+v, want 4 delivered, 1 duplicate, 1 dead letter", c)
		}
		if l := r.deadLetters(); len(l) != 1 || l[0].Reason != "mapping" || !strings.Contains(l[0].Error, "mapping conflict") {
			t.Errorf("got dead letters %+v", l)
		}
		r.balance(s.shipper)
	})
}

func TestShipperMovesTheCursorInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		sink := &fakeSink{}
		sink.answer = func(_ context.Context, b sinks.Batch) (sinks.Report, error) {
			if b.Items[0].Event.Sequence == 11 {
				<-release
			}
			return sinks.Report{}, nil
		}
		r := newRig(t, sink)
		r.common.Batch.MaxEvents = 10
		r.common.Concurrency = 3
		r.journal.append(100)
		s := r.start()
		synctest.Wait()
		if got := len(sink.got()); got != 30 {
			t.Errorf("got %d events, want the first 10 and the 20 that may be in flight beside the second batch", got)
		}
		if c := s.at(); c.Sequence != 10 {
			t.Errorf("the cursor is at %d although the second batch is not acknowledged", c.Sequence)
		}
		close(release)
		s.finish()
		if c := s.at(); c.Sequence != 100 || c.Delivered != 100 {
			t.Errorf("got cursor %+v, want 100", c)
		}
		if sink.most > 3 {
			t.Errorf("%d requests ran at once, want at most 3", sink.most)
		}
	})
}

// Filtered events get no number, move the cursor, and store it at a bounded
// rate.
func TestShipperFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		r := newRig(t, sink)
		r.where = `event.action == "noise"`
		s := r.start()
		for range 100 {
			r.journal.append(1)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		c := s.at()
		if c.Sequence != 100 || c.Filtered != 67 || c.Delivered != 33 || c.Numbered != 33 {
			t.Errorf("got %+v, want 67 filtered and 33 delivered", c)
		}
		for seq, n := range sink.numbers {
			if n != seq/3 {
				t.Errorf("event %d has number %d, want %d", seq, n, seq/3)
			}
		}
		s.finish()
		if r.cursor.stores > 10 {
			t.Errorf("the cursor was stored %d times in 4 seconds", r.cursor.stores)
		}
		if r.cursor.stored.Sequence != 100 {
			t.Errorf("stored %d, want 100", r.cursor.stored.Sequence)
		}
		r.balance(s.shipper)
	})
}

func TestShipperCountsHoles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		r := newRig(t, sink)
		r.journal.append(5)
		r.journal.lose(4)
		r.journal.append(5)
		r.journal.append(1)
		s := r.start()
		s.finish()
		if c := s.at(); c.Lost != 4 || c.Delivered != 11 || c.Sequence != 15 || c.Numbered != 11 {
			t.Errorf("got %+v, want 4 lost and 11 delivered", c)
		}
		r.balance(s.shipper)
	})
}

func TestShipperStops(t *testing.T) {
	t.Run("with a sink that is down, at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
				return sinks.Report{}, errors.New("down")
			}}
			r := newRig(t, sink)
			r.journal.append(5)
			s := r.start()
			time.Sleep(time.Minute)
			at := time.Now()
			s.finish()
			if took := time.Since(at); took > time.Second {
				t.Errorf("it took %v", took)
			}
			if c := s.at(); c.Sequence != 0 {
				t.Errorf("the cursor moved to %d", c.Sequence)
			}
		})
	})
	t.Run("with a request that does not end, after a grace", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
				<-release
				return sinks.Report{}, nil
			}}
			r := newRig(t, sink)
			r.journal.append(5)
			s := r.start()
			time.Sleep(10 * time.Second)
			at := time.Now()
			s.kill()
			if took := time.Since(at); took > 2*grace {
				t.Errorf("it took %v", took)
			}
			close(release)
		})
	})
	t.Run("without lingering", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sink := &fakeSink{}
			r := newRig(t, sink)
			r.common.Batch.Linger = config.Duration(time.Hour)
			s := r.start()
			r.journal.append(5)
			synctest.Wait()
			at := time.Now()
			s.finish()
			if took := time.Since(at); took > 0 || len(sink.got()) != 5 {
				t.Errorf("it took %v to deliver %d events, want 5 at once", took, len(sink.got()))
			}
		})
	})
	t.Run("on halt, after what runs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
				time.Sleep(time.Second)
				return sinks.Report{}, nil
			}}
			r := newRig(t, sink)
			r.common.Batch.MaxEvents = 10
			r.journal.append(1000)
			s := r.start()
			time.Sleep(1500 * time.Millisecond)
			synctest.Wait()
			s.halt()
			<-s.done
			if c := r.cursor.stored; c.Sequence != 30 {
				t.Errorf("stored %d, want the 10 before and the 20 that were in flight", c.Sequence)
			}
			s.abort()
		})
	})
}

// resumeSink knows by itself how far it has got.
type resumeSink struct {
	fakeSink
	through uint64
	fails   int
	asked   []uint64
}

func (s *resumeSink) Resume(_ context.Context, cursor uint64) (uint64, error) {
	s.asked = append(s.asked, cursor)
	if s.fails > 0 {
		s.fails--
		return 0, errors.New("no coordinator")
	}
	return s.through, nil
}

func TestShipperResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &resumeSink{through: 8, fails: 3}
		r := newRig(t, sink)
		r.where = `event.action != "noise"`
		r.journal.append(12)
		s := r.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		s.finish()
		if want := []uint64{10, 11}; !slices.Equal(sink.got(), want) {
			t.Errorf("got %v, want %v", sink.got(), want)
		}
		// 3, 6, 9 and 12 are filtered; 1 2 4 5 7 8 were there already.
		if c := s.at(); c.Delivered != 8 || c.Filtered != 4 || c.Numbered != 8 {
			t.Errorf("got %+v", c)
		}
		if sink.numbers[10] != 7 || sink.numbers[11] != 8 {
			t.Errorf("got numbers %v, want 7 and 8", sink.numbers)
		}
		if len(sink.asked) != 4 {
			t.Errorf("asked %d times, want 4", len(sink.asked))
		}
		r.balance(s.shipper)
	})
}

func TestShipperDoesNotBelieveASinkThatIsAheadOfTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &resumeSink{through: 5000}
		r := newRig(t, sink)
		r.journal.append(12)
		s := r.start()
		s.finish()
		if got := sink.got(); !slices.Equal(got, upTo(12)) {
			t.Errorf("got %v, want all", got)
		}
	})
}

func TestShipperGoesOnAlthoughTheCursorCannotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		r := newRig(t, sink)
		r.cursor.fail = errors.New("no space left on device")
		r.journal.append(5)
		s := r.start()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(sink.got()) != 5 || s.stored.Load() != 0 {
			t.Errorf("got %d delivered and %d stored, want 5 and 0", len(sink.got()), s.stored.Load())
		}
		r.cursor.mu.Lock()
		r.cursor.fail = nil
		r.cursor.mu.Unlock()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s.stored.Load() != 5 {
			t.Errorf("stored %d, want 5", s.stored.Load())
		}
		s.finish()
	})
}

// A dead letter that cannot be stored holds up its sink, and is not lost.
func TestShipperWaitsForRoomForADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{answer: func(_ context.Context, b sinks.Batch) (sinks.Report, error) {
			return sinks.Report{Results: []sinks.Result{{Index: 0, Outcome: sinks.Refused, Err: refused("mapping")}}}, nil
		}}
		r := newRig(t, sink)
		dir := t.TempDir()
		var err error
		if r.letters, err = deadletter.Open(dir); err != nil {
			t.Fatal(err)
		}
		obstacle := filepath.Join(dir, "LOCK") // the store cannot lock a directory
		if err := os.Mkdir(obstacle, 0o700); err != nil {
			t.Fatal(err)
		}
		r.journal.append(3)
		s := r.start()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if c := s.at(); c.Sequence != 0 {
			t.Errorf("the cursor moved to %d although the dead letter is not stored", c.Sequence)
		}
		if err := os.Remove(obstacle); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		s.finish()
		if c := s.at(); c.Sequence != 3 || c.DeadLetter != 1 || c.Delivered != 2 {
			t.Errorf("got %+v, want one dead letter", c)
		}
		if len(r.deadLetters()) != 1 || len(sink.sent()) != 1 {
			t.Errorf("got %d dead letters from %d requests, want one of each", len(r.deadLetters()), len(sink.sent()))
		}
	})
}

// A sink that comes and goes does not fill the log.
func TestShipperLogsAFlappingSinkSparely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
			if n.Add(1)%2 == 0 {
				return sinks.Report{}, errors.New("reset")
			}
			return sinks.Report{}, nil
		}}
		r := newRig(t, sink)
		r.common.Batch.Linger = 0
		s := r.start()
		for range 300 {
			r.journal.append(1)
			time.Sleep(time.Second)
		}
		s.finish()
		if lines := strings.Count(r.logs.String(), "\n"); lines > 15 {
			t.Errorf("got %d log lines in 5 minutes", lines)
		}
	})
}

// A batch must hold nothing of the frames it was made of, whose memory is used
// again, and events that cannot be encoded must not pile up.
func TestBuilderHoldsNoFrames(t *testing.T) {
	b := builder{sink: "sink", enc: failing{}, maxEvents: 10, maxBytes: 1000, pool: new(sync.Pool), chunks: new(sync.Pool)}
	want := testEvent(1)
	frame := want
	memory := frame.MoveText(nil)
	b.add([]event.Event{frame}, time.Now())
	clear(memory)
	if got := b.finish().items[0].Event; got.Envelope != want.Envelope || got.Doc != nil {
		t.Errorf("got %+v, want the envelope of %+v", got, want)
	}

	frame = testEvent(2)
	frame.Doc = bytes.Clone(frame.Doc)
	doc := string(frame.Doc)
	b.enc = failing{errors.New("no")}
	b.add([]event.Event{frame}, time.Now())
	clear(frame.Doc)
	if got := string(b.finish().letters[0].Body); got != doc {
		t.Errorf("got a dead letter of %q, want %q", got, doc)
	}

	events := make([]event.Event, 20)
	for i := range events {
		events[i] = testEvent(3 + uint64(i)) // #nosec G115 -- small
		events[i].Doc = append(events[i].Doc, make([]byte, 100)...)
	}
	if left := b.add(events, time.Now()); len(left) == 0 || len(b.cur.letters)+len(left) != len(events) {
		t.Errorf("got %d letters in a batch and %d events left, want some of each", len(b.cur.letters), len(left))
	}
}

// failing is an encoder that writes nothing, or fails.
type failing struct{ err error }

func (f failing) Append(dst []byte, _ *event.Event, _ event.Delivery) ([]byte, error) {
	return dst, f.err
}

// A sink that never answers keeps one batch in memory, however many may be in
// flight.
func TestShipperHoldsOneBatchForADeadSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
			return sinks.Report{}, errors.New("connection refused")
		}}
		r := newRig(t, sink)
		r.common.Concurrency = 8
		r.common.Batch.MaxEvents = 10
		r.journal.append(1000)
		s := r.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		_, inflight, _ := s.state(s.lane.snapshot())
		one := sink.sent()[0].bytes
		if inflight != one || sink.most != 1 {
			t.Errorf("got %d bytes in %d requests at once, want one batch of %d", inflight, sink.most, one)
		}
		s.finish()
	})
}
