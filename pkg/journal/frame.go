package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

// Sizes in bytes of the fixed parts of a frame.
const (
	headerSize  = 100
	trailerSize = 24

	// maxPayload bounds a frame's payload, stored and raw: a length beyond it
	// is damage, and is never allocated.
	maxPayload = 1 << 30
)

// frameMagic begins each frame. Its first byte never occurs in UTF-8, so that
// no JSON document can hold it.
const frameMagic = "\xf5SHIP\r\n\x1a"

// trailerMark ends each frame. Its last byte is not zero, so that a frame which
// was not written to its end can be told from one that was altered.
const trailerMark = "\xf5END"

// frameKind says what a frame is for.
type frameKind uint8

const (
	kindEvents     frameKind = 1 // a batch of events and the change of a position
	kindCheckpoint frameKind = 2 // all positions, whole
	kindFooter     frameKind = 3 // the segment's index: nothing follows but the pointer
)

// header is the fixed part at a frame's start.
type header struct {
	kind     frameKind
	codec    codec
	stored   uint32 // length of the payload as it is stored: meta and body
	meta     uint32 // length of the payload's first part, which is never compressed
	raw      uint32 // length of the body once decompressed
	events   uint32
	crc      uint32 // of the stored payload
	first    uint64 // sequence of the first event; without events, the next sequence
	appended int64  // Unix nanoseconds
	minOccur int64  // Unix microseconds; without events, larger than maxOccur
	maxOccur int64
	chain    [32]byte
}

func (h *header) total() int64 { return headerSize + int64(h.stored) + trailerSize }

// next is the sequence after the frame.
func (h *header) next() uint64 { return h.first + uint64(h.events) }

func (h *header) appendedTime() time.Time { return time.Unix(0, h.appended).UTC() }

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli()) }

// seal writes the header and the trailer around the payload that lies in frame,
// and links it to the chain: its own chain hash, which it returns, is the
// SHA-256 of the previous one, of the header up to there, and of the payload's
// digest. Hashing the digest instead of the payload lets callers of Append hash
// in parallel.
func (h *header) seal(frame []byte, prev, digest [32]byte) [32]byte {
	b := frame[:headerSize]
	h.putFields(b)
	h.chain = chainHash(prev, b[:64], digest)
	copy(b[64:], h.chain[:])
	binary.LittleEndian.PutUint32(b[96:], checksum(b[:96]))
	h.putTrailer(frame[headerSize+int(h.stored):])
	return h.chain
}

func (h *header) putFields(b []byte) {
	le := binary.LittleEndian
	copy(b, frameMagic)
	b[8], b[9], b[10], b[11] = byte(h.kind), byte(h.codec), 0, 0
	le.PutUint32(b[12:], h.stored)
	le.PutUint32(b[16:], h.meta)
	le.PutUint32(b[20:], h.raw)
	le.PutUint32(b[24:], h.events)
	le.PutUint32(b[28:], h.crc)
	le.PutUint64(b[32:], h.first)
	le.PutUint64(b[40:], uint64(h.appended)) // #nosec G115 -- two's complement, read back the same way
	le.PutUint64(b[48:], uint64(h.minOccur)) // #nosec G115 -- as above
	le.PutUint64(b[56:], uint64(h.maxOccur)) // #nosec G115 -- as above
}

func (h *header) putTrailer(b []byte) {
	le := binary.LittleEndian
	le.PutUint64(b, h.first)
	le.PutUint32(b[8:], h.events)
	le.PutUint32(b[12:], uint32(h.total())) // #nosec G115 -- maxPayload keeps it far below 4 GiB
	le.PutUint32(b[16:], checksum(b[:16]))
	copy(b[20:], trailerMark)
}

// chainHash links a frame to the one before it.
func chainHash(prev [32]byte, fields []byte, digest [32]byte) [32]byte {
	var b [32 + 64 + 32]byte
	copy(b[:], prev[:])
	copy(b[32:], fields)
	copy(b[96:], digest[:])
	return sha256.Sum256(b[:])
}

// parseHeader reads a header; ok is false unless it is a whole and sound one.
func parseHeader(b []byte) (h header, ok bool) {
	le := binary.LittleEndian
	if len(b) < headerSize || string(b[:8]) != frameMagic || le.Uint32(b[96:]) != checksum(b[:96]) {
		return header{}, false
	}
	h = header{
		kind:     frameKind(b[8]),
		codec:    codec(b[9]),
		stored:   le.Uint32(b[12:]),
		meta:     le.Uint32(b[16:]),
		raw:      le.Uint32(b[20:]),
		events:   le.Uint32(b[24:]),
		crc:      le.Uint32(b[28:]),
		first:    le.Uint64(b[32:]),
		appended: int64(le.Uint64(b[40:])), // #nosec G115 -- two's complement, as it was written
		minOccur: int64(le.Uint64(b[48:])), // #nosec G115 -- as above
		maxOccur: int64(le.Uint64(b[56:])), // #nosec G115 -- as above
	}
	copy(h.chain[:], b[64:96])
	return h, h.sound()
}

// sound reports whether the fields can be true.
func (h *header) sound() bool {
	return h.kind >= kindEvents && h.kind <= kindFooter &&
		h.stored <= maxPayload && h.raw <= maxPayload && h.meta <= h.stored &&
		h.first > 0 && h.first <= math.MaxUint64-uint64(h.events)
}

// trailer repeats what a lost header would take with it.
type trailer struct {
	first  uint64
	events uint32
	total  int64
}

// parseTrailer reads the trailer that ends at the end of b.
func parseTrailer(b []byte) (t trailer, ok bool) {
	if len(b) < trailerSize {
		return trailer{}, false
	}
	le := binary.LittleEndian
	b = b[len(b)-trailerSize:]
	if string(b[20:]) != trailerMark || le.Uint32(b[16:]) != checksum(b[:16]) {
		return trailer{}, false
	}
	return trailer{first: le.Uint64(b), events: le.Uint32(b[8:]), total: int64(le.Uint32(b[12:]))}, true
}
