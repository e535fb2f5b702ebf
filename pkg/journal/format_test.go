package journal

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/journal-format.md and the code give the same numbers.
func TestDocumentedFormat(t *testing.T) {
	b, err := os.ReadFile("../../docs/journal-format.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for _, want := range []string{
		fmt.Sprintf("## Segment header, %d bytes", segmentHeaderSize),
		fmt.Sprintf("Header (%d bytes), payload, trailer (%d bytes)", headerSize, trailerSize),
		fmt.Sprintf("| 0 | 8 | `% x` |", frameMagic),
		fmt.Sprintf("| 20 | 4 | `% x` |", trailerMark),
		fmt.Sprintf("`% x` (4)", pointerMark),
		fmt.Sprintf("last %d bytes", pointerSize),
		fmt.Sprintf("| %d | 32 | chain hash of the last frame", footerFixed),
		fmt.Sprintf("| %d | %d each | entries", footerFixed+32, entrySize),
		fmt.Sprintf("at least %d KiB together", indexStep>>10),
		fmt.Sprintf("kind: %d events, %d checkpoint, %d footer", kindEvents, kindCheckpoint, kindFooter),
		fmt.Sprintf("%d none, %d s2 block, %d zstd frame", codecNone, codecS2, codecZstd),
		fmt.Sprintf("## Cursor file, %d bytes", cursorSize),
		fmt.Sprintf("Room is allocated %d MiB ahead", allocateStep>>20),
		fmt.Sprintf("%d KiB at most, zeros are written %d KiB ahead", padLargest>>10, padStep>>10),
		fmt.Sprintf("Two slots of %d bytes", slotSize),
		fmt.Sprintf("| %d | 4 | CRC-32C of bytes 0–91 |", slotLength-4),
		fmt.Sprintf("| %d | 16 | identity of the journal that the sequences are of", slotLength),
		fmt.Sprintf("| %d | 4 | CRC-32C of bytes 0–91 and 96–111", slotWhole-4),
		fmt.Sprintf("at most %d GiB", maxPayload>>30),
		fmt.Sprintf("%d MiB that is given up", reserveBytes>>20),
	} {
		if !strings.Contains(doc, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// The fields of a frame lie where the page says.
func TestFrameLayout(t *testing.T) {
	h := header{
		kind: kindEvents, codec: codecS2, events: 3, first: 0x1122, appended: 0x3344, minOccur: 0x5566, maxOccur: 0x7788,
		meta: 1, raw: 9,
	}
	r := request{header: h}
	r.finish(append(make([]byte, headerSize), "payload"...))
	chain := r.seal(r.frame, [32]byte{1}, r.digest)
	for _, field := range []struct {
		name   string
		offset int
		want   []byte
	}{
		{"magic", 0, []byte(frameMagic)},
		{"kind", 8, []byte{1}},
		{"codec", 9, []byte{1}},
		{"stored", 12, []byte{7, 0, 0, 0}},
		{"meta", 16, []byte{1, 0, 0, 0}},
		{"raw", 20, []byte{9, 0, 0, 0}},
		{"events", 24, []byte{3, 0, 0, 0}},
		{"first", 32, []byte{0x22, 0x11, 0}},
		{"appended", 40, []byte{0x44, 0x33, 0}},
		{"earliest", 48, []byte{0x66, 0x55, 0}},
		{"latest", 56, []byte{0x88, 0x77, 0}},
		{"chain", 64, chain[:]},
		{"payload", 100, []byte("payload")},
		{"trailer's first", 107, []byte{0x22, 0x11, 0}},
		{"trailer's events", 115, []byte{3, 0, 0, 0}},
		{"trailer's length", 119, []byte{131, 0, 0, 0}},
		{"mark", 127, []byte(trailerMark)},
	} {
		if got := r.frame[field.offset:]; !bytes.HasPrefix(got, field.want) {
			t.Errorf("%s at %d: % x, want % x", field.name, field.offset, got[:len(field.want)], field.want)
		}
	}
}
