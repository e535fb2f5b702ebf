package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// Bounds of a seen window.
const (
	seenGenerations = 16      // the window is forgotten in this many steps
	seenMax         = 1 << 20 // ids; beyond, the oldest generation goes early
)

// sighting is the verdict of a seen window.
type sighting uint8

const (
	unseen   sighting = iota // not handed over before
	repeated                 // the same id with the same content
	changed                  // the same id with other content: an event of its own
)

// seen recognises events that a source hands over again, by id, over a window of
// time. It remembers a 16-byte key and a hash of the content for each id, in
// generations by the time of the event, so that forgetting is cheap. It belongs
// to one goroutine.
type seen struct {
	window time.Duration
	step   int64 // seconds of one generation
	max    int

	generations map[int64]map[seenKey]uint64 // time/step → ids
	size        int
	newest      int64 // the highest generation
	early       bool  // a generation went before its time
}

type seenKey [16]byte

func newSeen(window time.Duration) *seen {
	step := max(1, int64(window/time.Second)/seenGenerations)
	return &seen{window: window, step: step, max: seenMax, generations: make(map[int64]map[seenKey]uint64)}
}

// look says whether the event was seen, and takes it in. One that is changed
// gets an id of its own, so that no destination takes it for the first. undo
// forgets the event again, for an append that failed; it is nil where nothing
// was taken in.
func (s *seen) look(e *event.Event) (found sighting, undo func()) {
	key, hash := keyOf(e.ID), contentHash(e)
	if known, ok := s.find(key); ok {
		if sameContent(known, hash) {
			return repeated, nil
		}
		id := e.ID + "#" + strconv.FormatUint(hash, 16)
		key = keyOf(id)
		if _, ok := s.find(key); ok {
			return repeated, nil
		}
		found, e.ID = changed, id
	}
	g := e.Occurred.Unix() / s.step
	ids := s.generations[g]
	if ids == nil {
		ids = make(map[seenKey]uint64)
		s.generations[g] = ids
	}
	ids[key] = hash
	s.size++
	s.forget(g)
	return found, func() {
		if _, ok := ids[key]; ok {
			delete(ids, key)
			s.size--
		}
	}
}

// SharedID is the id that an event came with: what look added to it, where
// another event had the same, is left out.
func SharedID(id string) string {
	at := strings.LastIndexByte(id, '#')
	if at < 0 {
		return id
	}
	if _, err := strconv.ParseUint(id[at+1:], 16, 64); err != nil {
		return id
	}
	return id[:at]
}

// has says whether there is an event of that id.
func (s *seen) has(id string) bool {
	_, ok := s.find(keyOf(id))
	return ok
}

// drop forgets an event.
func (s *seen) drop(id string) {
	key := keyOf(id)
	for _, ids := range s.generations {
		if _, ok := ids[key]; ok {
			delete(ids, key)
			s.size--
		}
	}
}

func (s *seen) find(key seenKey) (uint64, bool) {
	for _, ids := range s.generations { // at most seenGenerations and a few
		if hash, ok := ids[key]; ok {
			return hash, true
		}
	}
	return 0, false
}

// forget drops generations that no read can reach any more, and the oldest one
// when there are too many ids.
func (s *seen) forget(g int64) {
	// A clock that is ahead must not push out what is current.
	if now := time.Now().Unix() / s.step; g > now {
		g = now
	}
	if g > s.newest {
		s.newest = g
		for at, ids := range s.generations {
			if at < s.newest-seenGenerations-1 {
				s.size -= len(ids)
				delete(s.generations, at)
			}
		}
	}
	for s.size > s.max && len(s.generations) > 1 {
		oldest := int64(1<<63 - 1)
		for at := range s.generations {
			oldest = min(oldest, at)
		}
		s.size -= len(s.generations[oldest])
		delete(s.generations, oldest)
		s.early = true
	}
}

func keyOf(id string) (k seenKey) {
	sum := sha256.Sum256([]byte(id))
	copy(k[:], sum[:])
	return k
}

// placeBits of a content hash are the workspace's; 0: it is not known.
const placeBits = 1<<16 - 1

// sameContent compares what contentHash gave. What was sent to two workspaces is
// two events; what does not say to which is either.
func sameContent(a, b uint64) bool {
	here, there := a&placeBits, b&placeBits
	return a&^placeBits == b&^placeBits && (here == there || here == 0 || there == 0)
}

// contentHash is a hash of what the producer said, whatever way it came: the
// websocket, a query and an exported file order and space the same event
// differently, and leave out what only the service adds. The workspace is in it
// apart, since some of these ways do not tell it.
func contentHash(e *event.Event) uint64 {
	sum := e.Hash
	if original, ok := originalOf(e.Doc); ok {
		var fields map[string]any
		d := json.NewDecoder(bytes.NewReader(original))
		d.UseNumber()
		if d.Decode(&fields) == nil {
			for _, name := range []string{"received", "account", "workspace"} {
				delete(fields, name)
			}
			dropNulls(fields)
			if canonical, err := json.Marshal(fields); err == nil {
				sum = sha256.Sum256(canonical)
			}
		}
	}
	hash := binary.LittleEndian.Uint64(sum[:8]) &^ placeBits
	if e.Workspace != "" {
		place := sha256.Sum256([]byte(e.Workspace))
		hash |= max(1, uint64(binary.LittleEndian.Uint16(place[:2])))
	}
	return hash
}

// originalOf returns the text of event.original, which a document of ours
// begins with.
func originalOf(doc []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(doc, []byte(`{"event":{"original":`))
	if !ok {
		return nil, false
	}
	var text string
	if json.NewDecoder(bytes.NewReader(rest)).Decode(&text) != nil {
		return nil, false
	}
	return []byte(text), true
}

func dropNulls(v map[string]any) {
	for name, value := range v {
		switch value := value.(type) {
		case nil:
			delete(v, name)
		case map[string]any:
			dropNulls(value)
		}
	}
}
