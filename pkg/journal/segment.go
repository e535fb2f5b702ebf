package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// segmentHeaderSize is the size in bytes of what a segment begins with.
const segmentHeaderSize = 128

// segmentMagic begins each segment; its last byte is the format's version.
const segmentMagic = "shiplog\x01"

const segmentSuffix = ".seg"

// segmentHeader says where a segment belongs.
type segmentHeader struct {
	first    uint64   // sequence of the segment's first event
	created  int64    // Unix nanoseconds
	previous uint64   // first sequence of the segment before; 0: there is none
	prior    [32]byte // chain hash at the end of the segment before
	log      [16]byte // identity of the journal, the same in all its segments
}

// identityText is a journal's identity as others are told it: empty where it is
// not known.
func identityText(id [16]byte) string {
	if id == ([16]byte{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}

func (h *segmentHeader) encode() []byte {
	b := make([]byte, segmentHeaderSize)
	le := binary.LittleEndian
	copy(b, segmentMagic)
	le.PutUint64(b[8:], h.first)
	le.PutUint64(b[16:], uint64(h.created)) // #nosec G115 -- two's complement, read back the same way
	le.PutUint64(b[24:], h.previous)
	copy(b[32:], h.prior[:])
	copy(b[64:], h.log[:])
	le.PutUint32(b[124:], checksum(b[:124]))
	return b
}

// parseSegmentHeader reads a header; ok is false unless it is sound.
func parseSegmentHeader(b []byte) (h segmentHeader, ok bool) {
	le := binary.LittleEndian
	if len(b) < segmentHeaderSize || string(b[:8]) != segmentMagic || le.Uint32(b[124:]) != checksum(b[:124]) {
		return segmentHeader{}, false
	}
	h.first = le.Uint64(b[8:])
	h.created = int64(le.Uint64(b[16:])) // #nosec G115 -- two's complement, as it was written
	h.previous = le.Uint64(b[24:])
	copy(h.prior[:], b[32:])
	copy(h.log[:], b[64:])
	return h, true
}

// segmentSeed is what a segment's first frame is chained to: the SHA-256 of the
// segment's header, which holds the end of the chain before.
func segmentSeed(header []byte) [32]byte { return sha256.Sum256(header) }

// segment is one file of the journal.
type segment struct {
	first   uint64
	size    int64     // bytes that may be read; of the last segment, the durable ones
	created time.Time // zero: not read yet
	index   *index    // of the last segment; of others, in their footer
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// parseSegmentName returns the first sequence that a segment's name gives.
func parseSegmentName(name string) (first uint64, ok bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0
}

// listSegments returns the journal's segments, oldest first.
func listSegments(d disk, dir string) ([]*segment, error) {
	files, err := d.list(dir)
	if err != nil {
		return nil, err
	}
	var segments []*segment
	for name, size := range files {
		if first, ok := parseSegmentName(name); ok {
			segments = append(segments, &segment{first: first, size: size})
		}
	}
	slices.SortFunc(segments, func(a, b *segment) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	return segments, nil
}

// readSegmentHeader reads the header of a segment in dir. Raw is nil where the
// file is too short.
func readSegmentHeader(d disk, dir string, first uint64) (h segmentHeader, raw []byte, ok bool, err error) {
	f, err := d.open(filepath.Join(dir, segmentName(first)))
	if err != nil {
		return h, nil, false, err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, segmentHeaderSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return h, nil, false, nil // too short or unreadable: damage, which ok tells
	}
	h, ok = parseSegmentHeader(b)
	return h, b, ok, nil
}
