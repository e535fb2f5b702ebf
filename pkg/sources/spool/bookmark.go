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

	startSize = 256 // of the head, kept in memory

	leastAlike = 32 // bytes that must be equal before a file is taken for a copy
)

// A bookmark is what is kept of one stream between runs: the value of one part
// of the position.
type bookmark struct {
	offset int64  // bytes read, decompressed
	head   digest // of the first min(headSize, offset) bytes
	tail   digest // of the last min(tailSize, offset) bytes before offset
	main   inode  // the file that was last read; zero: it no longer has this content
	gone   int64  // Unix time in seconds since when no file has it; 0: one has
	bad    int64  // size on disk at which main was found damaged, plus 1; 0: it was not
	path   string // where it was last seen
}

type digest [8]byte

func digestOf(b []byte) digest {
	sum := sha256.Sum256(b)
	return digest(sum[:8])
}

func (b *bookmark) headLen() int { return int(min(headSize, b.offset)) }
func (b *bookmark) tailLen() int { return int(min(tailSize, b.offset)) }

const bookmarkVersion = 2

// append encodes the bookmark: a version byte, five varints (offset, device,
// inode, gone, bad), the two digests, and the path to the end.
func (b *bookmark) append(dst []byte) []byte {
	dst = append(dst, bookmarkVersion)
	dst = binary.AppendUvarint(dst, uint64(b.offset)) //nolint:gosec // G115: offsets are not negative
	dst = binary.AppendUvarint(dst, b.main.dev)
	dst = binary.AppendUvarint(dst, b.main.ino)
	dst = binary.AppendUvarint(dst, uint64(b.gone)) //nolint:gosec // G115: after 1970
	dst = binary.AppendUvarint(dst, uint64(b.bad))  //nolint:gosec // G115: sizes are not negative
	dst = append(dst, b.head[:]...)
	dst = append(dst, b.tail[:]...)
	return append(dst, b.path...)
}

var errBookmark = errors.New("not a bookmark of a spool file")

func parseBookmark(v []byte) (bookmark, error) {
	if len(v) < 1 || v[0] != bookmarkVersion {
		return bookmark{}, errBookmark
	}
	v = v[1:]
	var n [5]uint64
	for i := range n {
		x, w := binary.Uvarint(v)
		if w <= 0 {
			return bookmark{}, errBookmark
		}
		n[i], v = x, v[w:]
	}
	b := bookmark{offset: int64(n[0]), main: inode{n[1], n[2]}, gone: int64(n[3]), bad: int64(n[4])} //nolint:gosec // G115: checked below
	if b.offset < 0 || b.gone < 0 || b.bad < 0 || len(v) < len(b.head)+len(b.tail) {
		return bookmark{}, errBookmark
	}
	copy(b.head[:], v)
	copy(b.tail[:], v[len(b.head):])
	b.path = string(v[len(b.head)+len(b.tail):])
	return b, nil
}
