package pipeline

import (
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
)

// Status is a snapshot of everything that an operator asks for.
type Status struct {
	Time    time.Time      `json:"time"`
	Version string         `json:"version"`
	Agent   string         `json:"agent,omitempty"` // id
	Running bool           `json:"running"`
	Sources []SourceStatus `json:"sources"` // by name
	Journal JournalStatus  `json:"journal"`
	Sinks   []SinkStatus   `json:"sinks"` // by name
	Letters map[string]int `json:"dead_letters"`
}

// Wait says what a part waits for.
type Wait struct {
	For   string    `json:"for"`
	Since time.Time `json:"since,omitzero"`
	Next  time.Time `json:"next,omitzero"` // when it tries next; zero: it does not know
}

// Failure is the last thing that went wrong.
type Failure struct {
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	Error  string    `json:"error"`
}

// SourceStatus is one source.
type SourceStatus struct {
	Name      string            `json:"name"`
	Type      string            `json:"type"`
	State     string            `json:"state"` // starting, running, failed, done, stopped
	Since     time.Time         `json:"since"`
	Waiting   *Wait             `json:"waiting,omitempty"`
	Connected *bool             `json:"connected,omitempty"` // absent: the source does not connect
	Complete  time.Time         `json:"complete,omitzero"`   // everything up to then is in the journal
	Lag       float64           `json:"lag_seconds"`         // since Complete; 0 where the source does not say
	Position  map[string]string `json:"position,omitempty"`  // printable parts, at most a few
	Parts     int               `json:"position_parts"`
	Records   uint64            `json:"records"` // this and what follows: since the process began
	Bytes     uint64            `json:"bytes"`
	Events    uint64            `json:"events"`
	Invalid   uint64            `json:"invalid"`
	Dropped   uint64            `json:"dropped"`
	Duplicate uint64            `json:"duplicates"`
	Conflicts uint64            `json:"conflicting_ids"`
	Late      uint64            `json:"late"`
	Errors    uint64            `json:"errors"`
	Rate      float64           `json:"events_per_second"`
	LastError *Failure          `json:"last_error,omitempty"`

	// Reconciled is how the last agent reconcile of it ended; absent: none has.
	Reconciled *Reconciled        `json:"last_reconcile,omitempty"`
	Gauges     map[string]float64 `json:"gauges,omitempty"`
}

// JournalStatus is the journal.
type JournalStatus struct {
	ID        string    `json:"id"` // what sequences are unique together with
	First     uint64    `json:"first"`
	Last      uint64    `json:"last"`
	Segments  int       `json:"segments"`
	Bytes     int64     `json:"bytes"`
	Oldest    time.Time `json:"oldest,omitzero"` // when the oldest kept event was appended
	Head      string    `json:"head"`            // chain hash of the last frame, hex
	Full      bool      `json:"full"`            // the sources are blocked for want of room
	FullSince time.Time `json:"full_since,omitzero"`
	Failure   string    `json:"failure,omitempty"` // it must not be written to any more
}

// SinkStatus is one sink.
type SinkStatus struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	State string `json:"state"` // starting, idle, delivering, retrying, blocked, draining, stopped

	// Since is when the sink began to take events, or stopped taking them.
	Since        time.Time `json:"since"`
	Up           bool      `json:"up"`
	Waiting      *Wait     `json:"waiting,omitempty"`
	LastError    *Failure  `json:"last_error,omitempty"`
	LastSuccess  time.Time `json:"last_success,omitzero"`
	Attempts     int       `json:"attempts"` // failures in a row
	Cursor       uint64    `json:"cursor"`
	Stored       uint64    `json:"cursor_stored"` // what a restart would begin at
	Base         uint64    `json:"base"`          // the sequence before the first event it was due
	Backlog      uint64    `json:"backlog_events"`
	BacklogBytes int64     `json:"backlog_bytes"`
	Lag          float64   `json:"lag_seconds"`
	InFlight     int       `json:"in_flight_bytes"`
	Delivered    uint64    `json:"delivered"` // this and what follows: since the sink began
	Duplicate    uint64    `json:"duplicate"`
	Filtered     uint64    `json:"filtered"`
	DeadLetter   uint64    `json:"dead_letter"`
	Lost         uint64    `json:"lost"`
	Number       uint64    `json:"delivery_number"`
	Retries      uint64    `json:"retries"` // since the process began
	Requests     uint64    `json:"requests"`
	WireBytes    uint64    `json:"wire_bytes"`
	Rate         float64   `json:"events_per_second"`
}

// Shipper is what every event that is shipped says of this agent.
func (p *Pipeline) Shipper() *event.Shipper { return p.by }

// Status returns how everything is. It blocks for no part.
func (p *Pipeline) Status() Status {
	p.mu.Lock()
	intakes := make([]*runningIntake, 0, len(p.intakes))
	for _, name := range slices.Sorted(maps.Keys(p.intakes)) {
		intakes = append(intakes, p.intakes[name])
	}
	shippers := make([]*runningShipper, 0, len(p.shippers))
	for _, name := range slices.Sorted(maps.Keys(p.shippers)) {
		shippers = append(shippers, p.shippers[name])
	}
	running := p.live != nil
	p.mu.Unlock()

	cursors := make([]journal.Cursor, len(shippers))
	for i, sh := range shippers {
		cursors[i] = sh.at()
	}
	// After the cursors, so that none is ahead of the journal that is shown.
	s := Status{Time: time.Now().UTC(), Version: p.deps.Version, Agent: p.deps.Agent, Running: running, Journal: p.journalStatus()}
	for _, in := range intakes {
		src := in.status(s.Time)
		src.Reconciled, _ = LastReconciled(p.deps.DataDir, src.Name) // absent where it cannot be read, as where there is none
		s.Sources = append(s.Sources, src)
	}
	for i, sh := range shippers {
		s.Sinks = append(s.Sinks, p.sinkStatus(sh, cursors[i], s.Journal.Last, s.Time))
	}
	s.Letters, _ = p.deps.Letters.Count() // absent where it cannot be read: the log says why
	return s
}

