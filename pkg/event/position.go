package event

import "maps"

// Position is a source's own bookmark, opaque to everyone else. It has parts,
// so that a source that follows thousands of files writes down only those that
// moved: part name (a file's identity, a topic's partition, a feed) → bookmark.
//
// A Position that goes with records is a change: it holds the parts that moved,
// and a part with a nil value is forgotten. A Position that a source is started
// from is whole.
type Position map[string][]byte

// Merge applies the change next to p in place and returns the result, which is
// p itself unless p was nil. It keeps next's values: they must not be changed
// afterwards.
func (p Position) Merge(next Position) Position {
	if p == nil && len(next) > 0 {
		p = make(Position, len(next))
	}
	for part, bookmark := range next {
		if bookmark == nil {
			delete(p, part)
			continue
		}
		p[part] = bookmark
	}
	return p
}

// Clone returns a copy that shares the bookmarks but not the map.
func (p Position) Clone() Position { return maps.Clone(p) }
