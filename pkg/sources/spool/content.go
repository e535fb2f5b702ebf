package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
)

// packing is how a file's content is compressed.
type packing uint8

const (
	unsure packing = iota // too short to tell
	plain
	packedGzip
	packedZstd
)

// errDamaged is wrapped by errors for content that cannot be decompressed.
var errDamaged = errors.New("damaged")

// packingOf tells by the first bytes, and by the name only whether to wait for
// more of them.
func packingOf(magic []byte, path string) packing {
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		return packedGzip
	case len(magic) >= 4 && bytes.Equal(magic[:4], []byte{0x28, 0xb5, 0x2f, 0xfd}),
		len(magic) >= 4 && magic[0]>>4 == 5 && bytes.Equal(magic[1:4], []byte{0x2a, 0x4d, 0x18}): // skippable frame
		return packedZstd
	case len(magic) < 4 && packedSuffix.MatchString(path), len(magic) == 0, len(magic) == 1 && magic[0] == 0x1f:
		return unsure
	default:
		return plain
	}
}

// content is a file's decompressed bytes. ReadAt fills p or returns io.EOF with
// what there is so far; reading backwards far is expensive where the file is
// compressed.
type content interface {
	io.ReaderAt
	io.Closer
}

// unpacked reads a compressed file as content.
type unpacked struct {
	file    *os.File
	kind    packing
	members *members
	dec     io.Reader // nil: not begun
	close   func()
	pos     int64  // of the next byte that dec gives
	back    []byte // the bytes before pos that may be asked for again
	ended   error  // what dec ended with
	now     func() time.Time
	spent   time.Duration // on decompressing
}

func (u *unpacked) ReadAt(p []byte, off int64) (int, error) {
	began := u.now()
	defer func() { u.spent += u.now().Sub(began) }()
	from := u.members.before(off)
	if off < u.pos-int64(len(u.back)) || from.off > u.pos || u.dec == nil && u.ended == nil {
		u.start(from)
	}
	n := 0
	if off < u.pos {
		n = copy(p, u.back[int64(len(u.back))-(u.pos-off):])
	} else if off > u.pos {
		if u.skip(off-u.pos) != nil {
			return 0, u.end()
		}
	}
	for n < len(p) && u.ended == nil {
		m, err := u.dec.Read(p[n:])
		n += m
		u.pos += int64(m)
		u.ended = err
	}
	if off+int64(n) == u.pos {
		u.keep(p[:n])
	}
	if n < len(p) {
		return n, u.end()
	}
	return n, nil
}

// keep remembers what a next read may begin with: the line that p ends in, and
// the bytes before it that identify it.
func (u *unpacked) keep(p []byte) {
	from := max(0, bytes.LastIndexByte(p, '\n')+1-tailSize)
	u.back = append(u.back[:0], p[from:]...)
}

func (u *unpacked) skip(n int64) error {
	if u.ended != nil {
		return u.ended
	}
	m, err := io.CopyN(io.Discard, u.dec, n)
	u.pos += m
	u.back = u.back[:0]
	u.ended = err
	return err
}

// end translates how decompression ended: a file cut short may still grow, so
// that is an ordinary end.
func (u *unpacked) end() error {
	switch {
	case errors.Is(u.ended, io.EOF), errors.Is(u.ended, io.ErrUnexpectedEOF), u.ended == nil:
		return io.EOF
	case errors.Is(u.ended, gzip.ErrHeader) && u.pos > 0:
		return io.EOF // padding after the last member
	case isPathError(u.ended):
		return u.ended
	default:
		return fmt.Errorf("decompress %s at byte %d: %w: %w", u.file.Name(), u.pos, errDamaged, u.ended)
	}
}

func isPathError(err error) bool {
	_, ok := errors.AsType[*os.PathError](err)
	return ok
}

// start begins to decompress at a member.
func (u *unpacked) start(from member) {
	u.reset()
	u.pos = from.off
	if u.kind == packedGzip {
		u.dec = newGzipReader(u.file, from, u.members.add)
		return
	}
	dec, err := newZstdReader(u.file, from, u.members.add)
	if err != nil {
		u.ended = err
		return
	}
	u.dec, u.close = dec, dec.dec.Close
}

// reset gives up what decompressing takes.
func (u *unpacked) reset() {
	if u.close != nil {
		u.close()
	}
	u.dec, u.close, u.ended, u.pos, u.back = nil, nil, nil, 0, u.back[:0]
}

// forget gives up what is remembered of the file, and says whether that was
// anything: then what was read by it may be wrong.
func (u *unpacked) forget() bool {
	if len(u.members.known) == 0 {
		return false
	}
	u.members.known = nil
	u.reset()
	return true
}

// cut says whether the file ended in the middle: it is still being compressed.
func (u *unpacked) cut() bool { return errors.Is(u.ended, io.ErrUnexpectedEOF) }

// Close implements io.Closer.
func (u *unpacked) Close() error {
	u.reset()
	return u.file.Close()
}
