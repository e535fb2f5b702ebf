package pipeline

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

func seenEvent(id, content string, at time.Time) *event.Event {
	return &event.Event{Envelope: event.Envelope{ID: id, Occurred: at, Hash: sha256.Sum256([]byte(content))}}
}

func TestSeenForgetsWhatIsPastTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeen(time.Hour)
		for range 24 * 60 { // one a minute for a day
			now := time.Now()
			if found, _ := s.look(seenEvent(now.String(), "x", now)); found != unseen {
				t.Fatalf("an event at %v was seen before", now)
			}
			time.Sleep(time.Minute)
		}
		if s.size < 60 || s.size > 75 {
			t.Errorf("got %d ids, want those of the last hour and a little", s.size)
		}
		recent := time.Now().Add(-55 * time.Minute)
		if found, _ := s.look(seenEvent(recent.String(), "x", recent)); found != repeated {
			t.Error("an event of 55 minutes ago was forgotten")
		}
	})
}

// A producer whose clock is ahead must not push out what is current.
func TestSeenOutlivesAClockThatIsAhead(t *testing.T) {
	s := newSeen(time.Hour)
	now := time.Now()
	s.look(seenEvent("a", "x", now))
	s.look(seenEvent("b", "x", now.Add(1000*time.Hour)))
	if found, _ := s.look(seenEvent("a", "x", now)); found != repeated {
		t.Error("an event of now was forgotten")
	}
}

func TestSeenIsBounded(t *testing.T) {
	s := newSeen(time.Hour)
	s.max = 1000
	now := time.Now()
	for i := range 5000 {
		s.look(seenEvent(fmt.Sprint(i), "x", now.Add(-time.Duration(5000-i)*500*time.Millisecond)))
	}
	if s.size > 1000+500 || !s.early {
		t.Errorf("got %d ids, early %v, want about 1000 and early", s.size, s.early)
	}
	if found, _ := s.look(seenEvent("4999", "x", now)); found != repeated {
		t.Error("the newest event was forgotten")
	}
}

func TestSeenUndo(t *testing.T) {
	s := newSeen(time.Hour)
	now := time.Now()
	_, undo := s.look(seenEvent("a", "x", now))
	undo()
	if found, _ := s.look(seenEvent("a", "x", now)); found != unseen {
		t.Error("an event whose append failed counts as seen")
	}
	changedEvent := seenEvent("a", "y", now)
	if found, _ := s.look(changedEvent); found != changed || changedEvent.ID == "a" {
		t.Errorf("got %v with id %s, want changed with an id of its own", found, changedEvent.ID)
	}
	if found, _ := s.look(seenEvent("a", "y", now)); found != repeated {
		t.Error("the changed event was not recognised")
	}
}

func BenchmarkSeen(b *testing.B) {
	s := newSeen(24 * time.Hour)
	now := time.Now()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.look(seenEvent(fmt.Sprint(i), "x", now.Add(-time.Duration(i%80000)*time.Second)))
		i++
	}
}

// An event that was sent to two workspaces is two events. Where a way does not
// tell the workspace, it is the one that is known.
func TestSeenTellsWorkspacesApart(t *testing.T) {
	s := newSeen(time.Hour)
	look := func(workspace string) sighting {
		e := seenEvent("a", "x", time.Now())
		e.Workspace = workspace
		found, _ := s.look(e)
		return found
	}
	for i, step := range []struct {
		workspace string
		want      sighting
	}{{"w1", unseen}, {"", repeated}, {"w1", repeated}, {"w2", changed}, {"w2", repeated}, {"w1", repeated}} {
		if got := look(step.workspace); got != step.want {
			t.Errorf("%d: an event of workspace %q: got %d, want %d", i, step.workspace, got, step.want)
		}
	}
}
