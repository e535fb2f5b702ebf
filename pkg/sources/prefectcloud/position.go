package prefectcloud

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// mark is how far one reading of a feed has got. Each is a part of the position:
//
//	FEED              the watermark: what polls move
//	FEED/past/N       a backfill; gone once it is done
//	FEED/sweep/DELAY  what was read again DELAY later
//	repair/FILE       a repair file that was taken in; gone with the file
type mark struct {
	// To is the time up to which, exclusive, everything was read.
	To time.Time `json:"to"`

	// From is the time from which on everything was read or is a backfill's.
	From time.Time `json:"from"`

	// End is where a backfill ends.
	End time.Time `json:"end,omitzero"`

	// Edge is the events at To, and after it where pages overlapped, that were
	// read already, by their keys: a backfill goes on from them.
	Edge []uint64 `json:"edge,omitempty"`

	// Far is the time of the last event in Edge.
	Far time.Time `json:"far,omitzero"`
}

func (m mark) encode() []byte {
	text, _ := json.Marshal(m) // times and numbers
	return text
}

func decodeMark(part string, text []byte) (mark, error) {
	var m mark
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read the position of %s: %w", part, err)
	}
	return m, nil
}

// key is what tells events apart: what they say, because two different events
// may have one id, and nobody must be able to make two that look the same here.
func (it item) key() uint64 {
	sum := sha256.Sum256(it.raw)
	return binary.LittleEndian.Uint64(sum[:8])
}

// marks is the position of one feed.
type marks struct {
	live   *mark // nil: first run
	past   map[string]mark
	sweeps map[string]mark
}

func decodeMarks(name string, from event.Position) (marks, error) {
	all := marks{past: make(map[string]mark), sweeps: make(map[string]mark)}
	for part, text := range from {
		rest, ok := strings.CutPrefix(part, name)
		if !ok || (rest != "" && rest[0] != '/') {
			continue
		}
		m, err := decodeMark(part, text)
		if err != nil {
			return all, err
		}
		switch {
		case rest == "":
			all.live = &m
		case strings.HasPrefix(rest, "/past/"):
			all.past[part] = m
		case strings.HasPrefix(rest, "/sweep/"):
			all.sweeps[part] = m
		}
	}
	return all, nil
}

// pending lists the backfills, the newest first: it is the likeliest to be
// asked for.
func (m *marks) pending() []string {
	var parts []string
	for part := range m.past {
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b string) int { return m.past[b].End.Compare(m.past[a].End) })
	return parts
}

// complete is the time up to which everything was read.
func (m *marks) complete() time.Time {
	at := m.live.To
	for _, p := range m.past {
		if p.To.Before(at) {
			at = p.To
		}
	}
	return at
}

// floor is the time below which a backfill has yet to read: nothing else reads
// there before it has, or events would be handed over twice that nobody
// remembers any more.
func (m *marks) floor() time.Time {
	var at time.Time
	for _, p := range m.past {
		if p.End.After(at) {
			at = p.End
		}
	}
	return at
}
