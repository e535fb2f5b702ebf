package spool

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// How much of a file is remembered to know it again: the first bytes that were
// read and the last ones before the offset. Lines of an audit log have a time
// or an id in them, so both together tell any two contents apart.
const (
	headSize = 1024
	tailSize = 128

	startSize = 64 // of the head, kept in memory
)

// A bookmark is what is kept of one file between runs: the value of one part of
// the position.
type bookmark struct {
	offset int64  // bytes read, decompressed
	head   digest // of the first min(headSize, offset) bytes
	tail   digest // of the last min(tailSize, offset) bytes before offset
	dev    uint64
	ino    uint64
	gone   int64 // Unix time in seconds when the file was missed; 0: it is there
	bad    int64 // size on disk at which the content was found damaged, plus 1; 0: it was not
	mtime  int64 // Unix time in nanoseconds when the file was last changed, as far as was read
	packed packing
	path   string // where the file was last seen
}

type digest [8]byte

func digestOf(b []byte) digest {
	sum := sha256.Sum256(b)
	return digest(sum[:8])
}

func (b *bookmark) headLen() int { return int(min(headSize, b.offset)) }
func (b *bookmark) tailLen() int { return int(min(tailSize, b.offset)) }

const bookmarkVersion = 1

// append encodes the bookmark: a version byte, the
// packing, six varints (offset, device,
// inode, gone, bad, mtime), the two digests, and the path to the end.
func (b *bookmark) append(dst []byte) []byte {
	dst = append(dst, bookmarkVersion, byte(b.packed))
	dst = binary.AppendUvarint(dst, uint64(b.offset)) //nolint:gosec // G115: offsets are not negative
	dst = binary.AppendUvarint(dst, b.dev)
	dst = binary.AppendUvarint(dst, b.ino)
	dst = binary.AppendUvarint(dst, uint64(b.gone)) //nolint:gosec // G115: after 1970
	dst = binary.AppendUvarint(dst, uint64(b.bad))  //nolint:gosec // G115: sizes are not negative
	dst = binary.AppendVarint(dst, b.mtime)
	dst = append(dst, b.head[:]...)
	dst = append(dst, b.tail[:]...)
	return append(dst, b.path...)
}

var errBookmark = errors.New("not a bookmark of a spool file")

func parseBookmark(v []byte) (bookmark, error) {
	if len(v) < 2 || v[0] != bookmarkVersion {
		return bookmark{}, errBookmark
	}
	packed := packing(v[1])
	v = v[2:]
	var n [5]uint64
	for i := range n {
		x, w := binary.Uvarint(v)
		if w <= 0 {
			return bookmark{}, errBookmark
		}
		n[i], v = x, v[w:]
	}
	b := bookmark{offset: int64(n[0]), dev: n[1], ino: n[2], gone: int64(n[3]), bad: int64(n[4]), packed: packed} //nolint:gosec // G115: checked below
	var w int
	if b.mtime, w = binary.Varint(v); w <= 0 {
		return bookmark{}, errBookmark
	}
	v = v[w:]
	if b.offset < 0 || b.gone < 0 || b.bad < 0 || len(v) < len(b.head)+len(b.tail) {
		return bookmark{}, errBookmark
	}
	copy(b.head[:], v)
	copy(b.tail[:], v[len(b.head):])
	b.path = string(v[len(b.head)+len(b.tail):])
	return b, nil
}
