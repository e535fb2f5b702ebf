package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// rawFrame is a frame as it is stored, checked against its checksums.
type rawFrame struct {
	header
	offset int64
	meta   []byte
	body   []byte // compressed as header.codec says
	whole  []byte // header, payload and trailer
}

// gapError is a run of bytes that are no sound frame. The scan goes on at to.
type gapError struct {
	from, to int64
	bad      header // of the frame that begins the gap, where it is readable
	named    bool   // whether bad is
}

func (e *gapError) Error() string {
	return fmt.Sprintf("no sound frame in bytes %d to %d", e.from, e.to)
}

// scanner walks the frames of one segment in order, and finds the next sound
// one after damage.
type scanner struct {
	f      io.ReaderAt
	offset int64  // where the next frame begins
	limit  int64  // bytes from here on do not count
	floor  uint64 // no frame from here on can begin with a smaller sequence

	// open: the segment is being written, so that bad bytes which no sound
	// frame follows are not damage but a write that is not finished.
	open bool

	// reuse: the bytes of a frame are valid until the next call only.
	reuse bool

	window []byte // bytes from start on
	start  int64
	ahead  int // how much to read at once
}

const (
	scanWindow    = 256 << 10
	maxScanWindow = 4 << 20
)

func newScanner(f io.ReaderAt, offset, limit int64) *scanner {
	return &scanner{f: f, offset: offset, limit: limit, ahead: scanWindow}
}

// next returns the next frame. Its error is a *gapError for damage, after which
// the scan goes on; io.EOF at the limit, or where only zeros are left; or that
// of the file.
func (s *scanner) next() (rawFrame, error) {
	f, err := s.frameAt(s.offset)
	if err == nil {
		s.offset += f.total()
		s.floor = f.next()
		if f.kind == kindFooter && s.offset+pointerSize == s.limit {
			s.offset = s.limit
		}
		s.ahead = int(min(max(f.total()+headerSize, scanWindow), maxScanWindow))
		return f, nil
	}
	if !errors.Is(err, errNoFrame) {
		return rawFrame{}, err
	}
	if s.offset >= s.limit {
		return rawFrame{}, io.EOF
	}
	return rawFrame{}, s.resync()
}

var errNoFrame = errors.New("no sound frame")

// frameAt reads the frame at offset, or errNoFrame.
func (s *scanner) frameAt(offset int64) (rawFrame, error) {
	h, err := s.headerAt(offset)
	if err != nil {
		return rawFrame{}, err
	}
	b, err := s.read(offset, int(h.total()))
	if err != nil {
		return rawFrame{}, err
	}
	payload := b[headerSize : headerSize+int(h.stored)]
	if checksum(payload) != h.crc {
		return rawFrame{}, errNoFrame
	}
	return rawFrame{header: h, offset: offset, meta: payload[:h.meta], body: payload[h.meta:], whole: b}, nil
}

func (s *scanner) headerAt(offset int64) (header, error) {
	b, err := s.read(offset, headerSize)
	if err != nil {
		return header{}, err
	}
	h, ok := parseHeader(b)
	if !ok || h.first < s.floor || offset+h.total() > s.limit {
		return header{}, errNoFrame
	}
	return h, nil
}

// resync moves to the next sound frame and returns the gap before it, or io.EOF
// where there is nothing but an unwritten end.
func (s *scanner) resync() error {
	gap := &gapError{from: s.offset}
	if h, err := s.headerAt(s.offset); err == nil {
		gap.bad, gap.named = h, true
		// The common case, one damaged frame, is settled by its own length.
		end := s.offset + h.total()
		if _, err := s.frameAt(end); err == nil || (end == s.limit && !s.open) {
			gap.to, s.offset = end, end
			return gap
		}
	}
	to, err := s.search(s.offset + 1)
	if errors.Is(err, errNoFrame) { // the file has become shorter: it was sealed meanwhile
		return io.EOF
	}
	if err != nil {
		return err
	}
	if to == s.limit {
		zero, err := s.zeroFrom(s.offset)
		if err != nil {
			return err
		}
		if zero || s.open {
			s.window = nil // what is there now may change
			return io.EOF
		}
	}
	gap.to, s.offset = to, to
	return gap
}

// search returns the offset of the first sound frame at or after offset; the
// limit if there is none.
func (s *scanner) search(offset int64) (int64, error) {
	for offset < s.limit {
		n := int(min(s.limit-offset, maxScanWindow/4))
		b, err := s.read(offset, n)
		if err != nil {
			return 0, err
		}
		i := bytes.Index(b, []byte(frameMagic))
		if i < 0 {
			if n < len(frameMagic) || offset+int64(n) == s.limit {
				return s.limit, nil
			}
			offset += int64(n - len(frameMagic) + 1)
			continue
		}
		offset += int64(i)
		_, err = s.frameAt(offset)
		if err == nil {
			return offset, nil
		}
		if !errors.Is(err, errNoFrame) {
			return 0, err
		}
		offset++
	}
	return s.limit, nil
}

// zeroFrom reports whether there are only zeros from offset to the limit.
func (s *scanner) zeroFrom(offset int64) (bool, error) {
	for offset < s.limit {
		n := int(min(s.limit-offset, maxScanWindow/4))
		b, err := s.read(offset, n)
		if err != nil {
			return false, err
		}
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return false, nil
		}
		offset += int64(n)
	}
	return true, nil
}

// read returns n bytes at offset, errNoFrame where that passes the limit.
func (s *scanner) read(offset int64, n int) ([]byte, error) {
	if offset+int64(n) > s.limit {
		return nil, errNoFrame
	}
	if at := offset - s.start; at >= 0 && at+int64(n) <= int64(len(s.window)) {
		return s.window[at : at+int64(n) : at+int64(n)], nil
	}
	if err := s.refill(offset, n); err != nil {
		return nil, err
	}
	return s.window[:n:n], nil
}

// refill makes the window begin at offset and hold at least n bytes. Bytes that
// were read already are copied, not read again.
func (s *scanner) refill(offset int64, n int) error {
	size := int(min(max(int64(n), int64(s.ahead)), s.limit-offset))
	var kept []byte
	if at := offset - s.start; at >= 0 && at < int64(len(s.window)) {
		kept = s.window[at:]
	}
	var b []byte
	if s.reuse && size <= cap(s.window) {
		b = s.window[:size]
	} else {
		b = make([]byte, size)
	}
	have := copy(b, kept)
	s.window, s.start = b, offset
	got, err := s.f.ReadAt(b[have:], offset+int64(have))
	if have+got >= n {
		s.window = b[:have+got]
		return nil
	}
	s.window = nil
	if errors.Is(err, io.EOF) {
		return errNoFrame // the file is shorter than it was said to be
	}
	return err
}
