package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// sectorSize is the unit in which a disk writes: after a power cut each sector
// is either as it was or as it was to be.
const sectorSize = 512

// rest returns the bytes of f from offset up to size, without the zeros at
// their end.
func rest(f io.ReaderAt, offset, size int64) ([]byte, error) {
	b := make([]byte, size-offset)
	n, err := f.ReadAt(b, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read what follows the last frame: %w", err)
	}
	return bytes.TrimRight(b[:n], "\x00"), nil
}

// judge looks at bytes that no sound frame begins, at offset in the file, where
// sequence should come next. If they begin with a frame that was once written
// to its end, it returns its size and the sequence after it; and its header,
// where that is readable. Otherwise whole is 0.
func judge(b []byte, offset int64, sequence uint64) (whole int, next uint64, h *header) {
	if hd, ok := parseHeader(b); ok && hd.first >= sequence {
		if hd.total() > int64(len(b)) || hollow(b[:hd.total()], offset) {
			return 0, 0, nil
		}
		return int(hd.total()), hd.next(), &hd
	}
	for end := len(b); end >= trailerSize; {
		i := bytes.LastIndex(b[:end], []byte(trailerMark))
		if i < 0 {
			return 0, 0, nil
		}
		t, ok := parseTrailer(b[:i+len(trailerMark)])
		if ok && t.total <= int64(i+len(trailerMark)) && t.first >= sequence && !hollow(b[:i+len(trailerMark)], offset) {
			return i + len(trailerMark), t.first + uint64(t.events), nil
		}
		end = i + len(trailerMark) - 1
	}
	return 0, 0, nil
}

// hollow reports whether a whole sector of b, which lies at offset in the file,
// was never written.
func hollow(b []byte, offset int64) bool {
	zero := make([]byte, sectorSize)
	skip := int((sectorSize - offset%sectorSize) % sectorSize)
	for i := skip; i+sectorSize <= len(b); i += sectorSize {
		if bytes.Equal(b[i:i+sectorSize], zero) {
			return true
		}
	}
	return false
}
