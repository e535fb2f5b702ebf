package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

// Whatever the bytes, the scanner comes to the end, moves forward only, and
// what it gives decodes or is refused.
func FuzzScanner(f *testing.F) {
	golden, err := os.ReadFile(goldenSegment)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden, true)
	f.Add(golden[:len(golden)-40], false)
	f.Add(append(bytes.Clone(golden[:700]), golden[900:]...), false)
	f.Add([]byte{}, false)
	z := newDecompressor()
	f.Fuzz(func(t *testing.T, b []byte, open bool) {
		s := newScanner(bytes.NewReader(b), 0, int64(len(b)))
		s.open = open
		for at := int64(-1); ; {
			frame, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if _, gap := errors.AsType[*gapError](err); err != nil && !gap {
				t.Fatal(err)
			}
			if s.offset <= at {
				t.Fatalf("offset %d after %d", s.offset, at)
			}
			at = s.offset
			if err != nil {
				continue
			}
			if frame.raw > 1<<20 {
				continue // sound, but not what this target is for
			}
			_, _ = decodeMarks(frame.meta)
			if m, err := z.expand(&frame.header, frame.body); err == nil {
				_, _ = decodeEvents(nil, m.raw, int(frame.events), frame.first, "")
			}
			_, _, _ = decodeIndex(frame.body)
		}
	})
}

// Whatever the bytes of a payload, decoding neither fails badly nor reads
// beyond them.
func FuzzPayload(f *testing.F) {
	e := makeEvent(1)
	f.Add(appendEvent(nil, &e, "spool"), 1)
	f.Add(appendEvent(appendEvent(nil, &e, "spool"), &e, "other"), 2)
	f.Add(encodeMarks([]mark{{"spool", map[string][]byte{"a": nil, "b": []byte("x")}}}), 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 0 {
			return
		}
		if events, err := decodeEvents(nil, b, n, 1, "s"); err == nil && len(events) != n {
			t.Errorf("%d events, want %d", len(events), n)
		}
		if marks, err := decodeMarks(b); err == nil {
			if again, err := decodeMarks(encodeMarks(marks)); err != nil || len(again) != len(marks) {
				t.Errorf("marks %v do not come back: %v", marks, err)
			}
		}
		_, _, _ = decodeIndex(b)
	})
}