func (p *Pipeline) journalStatus() JournalStatus {
	j := p.deps.Journal.Stats()
	s := JournalStatus{
		ID: p.deps.Journal.ID(), First: j.First, Last: j.Last, Segments: j.Segments, Bytes: j.Bytes, Oldest: j.OldestTime,
		Head: hex.EncodeToString(j.Head[:]), Full: j.Full, FullSince: j.FullSince,
	}
	if err := p.failureNow(); err != nil {
		s.Failure = err.Error()
	}
	return s
}

// shownParts is how many parts of a position a status shows.
const shownParts = 20

func (in *runningIntake) status(now time.Time) SourceStatus {
	m, c := in.monitor.snapshot(), &in.counts
	s := SourceStatus{
		Name: in.name, Type: in.spec.Type, State: m.phase, Since: m.since,
		Connected: m.connected, Complete: m.complete, Gauges: m.gauges,
		Records: c.records.Load(), Bytes: c.bytes.Load(), Events: c.events.Load(),
		Invalid: c.invalid.Load(), Dropped: c.dropped.Load(), Duplicate: c.duplicates.Load(),
		Conflicts: c.conflicting.Load(), Late: c.late.Load(), Errors: m.errors, Rate: in.rate.value(),
	}
	if s.State == "" {
		s.State = "starting"
	}
	if m.waiting != "" {
		s.Waiting = &Wait{For: m.waiting, Since: m.waitSince, Next: m.next}
	}
	if !m.complete.IsZero() {
		s.Lag = max(0, now.Sub(m.complete).Seconds())
	}
	if m.lastErr != "" {
		s.LastError = &Failure{Time: m.lastAt, Reason: m.lastReason, Error: m.lastErr}
	}
	position := in.journal.Position(in.name)
	s.Parts = len(position)
	for part, bookmark := range position {
		if len(s.Position) >= shownParts {
			break
		}
		if s.Position == nil {
			s.Position = make(map[string]string)
		}
		s.Position[part] = printable(bookmark)
	}
	return s
}

// printable shows a bookmark as text, or as hex where it is not.
func printable(b []byte) string {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return hex.EncodeToString(b)
		}
	}
	return string(b)
}

// sinkStatus is of a sink whose cursor was c when the journal ended at last.
func (p *Pipeline) sinkStatus(sh *runningShipper, c journal.Cursor, last uint64, now time.Time) SinkStatus {
	oldest := sh.unacked()
	l := sh.lane.snapshot()
	s := SinkStatus{
		Name: sh.name, Type: sh.spec.Spec.Type, Since: l.since, Up: !l.down,
		LastSuccess: l.success, Attempts: l.attempts,
		Cursor: c.Sequence, Stored: sh.stored.Load(), Base: c.Base,
		Backlog: last - min(c.Sequence, last), BacklogBytes: p.deps.Journal.Backlog(c.Sequence),
		Delivered: c.Delivered, Duplicate: c.Duplicate, Filtered: c.Filtered, DeadLetter: c.DeadLetter,
		Lost: c.Lost, Number: c.Numbered,
		Retries: sh.lane.retries.Load(), Requests: sh.lane.requests.Load(), WireBytes: sh.lane.bytes.Load(),
		Rate: sh.rate.value(),
	}
	if !oldest.IsZero() {
		s.Lag = max(0, now.Sub(oldest).Seconds())
	}
	if l.lastErr != "" {
		s.LastError = &Failure{Time: l.lastAt, Reason: l.reason, Error: l.lastErr}
	}
	s.State, s.InFlight, s.Waiting = sh.state(l)
	return s
}

// state says in one word what a shipper is doing, and what it waits for.
func (s *shipper) state(l laneState) (word string, inflight int, wait *Wait) {
	s.mu.Lock()
	phase, since := s.phase, s.since.UTC()
	inflight = s.bytes
	s.mu.Unlock()
	word = string(phase)
	switch {
	case phase == phaseStopped:
		return word, inflight, nil
	case l.down && forOperator(l.kind):
		word = "blocked"
		wait = &Wait{For: "an operator: " + l.kind.String(), Since: l.since, Next: l.next}
	case l.down:
		word = "retrying"
		wait = &Wait{For: "the sink", Since: l.since, Next: l.next}
	case l.text != "":
		word = "delivering"
		wait = &Wait{For: l.text}
	case phase == phaseStarting:
		wait = &Wait{For: "the sink to say how far it has got", Since: since}
	case phase == phaseRunning && inflight > 0:
		word = "delivering"
		wait = &Wait{For: "the sink's answer"}
	case phase == phaseRunning:
		word = "idle"
		wait = &Wait{For: "events", Since: l.success}
	}
	return word, inflight, wait
}
